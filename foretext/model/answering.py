"""A decoder for answering alone: its linear layers hold fp32, bf16 or int8 weights, as `kernels/linear.py` has them.

Embeddings, norms, attention, head and what is added up stay in fp32. Rounding makes steps of small differences, so
nothing before it may depend on what else is in the batch: a product's row follows from that row alone, and attention
takes rows of one length together instead of padding them, trees apart from plain sequences. Then an example has the
same states, to the bit, in any company; what its sequences share is summed in another order than apart, and rounded so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from foretext.errors import SettingsError, UnknownName
from foretext.model.gpt import GPT
from foretext.model.kernels.attention import attend
from foretext.model.kernels.linear import LINEAR, After, BlockLinear, in_blocks, int8_product, shared_sizes
from foretext.model.kernels.operators import gains_by_onednn
from foretext.model.sequences import Sequences
from foretext.model.transformer import ACTIVATIONS, Attention, Block, FeedForward, picked

WITH_THE_PRODUCT: dict[str, After] = {"gelu": "gelu", "silu": "silu", "swiglu": "silu"}  # activations


def for_answering(gpt: GPT, precision: str) -> GPT:
    """`gpt` for answers in `precision`, fp32, bf16 or int8; on a CPU it shares embedding and head with `gpt`.

    fp32 is `gpt` itself where another layout of its weights gains nothing. Accelerators, whose kernels take bf16
    throughout, get a copy that is bf16 throughout.

    Raises:
        SettingsError: the model or its device cannot compute so.
    """
    if precision not in LINEAR:
        raise UnknownName("precision", precision, tuple(LINEAR))
    if precision == "fp32" and not (gpt.settings.backbone == "transformer" and gains_by_onednn(gpt.embedding)):
        return gpt
    if gpt.settings.backbone != "transformer":
        raise SettingsError(f"{precision} is for Transformers, and this model is an LSTM; use --precision fp32")
    if precision == "int8":
        _check_int8(gpt.embedding.device)
    if gpt.embedding.device.type != "cpu":
        return copy.deepcopy(gpt).to(torch.bfloat16).eval()
    linear = LINEAR[precision]
    shared = (gpt.embedding, gpt.output_matrix)
    instead: dict[int, Any] = {id(matrix): matrix for matrix in shared if matrix is not None}
    if gpt.head is not None:
        instead[id(gpt.head.linear)] = BlockLinear(gpt.head.linear)
    for block in gpt.blocks:
        assert isinstance(block, Block)
        instead[id(block.attention)] = AnsweringAttention(block.attention, linear)
        instead[id(block.feed_forward)] = AnsweringFeedForward(block.feed_forward, linear)
    made = copy.deepcopy(gpt, instead).eval()  # a copy in which these stand instead of the originals
    if made.share_prefixes != "no":
        made.share_prefixes = "in_examples"  # so that what is shared does not depend on the batch either
    return made


def _check_int8(device: torch.device) -> None:
    if device.type != "cpu" or int8_product() is None:
        where = "torch has no product of bytes for this one" if device.type == "cpu" else f"not for {device.type}"
        raise SettingsError(f"int8 is for x86 CPUs; {where}; use --precision bf16 or fp32")


class AnsweringAttention(nn.Module):
    """Attention without padding: neighbours of one length go through it together."""

    def __init__(self, source: Attention, linear: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.heads, self.head_size, self.placing = source.heads, source.head_size, source.placing
        self.query_key_value, self.output = linear(source.query_key_value), linear(source.output)

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`, or `(at, width)`."""
        visible, row = sequences.visible, 0
        trees = (count > 1 for count in sequences.row_sequences)
        both_ways = (place >= sequences.rows - sequences.both_ways for place in range(sequences.rows))
        kinds = zip(sequences.row_lengths, trees, both_ways, strict=True)
        runs = [(*kind, len(list(run))) for kind, run in groupby(kinds)]
        values = self.placing(self.query_key_value(states), sequences.positions, sequences.previous)
        parts = torch.split(values, [length * count for length, *_, count in runs])
        mixed = []
        for part, (length, is_tree, both, count) in zip(parts, runs, strict=True):
            seen = visible[row : row + count, :length, :length] if is_tree and visible is not None else None
            mixed.append(self._mixed(part, count, seen, both))
            row += count
        return self.output(picked(torch.cat(mixed), at))  # type: ignore[no-any-return]

    def _mixed(self, values: Tensor, count: int, visible: Tensor | None, both_ways: bool) -> Tensor:
        """The mixture of `count` rows of one length, from their `(tokens, all heads * head)`."""
        grid = values.view(count, len(values) // count, -1, self.head_size).transpose(1, 2)
        # Each (sequences, heads, length, head), laid out alike for one sequence and for many: kernels differ.
        query, key, value = (part.contiguous() for part in torch.split(grid, self.heads, dim=1))
        mixed = attend(query, key, value, 0.0, visible, both_ways=both_ways)
        return mixed.transpose(1, 2).reshape(len(values), -1)


class AnsweringFeedForward(nn.Module):
    """The feed-forward layer; GELU, silu and what a gate lets through are taken together with the product before them.

    Where its layers take rows in blocks, a block goes through all of them before the next one does.
    """

    def __init__(self, source: FeedForward, linear: Callable[..., nn.Module]) -> None:
        super().__init__()
        after = WITH_THE_PRODUCT.get(source.activation, "nothing")
        self.activation = ACTIVATIONS[source.activation] if after == "nothing" else nn.Identity()
        self.gate = None if source.gate is None else linear(source.gate, after=after)
        self.expand = linear(source.expand, after=after if source.gate is None else "times")
        self.contract = linear(source.contract)

    def forward(self, states: Tensor) -> Tensor:
        """The states after the layer, `(tokens, width)`."""
        sizes = shared_sizes(layer for layer in (self.expand, self.contract, self.gate) if layer is not None)
        return in_blocks(self._of_rows, (states,), torch.bfloat16, sizes) if sizes else self._of_rows(states)

    def _of_rows(self, states: Tensor) -> Tensor:
        if self.gate is None:
            return self.contract(self.activation(self.expand(states)))  # type: ignore[no-any-return]
        return self.contract(self.expand(states, self.activation(self.gate(states))))  # type: ignore[no-any-return]
