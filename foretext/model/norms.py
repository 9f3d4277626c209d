"""What keeps states at one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from foretext.model.settings import ModelSettings


def norm(settings: ModelSettings) -> nn.Module:
    """A new norm over states of the model's width."""
    return nn.LayerNorm(settings.width, eps=settings.norm_epsilon)
