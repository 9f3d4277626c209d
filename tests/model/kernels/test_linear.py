"""Layers that hold fp32, bf16 or int8 weights: they are the plain ones of rounded numbers, and rows do not touch."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch.nn import Linear

from foretext.model.kernels import linear as file
from foretext.model.kernels.gelu import plain_gelu
from foretext.model.kernels.linear import (
    BLOCK_ROWS,
    LINEAR,
    After,
    EightBits,
    FloatLinear,
    Int8Linear,
    SevenBits,
    block_sizes,
    in_blocks,
    int8_product,
    plain_int8_linear,
    plain_linear,
)

AFTER = get_args(After)
needs_vnni = pytest.mark.skipif(int8_product() is not EightBits, reason="this processor has no VNNI")
needs_fbgemm = pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="no FBGEMM")
PRODUCTS = [pytest.param(EightBits, marks=needs_vnni), pytest.param(SevenBits, marks=needs_fbgemm)]
needs_amx = pytest.mark.skipif(not torch.cpu.get_capabilities().get("amx_bf16"), reason="this processor has no AMX")
needs_int8 = pytest.mark.skipif(int8_product() is None, reason="torch has no int8 for this processor")
# Elsewhere fp32 answers come from the model itself, and oneDNN's kernels promise nothing of a row by itself.
needs_avx2 = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX2", reason="fp32 has another layout on AVX2 alone"
)
KINDS = [pytest.param("fp32", marks=needs_avx2), "bf16", pytest.param("int8", marks=needs_int8)]


@pytest.fixture
def linear():
    torch.manual_seed(1)
    return Linear(96, 160)


@pytest.fixture
def rows():
    return some_rows(96)


def factor_of(after, rows, outputs):
    """What an output is multiplied by, where that comes after the product."""
    torch.manual_seed(4)
    return (torch.randn(rows, outputs),) if after == "times" else ()


def some_rows(inputs):
    torch.manual_seed(2)
    return torch.randn(37, inputs) * torch.linspace(0.01, 30, 37)[:, None]


def test_a_plain_layer_with_gelu_is_the_equations_written_out(linear, rows):
    w, b, x = (value.detach().double() for value in (linear.weight, linear.bias, rows))
    torch.testing.assert_close(plain_linear(x, w, b), (x[:, None] * w).sum(-1) + b)
    torch.testing.assert_close(plain_linear(x, w, b, "gelu"), plain_gelu((x[:, None] * w).sum(-1) + b))


def test_a_gated_layer_is_the_equations_of_swiglu_written_out(linear, rows):
    w, b, x = (value.detach().double() for value in (linear.weight, linear.bias, rows))
    product = (x[:, None] * w).sum(-1) + b
    gate = plain_linear(x, w, b, "silu")
    torch.testing.assert_close(gate, product / (1 + (-product).exp()))
    torch.testing.assert_close(plain_linear(x, w, b, "times", gate), product * gate)


def test_a_plain_int8_layer_multiplies_whole_numbers():
    """With a largest number of 127 in each row scales are 1: -50.4 becomes -50, 0.6 becomes 1."""
    weight, bias = torch.tensor([[127, -50.4], [127, 0.0]]), torch.tensor([0.5, 0.0])
    found = plain_int8_linear(torch.tensor([[127, 0.6]]), weight, bias, largest=127)
    torch.testing.assert_close(found, torch.tensor([[127 * 127 - 50 + 0.5, 127 * 127]], dtype=torch.float64))


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        (torch.float32, 1e-5, 1e-4),  # inputs to 100, sums of 96: eps times that
        # The result is rounded to bf16's 8 bits once; GELU may see it rounded before, as torch's own layers do.
        (torch.bfloat16, 2**-7, 1e-2),
    ],
)
def test_a_layer_of_floats_is_the_plain_one_of_rounded_numbers(linear, rows, after, dtype, rtol, atol):
    factor = factor_of(after, 37, 160)
    w, b, x = (value.detach().to(dtype).double() for value in (linear.weight, linear.bias, rows))
    exact = plain_linear(x, w, b, after, *(each.to(dtype).double() for each in factor))
    with torch.no_grad():
        given = FloatLinear(linear, dtype=dtype, after=after)(rows, *factor).double()
    torch.testing.assert_close(given, exact, rtol=rtol, atol=atol)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("after", AFTER)
def test_an_int8_layer_is_the_plain_one(linear, rows, after, product):
    w, b, factor = linear.weight.detach(), linear.bias.detach(), factor_of(after, 37, 160)
    exact = plain_int8_linear(rows, w, b, after, *factor, largest=product.largest)
    with torch.no_grad():
        given = Int8Linear(linear, after=after, product=product)(rows, *factor).double()
    torch.testing.assert_close(given, exact, rtol=1e-5, atol=1e-5)  # scales and sums are float32


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_of_the_largest_bytes_do_not_overflow(product):
    """In 16 bits two of them would, were they of 8 bits; 3,072 of them, as the widest product of the paper's model."""
    weight = torch.full((5, 3_072), 127.0)
    weight[1], weight[2, ::2], weight[3, :7] = -127, -127, 0
    whole = torch.full((4, 3_072), float(product.largest))
    whole[1], whole[2, ::2], whole[3, 5:] = -product.largest, -product.largest, 0
    exact = (whole.double() @ weight.double().T).float()
    assert torch.equal(product(weight, torch.ones(5))(whole), exact)


