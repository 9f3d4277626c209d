"""Linear layers for answering alone: fp32, bf16 or int8 weights, laid out as the processor likes. No gradients.

            weights                                activations          a product is summed in
    fp32    as they are                            as they are          fp32
    bf16    rounded                                rounded              fp32
    int8    a byte, a scale an output channel      8 or 7 bits, a       whole numbers, exactly
                                                   scale a token

What follows a product is taken together with it where that is possible: GELU, silu, or another array times it, as in
SwiGLU. Floats are then rounded to bf16 once, behind both.

Processors without instructions for int8 (VNNI, AMX) add two products of bytes in 16 bits. There activations have
7 bits, of which no two products overflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from foretext.model.kernels import operators
from foretext.model.kernels.gelu import gelu_, plain_gelu

After = Literal["nothing", "gelu", "silu", "times"]

LARGEST = 127  # of a weight, a signed byte
BLOCK_ROWS = 128  # fewer would read the weights more often, more would be filled up more
SMALLER = (32, 64, 96)  # rows of a last block that has no more, where the processor sums a row in it as in a whole one
SMALLEST = torch.finfo(torch.float32).tiny  # a scale, where all values are 0


def plain_linear(
    states: Tensor, weight: Tensor, bias: Tensor | None, after: After = "nothing", factor: Tensor | None = None
) -> Tensor:
    """x Wᵀ + b and what comes after it, in the type of all; `factor` `(rows, outputs)` is what "times" takes."""
    product = functional.linear(states, weight, bias)
    if after == "gelu":
        return functional.gelu(product, approximate="tanh")
    if after == "silu":
        return functional.silu(product)
    return product if factor is None else product * factor


def plain_int8_linear(
    states: Tensor,
    weight: Tensor,
    bias: Tensor,
    after: After = "nothing",
    factor: Tensor | None = None,
    *,
    largest: int,
) -> Tensor:
    """The same of rounded numbers: a row of W is a scale times whole numbers to 127, one of x, to `largest`."""
    states_scale = (states.abs().amax(1, keepdim=True) / largest).clamp(min=SMALLEST)  # (tokens, 1)
    weight_scale = (weight.abs().amax(1) / LARGEST).clamp(min=SMALLEST)  # (outputs,)
    whole_states = (states * states_scale.reciprocal()).round().double()  # in which sums of whole numbers are exact
    whole_weight = (weight / weight_scale[:, None]).round().double()
    product = whole_states @ whole_weight.T * states_scale * weight_scale + bias
    if after == "gelu":
        return plain_gelu(product)
    if after == "silu":
        return product * product.sigmoid()
    return product if factor is None else product * factor


class FloatLinear(nn.Module):
    """A linear layer with fp32 or bf16 weights; takes any floats, gives fp32, or `dtype` behind what comes after."""

    def __init__(self, source: nn.Linear, *, dtype: torch.dtype, after: After = "nothing") -> None:
        super().__init__()
        self.dtype, self.after = dtype, after
        self.bias = None if source.bias is None else source.bias.detach().to(dtype)
        self._lay_out(source.weight.detach().to(dtype))

    def _lay_out(self, weight: Tensor) -> None:
        self.product, self.weight = laid_out(weight)
        # With AMX the order of oneDNN's sums depends on how many rows there are: of 768 inputs on whether more than 32.
        self.in_blocks = self.dtype is torch.bfloat16 and bool(torch.cpu.get_capabilities().get("amx_bf16"))
        if self.in_blocks:
            self.shape = weight.shape
            self.sizes()  # found out now, not when somebody waits for an answer

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: the weight as torch lays it out; a layout is good for one processor."""
        return {**vars(self), "weight": operators.plain_layout(self.weight), "product": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._lay_out(state["weight"])

    def forward(self, states: Tensor, *factor: Tensor) -> Tensor:
        """The layer's outputs `(rows, outputs)`, with "times" those of `factor` times; no row depends on the others."""
        if self.in_blocks:
            product = in_blocks(self._product, (states, *factor), self.dtype, self.sizes())
        elif len(states) == 1:  # a row alone would be summed in another order
            return self.forward(*(each.repeat(2, 1) for each in (states, *factor)))[:1]
        else:
            product = self._product(*(each.to(self.dtype) for each in (states, *factor)))
        return product.float() if self.after == "nothing" else product

    def _product(self, rows: Tensor, *factor: Tensor) -> Tensor:
        return self.product(rows, self.weight, self.bias, self.after, *factor)

    def sizes(self) -> tuple[int, ...]:
        """How many rows a block of it may have, where it takes them in blocks."""
        threads = torch.get_num_threads()
        return block_sizes(*self.shape, biased=self.bias is not None, after=self.after, threads=threads)


class BlockLinear(nn.Module):
    """A linear layer as it is, for the head: MKL's fp32 kernels too depend on how many rows there are."""

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        self.source = source

    def forward(self, states: Tensor) -> Tensor:
        """The layer's outputs `(rows, outputs)`; a row has the same bits among any others."""
        return in_blocks(self.source, (states,), states.dtype)


def in_blocks(
    product: Callable[..., Tensor],
    arrays: Sequence[Tensor],
    dtype: torch.dtype,
    sizes: Sequence[int] = (BLOCK_ROWS,),
) -> Tensor:
    """`product` of all `arrays` in `dtype`, `BLOCK_ROWS` rows at a time; what is left over fills a block of `sizes`."""
    count = len(arrays[0])
    if count in sizes:
        return product(*(array.to(dtype).contiguous() for array in arrays))
    left = count % BLOCK_ROWS
    whole = count - left
    parts = []
    if whole:
        blocks = (torch.split(array[:whole].to(dtype).contiguous(), BLOCK_ROWS) for array in arrays)
        parts = [product(*each) for each in zip(*blocks, strict=True)]
    if left or not whole:
        size = next(size for size in sizes if size >= left)
        parts.append(product(*(_filled_up(array[whole:], size, dtype) for array in arrays))[:left])
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _filled_up(rows: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """`rows` and zeros, not whatever is there: of 100 inputs oneDNN reads past a row's end, and 0 · NaN is NaN."""
    block = rows.new_zeros(size, rows.shape[1], dtype=dtype)
    block[: len(rows)] = rows
    return block


def shared_sizes(layers: Iterable[nn.Module]) -> list[int]:
    """The sizes of blocks that suit all these layers; none where one of them takes rows as they come."""
    found = [layer.sizes() if isinstance(layer, FloatLinear) and layer.in_blocks else () for layer in layers]
    return [size for size in found[0] if all(size in others for others in found)]


@cache
def block_sizes(outputs: int, inputs: int, *, biased: bool, after: After, threads: int) -> tuple[int, ...]:
    """How many rows a block may have for such a layer in bf16, so that a row is summed as in one of `BLOCK_ROWS`.

    A kernel is chosen by shape and threads, so it is tried with numbers that add up to 0: what comes out is what was
    rounded on the way, and another order shows in nearly every output.
    """
    draw = torch.Generator().manual_seed(0)
    order = torch.randperm(inputs, generator=draw)

    def halves(count: int, sign: int) -> Tensor:
        drawn = torch.randn(count - 1 + inputs // 2, generator=draw).to(torch.bfloat16)
        half = drawn.unfold(0, inputs // 2, 1)  # a row begins at each number: to draw all of them would take longer
        return torch.cat([half, sign * half, half.new_zeros(count, inputs % 2)], 1)[:, order]

    rows, bias = halves(BLOCK_ROWS, 1), torch.zeros(outputs, dtype=torch.bfloat16) if biased else None
    product, weight = laid_out(halves(outputs, -1))

    def of_first(size: int) -> Tensor:
        factor = (torch.ones(size, outputs, dtype=torch.bfloat16),) if after == "times" else ()
        return product(rows[:size], weight, bias, after, *factor)

    whole = of_first(BLOCK_ROWS)
    return (*(size for size in SMALLER if torch.equal(of_first(size), whole[:size])), BLOCK_ROWS)


def laid_out(weight: Tensor) -> tuple[Callable[..., Tensor], Tensor]:
    """The product for a layer of floats with that weight, and the weight as it takes it."""
    if operators.lays_out(weight.dtype):
        return operators.onednn_linear, operators.onednn_layout(weight)
    return plain_linear, weight


class Int8Linear(nn.Module):
    """A linear layer with int8 weights; fp32 in and out."""

    def __init__(
        self, source: nn.Linear, *, after: After = "nothing", product: type[EightBits | SevenBits] | None = None
    ) -> None:
        super().__init__()
        self.after = after
        weight = source.weight.detach().float()
        scale = (weight.abs().amax(1) / LARGEST).clamp_(min=SMALLEST)  # (outputs,)
        self.bias = torch.zeros(len(weight)) if source.bias is None else source.bias.detach().float()
        chosen = product or int8_product()
        assert chosen is not None  # `for_answering` has asked
        self.product = chosen((weight / scale[:, None]).round_(), scale)

    def forward(self, states: Tensor, *factor: Tensor) -> Tensor:
        """The layer's outputs `(rows, outputs)` from rows rounded to int8, each by a scale of its own."""
        scale = torch.maximum(states.amax(-1, keepdim=True), -states.amin(-1, keepdim=True))  # (tokens, 1)
        scale = scale.div_(self.product.largest).clamp_(min=SMALLEST)
        whole = (states * scale.reciprocal()).round_()
        product = torch.addcmul(self.bias, self.product(whole), scale)
        if self.after == "gelu":
            return gelu_(product)
        if self.after == "silu":
            return functional.silu(product, inplace=True)
        return product.mul_(*factor) if factor else product


class EightBits:
    """Products of whole numbers from -127 to 127 by oneDNN, where the processor has instructions for them."""

    largest, bits = 127, 8
    zero = 128  # the unsigned byte that stands for 0: the processor multiplies unsigned by signed bytes

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self.scale, self.zeros = scale, torch.zeros(len(scale), dtype=torch.int32)
        self.weight = operators.onednn_bytes_layout(weight)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: the weight as torch lays it out, `(outputs, inputs)`."""
        return {**vars(self), "weight": operators.plain_layout(self.weight).t().contiguous()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.weight = operators.onednn_bytes_layout(state["weight"])

    def __call__(self, whole: Tensor) -> Tensor:
        """`(tokens, inputs)` to `(tokens, outputs)`, each output times its scale."""
        unsigned = whole.to(torch.int8).view(torch.uint8).bitwise_xor_(self.zero)  # the same plus 128
        return operators.onednn_bytes_linear(unsigned, self.zero, self.weight, self.scale, self.zeros)


class SevenBits:
    """Products of activations from -63 to 63 and weights from -127 to 127 by FBGEMM, on any x86 CPU with AVX2.

    With `zero` added activations are at most 127, and 2 × 127 × 127 = 32,258 is a number of 16 bits.
    """

    largest, bits = 63, 7
    zero = 64

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self.weight = operators.fbgemm_bytes_layout(weight, scale)

    def __call__(self, whole: Tensor) -> Tensor:
        """`(tokens, inputs)` to `(tokens, outputs)`, each output times its scale."""
        return operators.fbgemm_bytes_linear(whole, self.zero, self.weight)


def int8_product() -> type[EightBits | SevenBits] | None:
    """How this processor multiplies bytes, or None where torch has nothing for it."""
    if operators.has_onednn_bytes():
        return EightBits
    return SevenBits if operators.has_fbgemm_bytes() else None


LINEAR: dict[str, Callable[..., nn.Module]] = {
    "fp32": partial(FloatLinear, dtype=torch.float32),
    "bf16": partial(FloatLinear, dtype=torch.bfloat16),
    "int8": Int8Linear,
}
