"""A decoder for answering alone: linear layers of fp32, bf16 or int8 weights, laid out as the processor likes.

            weights                                activations          a product is summed in
    fp32    as they are                            as they are          fp32
    bf16    rounded                                rounded              fp32
    int8    a byte, a scale an output channel      a byte, a scale a    whole numbers, exactly
                                                   token

Embeddings, norms, attention, head and what is added up stay in fp32. Rounding makes steps of small differences, so
nothing before it may depend on what else is in the batch: a product's row follows from that row alone, and attention
takes rows of one length together instead of padding them, trees apart from plain sequences. Then an example has the
same states, to the bit, in any company; what its sequences share is summed in another order than apart, and rounded so.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from foretext.errors import SettingsError, UnknownName
from foretext.model.devices import gains_by_onednn
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.transformer import Attention, Block, FeedForward, attend, picked

LARGEST = 127  # of a signed byte
ZERO = 128  # the unsigned byte that stands for 0: the processor multiplies unsigned by signed bytes
SMALLEST = torch.finfo(torch.float32).tiny  # a scale, where all values are 0
INT8_FEATURES = ("avx512_vnni", "avx_vnni", "amx_int8")  # without one of these a CPU's byte products overflow or crawl
GELU_ROWS = 64  # tokens at a time, whose values stay in the processor's cache
GELU_SLOPE, GELU_CUBIC = 2 * math.sqrt(2 / math.pi), 0.044715


def packed(gpt: GPT, precision: str) -> GPT:
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
    instead: dict[int, Any] = {id(gpt.embedding): gpt.embedding, id(gpt.head): gpt.head}
    for block in gpt.blocks:
        assert isinstance(block, Block)
        instead[id(block.attention)] = PackedAttention(block.attention, linear)
        instead[id(block.feed_forward)] = PackedFeedForward(block.feed_forward, linear)
    made = copy.deepcopy(gpt, instead).eval()  # a copy in which these stand instead of the originals
    made.shares_by_example = True  # so that what is shared does not depend on the batch either
    return made


def _check_int8(device: torch.device) -> None:
    features = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    if not any(features.get(feature) for feature in INT8_FEATURES):
        where = "this processor has no instructions for it" if device.type == "cpu" else f"not for {device.type}"
        raise SettingsError(f"int8 is for CPUs with VNNI; {where}; use --precision bf16 or fp32")


class PackedAttention(nn.Module):
    """Attention without padding: neighbours of one length go through it together."""

    def __init__(self, source: Attention, linear: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.heads = source.heads
        self.query_key_value, self.output = linear(source.query_key_value), linear(source.output)

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`, or `(at, width)`."""
        visible, row = sequences.visible, 0
        kinds = zip(sequences.row_lengths, (count > 1 for count in sequences.row_sequences), strict=True)
        runs = [(*kind, len(list(run))) for kind, run in groupby(kinds)]
        parts = torch.split(self.query_key_value(states), [length * count for length, _, count in runs])
        mixed = []
        for part, (length, is_tree, count) in zip(parts, runs, strict=True):
            seen = visible[row : row + count, :length, :length] if is_tree and visible is not None else None
            mixed.append(self._mixed(part, count, seen))
            row += count
        return self.output(picked(torch.cat(mixed), at))  # type: ignore[no-any-return]

    def _mixed(self, values: Tensor, count: int, visible: Tensor | None) -> Tensor:
        """The mixture of `count` rows of one length, from their `(tokens, 3 * width)`."""
        grid = values.view(count, len(values) // count, 3, self.heads, -1)
        # Each (sequences, heads, length, width / heads), laid out alike for one sequence and for many: kernels differ.
        query, key, value = grid.permute(2, 0, 3, 1, 4).contiguous()
        return attend(query, key, value, 0.0, visible).transpose(1, 2).reshape(len(values), -1)


class PackedFeedForward(nn.Module):
    """The feed-forward layer, GELU taken together with the product before it where that is possible."""

    def __init__(self, source: FeedForward, linear: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.expand, self.contract = linear(source.expand, gelu=True), linear(source.contract)

    def forward(self, states: Tensor) -> Tensor:
        return self.contract(self.expand(states))  # type: ignore[no-any-return]


class FloatLinear(nn.Module):
    """A linear layer with fp32 or bf16 weights; takes any floats, gives fp32, or `dtype` where GELU follows."""

    def __init__(self, source: nn.Linear, *, dtype: torch.dtype, gelu: bool = False) -> None:
        super().__init__()
        self.dtype, self.gelu = dtype, gelu
        self.bias = source.bias.detach().to(dtype)
        weight = source.weight.detach().to(dtype)
        self.laid_out = _lays_out(dtype)
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight) if self.laid_out else weight

    def forward(self, states: Tensor) -> Tensor:
        if len(states) == 1:  # a row alone would be summed in another order
            return self.forward(states.repeat(2, 1))[:1]
        rows = states.to(self.dtype)
        if self.laid_out:
            after, form = ("gelu", "tanh") if self.gelu else ("none", None)
            product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, after, [], form)
        else:
            product = functional.linear(rows, self.weight, self.bias)
            product = functional.gelu(product, approximate="tanh") if self.gelu else product
        return product if self.gelu else product.float()


def _lays_out(dtype: torch.dtype) -> bool:
    """Whether oneDNN takes weights in its own layout: it refuses bf16 on processors that do not compute in it."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and (dtype is torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


class Int8Linear(nn.Module):
    """A linear layer with int8 weights; fp32 in and out."""

    def __init__(self, source: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self.gelu = gelu
        weight = source.weight.detach().float()
        self.scale = (weight.abs().amax(1) / LARGEST).clamp_(min=SMALLEST)  # (outputs,)
        self.zeros = torch.zeros(len(self.scale), dtype=torch.int32)
        self.bias = source.bias.detach().float()
        self.weight = torch.ops.onednn.qlinear_prepack((weight / self.scale[:, None]).round_().to(torch.int8), None)

    def forward(self, states: Tensor) -> Tensor:
        scale = torch.maximum(states.amax(-1, keepdim=True), -states.amin(-1, keepdim=True))  # (tokens, 1)
        scale = scale.div_(LARGEST).clamp_(min=SMALLEST)
        signed = (states * scale.reciprocal()).round_().to(torch.int8)
        product = torch.ops.onednn.qlinear_pointwise(
            signed.view(torch.uint8).bitwise_xor_(ZERO),  # the same plus 128
            1.0,
            ZERO,
            self.weight,
            self.scale,
            self.zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        product = product.mul_(scale).add_(self.bias)
        return gelu_(product) if self.gelu else product


def gelu_(values: Tensor) -> Tensor:
    """The tanh form of GELU, in place: x · sigmoid(2·√(2/π)·(x + 0.044715·x³)), at half of what torch's costs a CPU."""
    for rows in torch.split(values, GELU_ROWS):
        inner = rows.square().mul_(GELU_SLOPE * GELU_CUBIC).add_(GELU_SLOPE).mul_(rows)
        rows.mul_(inner.sigmoid_())
    return values


LINEAR: dict[str, Callable[..., nn.Module]] = {
    "fp32": partial(FloatLinear, dtype=torch.float32),
    "bf16": partial(FloatLinear, dtype=torch.bfloat16),
    "int8": Int8Linear,
}
