"""The one embedding matrix under dropout, and sums of its rows, with a gradient that passes over the matrix once.

Written as separate operations, autograd makes an array as large as the matrix for each of them, and adds them up. In
fine-tuning that counts: its batches have few tokens, and the matrix is a quarter of the paper's model.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from foretext.model.dropout import drawn, dropout, scale


def embedded(matrix: Tensor, tokens: Tensor, places: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """The matrix with dropout, and for each of `tokens` the sum of its row and of that of its place, `(tokens, width)`.

    Both see the same mask (recipe point 8).
    """
    if matrix.device.type == "cpu" and matrix.requires_grad and torch.is_grad_enabled():
        return _Embedded.apply(matrix, tokens, places, probability)  # type: ignore[no-any-return, no-untyped-call]
    matrix = dropout(matrix, probability, training=True)
    return matrix, functional.embedding(tokens, matrix) + functional.embedding(places, matrix)


class _Embedded(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, matrix: Tensor, tokens: Tensor, places: Tensor, probability: float
    ) -> tuple[Tensor, Tensor]:
        dropped = drawn(matrix, probability) if probability else None
        if dropped is not None:
            matrix = (matrix * scale(probability)).masked_fill_(dropped, 0.0)  # as `dropout` does it
        context.save_for_backward(tokens, places, dropped)
        context.scale = scale(probability)
        return matrix, matrix.index_select(0, tokens) + matrix.index_select(0, places)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        tokens, places, dropped = context.saved_tensors
        of_matrix, of_states = gradients
        gradient, of_states = of_matrix * context.scale, of_states * context.scale
        gradient.index_add_(0, tokens, of_states).index_add_(0, places, of_states)
        return gradient if dropped is None else gradient.masked_fill_(dropped, 0.0), None, None, None
