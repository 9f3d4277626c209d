"""How likely the model finds tokens: the output layer and its cross-entropy, a slice of tokens at a time.

The logits of a batch are its largest array by far: (tokens, vocabulary). They are never whole in memory. Where
gradients are wanted they are made in the same pass, while the slice of logits is at hand: nothing is computed twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SLICE_ENTRIES = 1 << 22  # logits at a time: 16 MB in fp32, small enough for the allocator to use again


def token_log_probabilities(states: Tensor, matrix: Tensor, targets: Tensor) -> Tensor:
    """log P(target) of each state `(tokens,)`, the softmax running over the rows of `matrix`. No gradients.

    Shapes: states `(tokens, width)`, matrix `(vocabulary, width)`, targets `(tokens,)`.
    """
    with torch.no_grad():
        parts = [-_cross_entropy(states[rows] @ matrix.T, targets[rows])[0] for rows in _slices(states, matrix)]
        return torch.cat(parts) if parts else states.new_zeros(0)


def weighted_cross_entropy(states: Tensor, matrix: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The sum over tokens of weight × −log P(target), with gradients for `states` and `matrix`.

    Shapes: states `(tokens, width)`, matrix `(vocabulary, width)`, targets and weights `(tokens,)`.
    """
    return _WeightedCrossEntropy.apply(states, matrix, targets, weights)  # type: ignore[no-any-return, no-untyped-call]


class _WeightedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, states: Tensor, matrix: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        wants_gradients = states.requires_grad or matrix.requires_grad
        total = weights.new_zeros(())
        states_gradient = torch.empty_like(states) if wants_gradients else None
        matrix_gradient = torch.zeros_like(matrix) if wants_gradients else None
        for rows in _slices(states, matrix):
            losses, exponentials, totals = _cross_entropy(states[rows] @ matrix.T, targets[rows])
            total = total + (losses * weights[rows]).sum()
            if states_gradient is None or matrix_gradient is None:
                continue
            gradient = exponentials.mul_((weights[rows] / totals)[:, None])  # softmax times weight, in place
            gradient[torch.arange(len(losses), device=states.device), targets[rows]] -= weights[rows]
            states_gradient[rows] = (gradient @ matrix).to(states.dtype)
            matrix_gradient += gradient.T @ states[rows]
        context.save_for_backward(states_gradient, matrix_gradient)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        states_gradient, matrix_gradient = context.saved_tensors
        return states_gradient * gradients[0], matrix_gradient * gradients[0], None, None


def _slices(states: Tensor, matrix: Tensor) -> list[slice]:
    size = max(1, SLICE_ENTRIES // len(matrix))
    return [slice(first, first + size) for first in range(0, len(states), size)]


def _cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """−log P of each target, the exponentials of the logits below their row's largest, and the sums of these rows.

    In at least fp32; fp32 logits are overwritten.
    """
    logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    logits.sub_(logits.amax(-1, keepdim=True))
    wanted = logits.gather(1, targets[:, None]).squeeze(1)
    exponentials = logits.exp_()
    totals = exponentials.sum(-1)
    return totals.log() - wanted, exponentials, totals
