"""max(x, 0) squared, with a gradient that keeps one array and passes over it once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def plain_relu2(values: Tensor) -> Tensor:
    """max(x, 0)² (So et al. 2021)."""
    return values.relu().square()


def relu2(values: Tensor) -> Tensor:
    """The same."""
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and values.requires_grad):
        return plain_relu2(values)
    return _Relu2.apply(values)  # type: ignore[no-any-return,no-untyped-call]


class _Relu2(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        positive = values.relu()
        ctx.save_for_backward(positive)
        return positive.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        product: Tensor = gradient * positive
        return product.mul_(2)