@pytest.mark.parametrize("product", PRODUCTS)
def test_an_int8_layer_is_off_by_no_more_than_half_a_step_an_input(product):
    """Each of 96 products misses by half a step of either factor at most, each in units of its largest."""
    torch.manual_seed(1)
    layer, rows = Linear(96, 8), torch.randn(5, 96)
    with torch.no_grad():
        miss = (Int8Linear(layer, product=product)(rows) - layer(rows)).abs()
        largest = rows.abs().amax(1, keepdim=True) * layer.weight.abs().amax(1)
    half_weight, half_row = 1 / 2 / 127, 1 / 2 / product.largest
    assert (miss <= 96 * largest * (half_weight + half_row + half_weight * half_row)).all()
    assert miss.max() > 0


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_row_of_zeros_gives_the_bias(linear, product):
    with torch.no_grad():
        given = Int8Linear(linear, product=product)(torch.zeros(3, 96))
    torch.testing.assert_close(given, linear.bias.expand(3, -1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", AFTER)
def test_a_row_is_the_same_to_the_bit_however_many_there_are(kind, after):
    """With 3,072 inputs, as in the paper's model, where a kernel has reason to sum in another order."""
    layer, given = LINEAR[kind](Linear(3_072, 128), after=after), (some_rows(3_072), *factor_of(after, 37, 128))
    with torch.no_grad():
        whole = layer(*given)
        for count in (1, 2, 7, 16, 33):
            for first in range(0, 37 - count, count):
                some = (each[first : first + count] for each in given)
                assert torch.equal(layer(*some), whole[first : first + count]), count


@needs_amx
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize(("inputs", "outputs"), [(256, 256), (1_024, 256), (576, 192), (768, 128), (3_072, 128)])
def test_a_row_of_bf16_is_the_same_to_the_bit_at_any_place_in_any_number(inputs, outputs, after):
    """Rows and weights that add up to 0: what comes out is what was rounded on the way, in the order of the sums."""
    draw = torch.Generator().manual_seed(3)
    order, layer = torch.randperm(inputs, generator=draw), Linear(inputs, outputs)
    half, weight = (torch.randn(count, inputs // 2, generator=draw) for count in (300, outputs))
    with torch.no_grad():
        layer.bias.zero_()
        layer.weight.copy_(torch.cat([weight, -weight], 1)[:, order])
        quick = FloatLinear(layer, dtype=torch.bfloat16, after=after)
        given = (torch.cat([half, half], 1)[:, order], *factor_of(after, 300, outputs))
        whole = quick(*given)
        assert (whole != 0).float().mean() > 0.5
        for count in (1, 16, 31, 33, 64, 65, 97, 128, 129, 161, 256, 299):
            for first in {0, 1, 300 - count}:
                some = (each[first : first + count] for each in given)
                assert torch.equal(quick(*some), whole[first : first + count]), (first, count)


@pytest.mark.parametrize(
    ("rows", "blocks"), [(1, [64]), (64, [64]), (65, [128]), (128, [128]), (130, [128, 64]), (300, [128, 128, 64])]
)
def test_rows_that_fill_no_block_are_filled_up_to_the_next_size(rows, blocks):
    taken, given = [], torch.randn(rows, 3)
    made = in_blocks(lambda block: (taken.append(block), 2 * block)[1], (given,), given.dtype, (64, BLOCK_ROWS))
    assert [len(block) for block in taken] == blocks
    assert not torch.cat(taken)[rows:].any()  # zeros: whatever was there might be NaN, which some kernels read
    assert torch.equal(made, 2 * given)


def test_a_block_that_a_processor_sums_in_another_order_is_not_used(monkeypatch):
    def product(rows, weight, bias, after):
        reverse = len(rows) in (32, 96)
        return plain_linear(rows.flip(1), weight.flip(1), bias) if reverse else plain_linear(rows, weight, bias)

    monkeypatch.setattr(file, "laid_out", lambda weight: (product, weight.double()))
    monkeypatch.setattr(torch, "bfloat16", torch.float64)
    assert block_sizes.__wrapped__(5, 333, biased=True, after="nothing", threads=1) == (64, 128)
