"""What keeps states at one scale: layer norm, as in the paper, or RMSNorm, which leaves the mean where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from foretext.model.kernels.rms import rms_norm

if TYPE_CHECKING:
    from foretext.model.settings import ModelSettings, Norm


class RMSNorm(nn.Module):
    """x / √(mean of x² + ε) · gain, over the last dimension (Zhang and Sennrich 2019).

    The mean is taken in fp32 at least. What comes out has the type of what goes in, and is rounded to it before the
    gain, as in Llama.
    """

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.epsilon = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, states: Tensor) -> Tensor:
        """The states, normalised, `(…, width)`."""
        return rms_norm(states, self.weight, self.epsilon)


NORMS: dict[Norm, Callable[..., nn.Module]] = {"layer": nn.LayerNorm, "rms": RMSNorm}


def norm(settings: ModelSettings) -> nn.Module:
    """A new norm over states of the model's width."""
    return NORMS[settings.norm](settings.width, eps=settings.norm_epsilon)
