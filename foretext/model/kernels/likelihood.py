"""How likely the model finds tokens: the output layer and its cross-entropy, a slice of tokens at a time.

The logits of a batch are its largest array by far: (tokens, vocabulary). So many of them are held at a time as the
limits below allow. Where gradients are wanted they are made in the same pass, while the logits are at hand: nothing is
computed twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from foretext.model.devices import lowered_type
from foretext.model.kernels.operators import gains_by_onednn, onednn_linear

SLICE_ENTRIES = 1 << 22  # logits at a time on a CPU: 16 MB in fp32, small enough for the allocator to use again
SLICE_TOKENS = 256  # but so many tokens at least: with fewer the gradient of the matrix costs more (docs/log.md)
GROUP_ENTRIES = 1 << 26  # of slices in halves on a CPU whose gradient is multiplied at once: 128 MB
BYTES_AN_ENTRY = 256  # elsewhere an entry for so many bytes of the device: its logits take some 4 % of the memory
PADDED_ROWS = 64  # elsewhere the matrix gets rows up to a multiple of this, which its fast products ask for

Step = Callable[[Tensor, Tensor, Tensor], Tensor]


def plain_log_probabilities(states: Tensor, matrix: Tensor, targets: Tensor) -> Tensor:
    """log P(target), where P(u) = softmax(h W_eᵀ): equation 2; shapes as in `token_log_probabilities`."""
    return (states @ matrix.T).log_softmax(-1).gather(1, targets[:, None]).squeeze(1)


def plain_cross_entropy(states: Tensor, matrix: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """−Σ weight · log P(target): equation 1 with its sign turned."""
    return -(plain_log_probabilities(states, matrix, targets) * weights).sum()


def token_log_probabilities(states: Tensor, matrix: Tensor, targets: Tensor) -> Tensor:
    """log P(target) of each state `(tokens,)`, the softmax running over the rows of `matrix`. No gradients.

    Shapes: states `(tokens, width)`, matrix `(vocabulary, width)`, targets `(tokens,)`.
    """
    with torch.no_grad():
        lowered, rows = _lowered(states), _output_rows(matrix, states)
        parts = [
            -_cross_entropy(_logits(lowered[part], rows, len(matrix)), targets[part])[0]
            for part in _slices(states, matrix)
        ]
        return torch.cat(parts) if parts else states.new_zeros(0)


def weighted_cross_entropy(
    states: Tensor, matrix: Tensor, targets: Tensor, weights: Tensor, *, compiled: bool = False
) -> Tensor:
    """The sum over tokens of weight × −log P(target), with gradients for `states` and `matrix`.

    Shapes: states `(tokens, width)`, matrix `(vocabulary, width)`, targets and weights `(tokens,)`. With `compiled`
    what lies between the products is one compiled kernel.
    """
    if not (torch.is_grad_enabled() and (states.requires_grad or matrix.requires_grad)):
        return -(token_log_probabilities(states, matrix, targets) * weights).sum()
    step = _compiled_step() if compiled else _loss_and_gradient
    return _WeightedCrossEntropy.apply(states, matrix, targets, weights, step)  # type: ignore[no-any-return, no-untyped-call]


class _WeightedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, states: Tensor, matrix: Tensor, targets: Tensor, weights: Tensor, step: Step) -> Tensor:
        total = weights.new_zeros(())
        states_gradient, matrix_gradient = torch.empty_like(states), None
        lowered, rows = _lowered(states), _output_rows(matrix, states)
        with torch.autocast(states.device.type, enabled=False):  # what autocast would do is done: once, not each slice
            for whole, parts in _groups(lowered, rows):
                # Of a group the logits, then their gradient.
                held = lowered.new_empty(whole.stop - whole.start, len(rows)) if len(parts) > 1 else None
                for part in parts:
                    place = None if held is None else held[part.start - whole.start : part.stop - whole.start]
                    logits = _logits(lowered[part], rows, len(matrix), place)
                    total = total + step(logits, targets[part], weights[part])
                gradient = logits if held is None else held
                states_gradient[whole] = gradient @ rows
                matrix_gradient = _added(matrix_gradient, gradient.T, lowered[whole], matrix)
        context.save_for_backward(
            states_gradient, torch.zeros_like(matrix) if matrix_gradient is None else matrix_gradient
        )
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        states_gradient, matrix_gradient = context.saved_tensors
        # In place: nobody else has them, and autograd refuses a second backward pass over what was changed.
        return states_gradient.mul_(gradients[0]), matrix_gradient.mul_(gradients[0]), None, None, None


def _added(total: Tensor | None, left: Tensor, right: Tensor, like: Tensor) -> Tensor:
    """`left @ right` on top of `total`, in the type and with the rows of `like`; in place where there is a total."""
    if total is not None and total.dtype == right.dtype and len(total) == len(left):
        return total.addmm_(left, right)  # without an array for the product
    product = (left @ right)[: len(like)]
    return product.to(like.dtype) if total is None else total.add_(product)


def _lowered(values: Tensor) -> Tensor:
    return values.to(lowered_type(values))


def _output_rows(matrix: Tensor, states: Tensor) -> Tensor:
    """The matrix as products take it, with rows of zeros up to a multiple that suits the device of `states`."""
    extra = -len(matrix) % (1 if states.device.type == "cpu" else PADDED_ROWS)
    return functional.pad(_lowered(matrix), (0, 0, 0, extra)) if extra else _lowered(matrix)


def _logits(states: Tensor, rows: Tensor, real: int, out: Tensor | None = None) -> Tensor:
    """Of a slice of tokens; those of rows beyond the `real` ones are −∞ and so count for nothing."""
    logits = onednn_linear(states, rows) if gains_by_onednn(states) else torch.mm(states, rows.T, out=out)
    if len(rows) > real:
        logits[:, real:] = -torch.inf
    return logits


def _groups(states: Tensor, rows: Tensor) -> list[tuple[slice, list[slice]]]:
    """Slices, some together whose gradient is multiplied at once: of halves on a CPU several, elsewhere each alone.

    A product is added up in fp32, sums of products of halves are not, and few products of many tokens are faster.
    """
    slices = _slices(states, rows)
    together = states.device.type == "cpu" and states.dtype.itemsize < 4
    count = max(1, GROUP_ENTRIES // (len(rows) * (slices[0].stop - slices[0].start))) if together and slices else 1
    groups = [slices[first : first + count] for first in range(0, len(slices), count)]
    return [(slice(group[0].start, group[-1].stop), group) for group in groups]


def _slices(states: Tensor, matrix: Tensor) -> list[slice]:
    """Slices of nearly equal size over the tokens."""
    most = max(SLICE_TOKENS, _slice_entries(states.device) // len(matrix))
    size = max(1, -(-len(states) // max(1, -(-len(states) // most))))
    return [slice(first, min(first + size, len(states))) for first in range(0, len(states), size)]


def _slice_entries(device: torch.device) -> int:
    """How many logits to have at a time."""
    if device.type != "cuda":
        return SLICE_ENTRIES
    return max(SLICE_ENTRIES, _device_bytes(device) // BYTES_AN_ENTRY)


@cache
def _device_bytes(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).total_memory)


def _loss_and_gradient(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The weighted loss of a slice; its gradient for the logits takes their place: weight × (softmax − target)."""
    losses, exponentials, totals = _cross_entropy(logits, targets)
    gradient = exponentials.mul_((weights / totals)[:, None])
    gradient.scatter_add_(1, targets[:, None], -weights[:, None].to(gradient.dtype))
    if gradient is not logits:
        logits.copy_(gradient)
    return (losses * weights).sum()


@cache
def _compiled_step() -> Step:
    return torch.compile(_loss_and_gradient)


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
