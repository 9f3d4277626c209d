"""Adam as the released code writes it, run by torch's fused kernel.

    rate_t = rate · √(1 − β2^t) / (1 − β1^t)
    p ← p − rate_t · m / (√v + ε) − rate_t · decay · p        decay for tensors of rank > 1 only

torch's AdamW puts ε inside the bias correction and decays by the plain rate. Both become the lines above when ε and
the decay of update t are given to it as ε / √(1 − β2^t) and decay · √(1 − β2^t) / (1 − β1^t). With `adam = "torch"`
they are left as they are.

Source: points 4 and 5 of the paper's recipe, which docs/paper-map.md numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from foretext.training.plan import Plan, rate_shares

CLIP_EPSILON = 1e-6  # added to the norm, as torch's clip_grad_norm_ does


def excess(norm: Tensor, largest: float) -> Tensor | None:
    """What to divide gradients of this norm by so that it is `largest` at most; None where they stay as they are."""
    return ((norm.float() + CLIP_EPSILON) / largest).clamp_(min=1.0) if largest else None


def moment_bytes(optimizer: Optimizer, parameters: Iterable[nn.Parameter]) -> int:
    """How large the optimizer's state of these parameters is, but for counts of updates."""
    return sum(p.nbytes * sum(name != "step" for name in optimizer.kept(p)) for p in parameters)


class Optimizer(Protocol):
    """What a training needs of its optimizer: `clip`, `leave_out`, `prepare`, `step`, `zero_grad`, in that order."""

    @property
    def state(self) -> Any:
        """Tensors by name for each parameter, empty before the first step; checkpoints keep and fill it."""

    def kept(self, parameter: nn.Parameter) -> tuple[str, ...]:
        """The names of the tensors that `state` has for a parameter; all but "step" are of its shape."""

    def lines(self) -> list[str]:
        """What is to be said of it when a run begins."""

    def clip(self, largest: float) -> Tensor:
        """The gradient's global norm; the next step goes by a gradient of norm `largest` at most (0: as it is)."""

    def leave_out(self, decided: Tensor | None) -> None:
        """With a 1 the next step changes nothing, neither weights nor moments nor their count."""

    def prepare(self, update: int, rate: float) -> None:
        """Sets the rate of `update`, counted from 0; those that were left out do not count."""

    def step(self) -> Any:
        """Moves the parameters."""

    def zero_grad(self) -> None:
        """Forgets the gradients."""


class Adam(torch.optim.AdamW):
    """The optimizer over a model's parameters, but for `others`; call `prepare(update, rate)` before each `step()`."""

    def __init__(self, model: nn.Module, plan: Plan, *, others: Set[nn.Parameter] = frozenset()) -> None:
        self.plan = plan
        named = {name: p for name, p in model.named_parameters() if p.requires_grad and p not in others}
        shares = rate_shares(dict(model.named_parameters()), plan.layer_decay)
        groups: list[dict[str, Any]] = [
            {
                "params": [p for name, p in named.items() if shares[name] == share and (p.dim() > 1) == decays],
                "decays": decays,
                "share": share,
            }
            for share in dict.fromkeys(shares.values())
            for decays in (True, False)
        ]
        super().__init__(groups, lr=0.0, betas=(plan.beta1, plan.beta2), eps=plan.epsilon, fused=True)

    def kept(self, parameter: nn.Parameter) -> tuple[str, ...]:
        """Both moments, and how many updates they are of."""
        return "exp_avg", "exp_avg_sq", "step"

    def lines(self) -> list[str]:
        """Nothing: what the paper has needs no word."""
        return []

    def clip(self, largest: float) -> Tensor:
        """The gradient's global norm; the next step scales it down to `largest` if it is above (0: never).

        The fused kernel scales as it goes along, which spares a pass over all gradients.
        """
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        self.scale_down(excess(norm, largest))
        return norm

    def scale_down(self, by: Tensor | None) -> None:
        """Has the next step divide its gradients by this number; the kernel reads it where it is."""
        self.grad_scale = by

    def leave_out(self, decided: Tensor | None) -> None:
        """With a 1 the next step changes nothing; the kernel reads it where it is."""
        self.found_inf = decided

    def prepare(self, update: int, rate: float) -> None:
        """Sets the rate of `update` (counted from 0) and what follows from it."""
        count = update + 1
        second = correction = 1.0
        if self.plan.adam == "released":
            second = math.sqrt(1 - self.plan.beta2**count)
            correction = second / (1 - self.plan.beta1**count)
        for group in self.param_groups:
            group["lr"] = rate * group["share"]
            group["eps"] = self.plan.epsilon / second
            group["weight_decay"] = self.plan.weight_decay * correction if group["decays"] else 0.0
