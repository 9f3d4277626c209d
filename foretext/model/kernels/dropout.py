"""Dropout whose masks come from 16 random bits an entry: the same law as torch's, several times faster on a CPU.

The probability is rounded to a multiple of 1/65,536 (0.1 becomes 0.100006) and survivors are scaled by exactly
what the rounded probability asks for, so the expectation is kept.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

_STEPS = 1 << 16


def plain_dropout(values: Tensor, probability: float, kept: Tensor | None = None) -> Tensor:
    """Each entry by itself 0 with `probability`, else divided by 1 − `probability`; `kept` says which, where given."""
    kept = torch.rand_like(values) >= probability if kept is None else kept.bool()
    return torch.where(kept, values / (1 - probability), torch.zeros_like(values))


def dropout(values: Tensor, probability: float, training: bool) -> Tensor:
    """`values` with entries set to 0 by chance and the others scaled up; unchanged outside training."""
    if not training or not probability:
        return values
    if values.device.type != "cpu" or torch.compiler.is_compiling():  # a compiled kernel draws as it goes along
        return functional.dropout(values, probability, True)
    return _Dropout.apply(values, probability)  # type: ignore[no-any-return, no-untyped-call]


def survivors(shape: torch.Size, probability: float) -> Tensor:
    """Which entries survive, on a CPU: int16, 1 or 0.

    Numbers, since torch multiplies by numbers several times as fast as it fills where a mask says so.
    """
    return _random_bits(shape).ge_(round(probability * _STEPS) - _STEPS // 2)


def scale(probability: float) -> float:
    """What survivors are multiplied by, on a CPU."""
    return _STEPS / (_STEPS - round(probability * _STEPS))


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, probability: float) -> Tensor:
        kept, context.scale = survivors(values.shape, probability), scale(probability)
        if values.requires_grad:
            context.save_for_backward(kept.to(torch.int8))
        scaled: Tensor = values * context.scale
        return scaled.mul_(kept.to(values.dtype))

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (kept,), (gradient,) = context.saved_tensors, gradients
        return (gradient * context.scale).mul_(kept.to(gradient.dtype)), None


def _random_bits(shape: torch.Size) -> Tensor:
    """Integers uniform on -32,768 … 32,767, from torch's own generator."""
    words = torch.empty((shape.numel() + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
    return words.view(torch.int16)[: shape.numel()].view(shape)
