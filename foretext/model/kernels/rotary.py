"""Rotary positions: pairs of a query's or key's numbers, turned by an angle that grows with the position.

On a CPU the angles' cosines and sines come from a table, so that a position has the same ones, to the bit, wherever in
a batch it stands, and each is computed once. The table is never in halves, whatever the model is.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

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
    return _turned(values, cosines.index_select(0, positions), sines.index_select(0, positions))


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
