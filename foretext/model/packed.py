"""A decoder for answering alone: linear layers of fp32, bf16 or int8 weights, laid out as the processor likes.

            weights                                activations          a product is summed in
    fp32    as they are                            as they are          fp32
    bf16    rounded                                rounded              fp32
    int8    a byte, a scale an output channel      8 or 7 bits, a       whole numbers, exactly
                                                   scale a token

Processors without instructions for int8 (VNNI, AMX) add two products of bytes in 16 bits. There activations have
7 bits, of which no two products overflow.

Embeddings, norms, attention, head and what is added up stay in fp32. Rounding makes steps of small differences, so
nothing before it may depend on what else is in the batch: a product's row follows from that row alone, and attention
takes rows of one length together instead of padding them, trees apart from plain sequences. Then an example has the
same states, to the bit, in any company; what its sequences share is summed in another order than apart, and rounded so.
"""

from __future__ import annotations

import copy
import math
import warnings
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

LARGEST = 127  # of a weight, a signed byte
FBGEMM_PRODUCT = "linear_with_input_q_dq_qweight_dq_output_fp32"
SMALLEST = torch.finfo(torch.float32).tiny  # a scale, where all values are 0
INT8_FEATURES = ("avx512_vnni", "avx_vnni", "amx_int8")  # each of them sums products of bytes in 32 bits
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
    made.share_prefixes = "in_examples"  # so that what is shared does not depend on the batch either
    return made


def _check_int8(device: torch.device) -> None:
    if device.type != "cpu" or int8_product() is None:
        where = "torch has no product of bytes for this one" if device.type == "cpu" else f"not for {device.type}"
        raise SettingsError(f"int8 is for x86 CPUs; {where}; use --precision bf16 or fp32")


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

    def __init__(
        self, source: nn.Linear, *, gelu: bool = False, product: type[EightBits | SevenBits] | None = None
    ) -> None:
        super().__init__()
        self.gelu = gelu
        weight = source.weight.detach().float()
        scale = (weight.abs().amax(1) / LARGEST).clamp_(min=SMALLEST)  # (outputs,)
        self.bias = source.bias.detach().float()
        chosen = product or int8_product()
        assert chosen is not None  # `packed` has asked
        self.product = chosen((weight / scale[:, None]).round_(), scale)

    def forward(self, states: Tensor) -> Tensor:
        scale = torch.maximum(states.amax(-1, keepdim=True), -states.amin(-1, keepdim=True))  # (tokens, 1)
        scale = scale.div_(self.product.largest).clamp_(min=SMALLEST)
        whole = (states * scale.reciprocal()).round_()
        product = torch.addcmul(self.bias, self.product(whole), scale)
        return gelu_(product) if self.gelu else product


class EightBits:
    """Products of whole numbers from -127 to 127 by oneDNN, where the processor has instructions for them."""

    largest, bits = 127, 8
    zero = 128  # the unsigned byte that stands for 0: the processor multiplies unsigned by signed bytes

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self.scale, self.zeros = scale, torch.zeros(len(scale), dtype=torch.int32)
        self.weight = torch.ops.onednn.qlinear_prepack(weight.to(torch.int8), None)

    def __call__(self, whole: Tensor) -> Tensor:
        """`(tokens, inputs)` to `(tokens, outputs)`, each output times its scale."""
        unsigned = whole.to(torch.int8).view(torch.uint8).bitwise_xor_(self.zero)  # the same plus 128
        scales = (1.0, self.zero, self.weight, self.scale, self.zeros, None, 1.0, 0)
        return torch.ops.onednn.qlinear_pointwise(unsigned, *scales, torch.float32, "none", [], "")  # type: ignore[no-any-return]


class SevenBits:
    """Products of activations from -63 to 63 and weights from -127 to 127 by FBGEMM, on any x86 CPU with AVX2.

    With `zero` added activations are at most 127, and 2 × 127 × 127 = 32,258 is a number of 16 bits.
    """

    largest, bits = 63, 7
    zero = 64

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        engine = torch.backends.quantized.engine
        with warnings.catch_warnings():
            # torch will part with these tensors one day, and `int8_product` then finds no such product.
            warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
            zeros = torch.zeros(len(scale), dtype=torch.long)
            whole = torch.quantize_per_channel(weight * scale[:, None], scale, zeros, 0, torch.qint8)
        try:
            torch.backends.quantized.engine = "fbgemm"
            self.weight = torch.ops.quantized.linear_prepack(whole, None)
        finally:
            torch.backends.quantized.engine = engine

    def __call__(self, whole: Tensor) -> Tensor:
        """`(tokens, inputs)` to `(tokens, outputs)`, each output times its scale."""
        return getattr(torch.ops.quantized, FBGEMM_PRODUCT)(whole, 1.0, self.zero, self.weight)  # type: ignore[no-any-return]


def int8_product() -> type[EightBits | SevenBits] | None:
    """How this processor multiplies bytes, or None where torch has nothing for it."""
    features = torch.cpu.get_capabilities()
    if any(features.get(name) for name in INT8_FEATURES):
        return EightBits
    has_fbgemm = "fbgemm" in torch.backends.quantized.supported_engines
    known = hasattr(torch, "quantize_per_channel") and hasattr(torch.ops.quantized, FBGEMM_PRODUCT)
    return SevenBits if has_fbgemm and known else None


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
