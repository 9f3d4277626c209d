"""The one embedding matrix under dropout, and sums of its rows, with a gradient that passes over the matrix once.

Written as separate operations, autograd makes an array as large as the matrix for each of them, and adds them up. In
fine-tuning that counts: its batches have few tokens, and the matrix is a quarter of the paper's model. On a CPU the
matrix goes through it some rows at a time, which stay in the cache, and comes out in the type that products take.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from foretext.model.devices import lowered_type
from foretext.model.kernels.dropout import dropout, scale, survivors

ENTRIES_AT_ONCE = 1 << 19  # of the matrix: 2 MB in fp32


def plain_embedded(matrix: Tensor, tokens: Tensor, places: Tensor | None, probability: float) -> tuple[Tensor, Tensor]:
    """The matrix under dropout, and h_0 = U W_e + W_p: the row of each token plus that of its position, in `places`."""
    matrix = dropout(matrix, probability, training=True)
    states = functional.embedding(tokens, matrix)
    return matrix, states if places is None else states + functional.embedding(places, matrix)


def embedded(
    matrix: Tensor, tokens: Tensor, places: Tensor | None, probability: float, *, softmax: bool = True
) -> tuple[Tensor, Tensor]:
    """The matrix with dropout, and for each of `tokens` the sum of its row and its position's, `(tokens, width)`.

    Without `places` its row alone: positions that are not learned have none.
    Both see the same mask (recipe point 8). On a CPU in training the matrix comes in autocast's type, where that is on;
    but without a `softmax` over it, it comes as it is, and a pass over it is saved.
    """
    if matrix.device.type == "cpu" and matrix.requires_grad and torch.is_grad_enabled():
        return _Embedded.apply(matrix, tokens, places, probability, softmax)  # type: ignore[no-any-return, no-untyped-call]
    return plain_embedded(matrix, tokens, places, probability)


class _Embedded(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, matrix: Tensor, tokens: Tensor, places: Tensor | None, probability: float, softmax: bool
    ) -> tuple[Tensor, Tensor]:
        context.set_materialize_grads(False)  # where there is no softmax, its gradient would be an array of zeros
        context.scale, context.shape, context.dtype = scale(probability), matrix.shape, matrix.dtype
        kept = torch.empty_like(matrix, dtype=torch.int8) if probability else None
        dropped = _dropped(matrix, probability, kept, softmax)
        context.save_for_backward(tokens, places, kept)
        found = [
            _masked(matrix.index_select(0, rows) * context.scale, kept, rows)
            for rows in (tokens, places)
            if rows is not None
        ]
        return dropped, found[0] if places is None else found[0] + found[1]

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None, None, None]:
        tokens, places, kept = context.saved_tensors
        of_matrix, of_states = gradients
        if of_matrix is None:
            gradient = torch.zeros(context.shape, dtype=context.dtype)
        else:
            gradient = torch.empty_like(of_matrix, dtype=context.dtype)
            for part in _parts(gradient):
                _masked(gradient[part].copy_(of_matrix[part]).mul_(context.scale), kept, part)
        for rows in (tokens, places) if of_states is not None else ():
            if rows is not None:
                gradient.index_add_(0, rows, _masked(of_states * context.scale, kept, rows))
        return gradient, None, None, None, None


def _dropped(matrix: Tensor, probability: float, kept: Tensor | None, softmax: bool) -> Tensor:
    """The matrix with dropout, in the type that products take; it writes into `kept` which entries are kept (1 or 0).

    Without a `softmax` nobody reads it: the mask alone is drawn.
    """
    if kept is None:
        return matrix.to(lowered_type(matrix)) if softmax else matrix.detach()
    dropped = torch.empty_like(matrix, dtype=lowered_type(matrix)) if softmax else matrix.detach()
    for part in _parts(matrix):
        drawn = survivors(matrix[part].shape, probability)
        kept[part] = drawn
        if softmax:
            dropped[part] = (matrix[part] * scale(probability)).mul_(drawn.to(matrix.dtype))
    return dropped


def _parts(matrix: Tensor) -> list[slice]:
    """Its rows, some at a time: a multiple of 4, so that masks are those of the whole drawn at once."""
    rows = max(4, ENTRIES_AT_ONCE // matrix.shape[1] & ~3)
    return [slice(first, first + rows) for first in range(0, len(matrix), rows)]


def _masked(values: Tensor, kept: Tensor | None, rows: Tensor | slice) -> Tensor:
    """`values`, those of `rows` of the matrix, with 0 for entries that are not `kept`; in place."""
    return values if kept is None else values.mul_(kept[rows].to(values.dtype))
