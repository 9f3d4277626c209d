"""Rotary positions: pairs of a query's or key's numbers, turned by an angle that grows with the position.

On a CPU the angles' cosines and sines come from a table, so that a position has the same ones, to the bit, wherever in
a batch it stands, and each is computed once. The table is never in halves, whatever the model is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

ENTRIES_AT_ONCE = 1 << 16  # of what is turned: 256 KB in fp32
TABLES = 8  # kept at a time; all layers of a model use one


def plain_rotated(values: Tensor, positions: Tensor, base: float) -> Tensor:
    """Numbers j and j + size/2 of each head turned by position · base^(−2j/size): `(tokens, heads, size)`.

    Source: Su et al. 2021, RoFormer; paired as in Llama.
    """
    cosines, sines = _turns(positions, values.shape[-1], base, _wide(values))
    return _turned(values, cosines, sines)


def rotated(values: Tensor, positions: Tensor, base: float, *, context: int) -> Tensor:
    """`values` `(tokens, heads, size)`, each turned as its position asks for; all positions are below `context`."""
    if values.device.type != "cpu" or torch.compiler.is_compiling():
        return plain_rotated(values, positions, base)
    cosines, sines = _table(context, values.shape[-1], base, _wide(values))
    return _Rotation.apply(values, cosines.index_select(0, positions), sines.index_select(0, positions))  # type: ignore[no-any-return,no-untyped-call]


class _Rotation(torch.autograd.Function):
    """Turns in as few passes as there are, over rows that stay in the cache; the gradient is turned back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.save_for_backward(cosines, sines)
        return _turned_in_parts(values, cosines, sines)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cosines, sines = ctx.saved_tensors
        return _turned_in_parts(gradient, cosines, -sines), None, None


def _turned_in_parts(values: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    turned = torch.empty(values.shape, dtype=values.dtype)
    rows = max(1, ENTRIES_AT_ONCE // max(1, values.shape[1] * values.shape[2]))
    half = values.shape[-1] // 2
    for part, out, c, s in zip(*(torch.split(each, rows) for each in (values, turned, cosines, sines)), strict=True):
        wide = part.to(c.dtype)
        (one, other), c, s = (wide[..., :half], wide[..., half:]), c[:, None], s[:, None]
        out[..., :half] = (one * c).addcmul_(other, s, value=-1)
        out[..., half:] = (other * c).addcmul_(one, s)
    return turned


@lru_cache(TABLES)
def _table(context: int, size: int, base: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False):  # it serves training as well
        return _turns(torch.arange(context), size, base, dtype)


def _turns(positions: Tensor, size: int, base: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles, each `(positions, size / 2)`."""
    shares = torch.arange(0, size, 2, device=positions.device).to(dtype) / size
    angles = positions.to(dtype)[:, None] * (1.0 / base**shares)
    return angles.cos(), angles.sin()


def _turned(values: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    one, other = values.to(cosines.dtype).chunk(2, dim=-1)
    cosines, sines = cosines[:, None], sines[:, None]  # alike for all heads
    turned = torch.cat([one * cosines - other * sines, other * cosines + one * sines], dim=-1)
    return turned.to(values.dtype)


def _wide(values: Tensor) -> torch.dtype:
    return torch.promote_types(values.dtype, torch.float32)
