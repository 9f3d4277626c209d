"""Layers that hold fp32, bf16 or int8 weights: what they compute, that rows do not touch, who may use them."""

from __future__ import annotations

import pytest
import torch
from torch.nn import Linear, functional

from foretext.batch import pack
from foretext.errors import SettingsError
from foretext.model import packed as packed_layers
from foretext.model.gpt import GPT
from foretext.model.packed import LINEAR, EightBits, FloatLinear, Int8Linear, SevenBits, gelu_, int8_product, packed
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings

needs_int8 = pytest.mark.skipif(int8_product() is None, reason="torch has no int8 for this processor")
needs_vnni = pytest.mark.skipif(int8_product() is not EightBits, reason="this processor has no VNNI")
needs_fbgemm = pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="no FBGEMM")
PRODUCTS = [pytest.param(EightBits, marks=needs_vnni), pytest.param(SevenBits, marks=needs_fbgemm)]
# Elsewhere fp32 answers come from the model itself, and oneDNN's kernels promise nothing of a row by itself.
needs_avx2 = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX2", reason="fp32 is packed on AVX2 alone"
)
KINDS = [pytest.param("fp32", marks=needs_avx2), "bf16", pytest.param("int8", marks=needs_int8)]
SETTINGS = ModelSettings(vocabulary=50, context=40, layers=2, width=64, heads=4, initial_deviation=0.07)


@pytest.fixture
def linear():
    torch.manual_seed(1)
    return Linear(96, 160)


@pytest.fixture
def rows():
    return some_rows(96)


def some_rows(inputs):
    torch.manual_seed(2)
    return torch.randn(37, inputs) * torch.linspace(0.01, 30, 37)[:, None]


def gelu(x):
    return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


@pytest.mark.parametrize("after_gelu", [False, True])
@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        (torch.float32, 1e-5, 1e-4),  # inputs to 100, sums of 96: eps times that
        # The result is rounded to bf16's 8 bits once; GELU may see it rounded before, as torch's own layers do.
        (torch.bfloat16, 2**-7, 1e-2),
    ],
)
def test_a_layer_of_floats_is_the_product_of_rounded_numbers(linear, rows, after_gelu, dtype, rtol, atol):
    w, b, x = (value.detach().to(dtype).double() for value in (linear.weight, linear.bias, rows))
    exact = x @ w.T + b
    exact = gelu(exact) if after_gelu else exact
    with torch.no_grad():
        given = FloatLinear(linear, dtype=dtype, gelu=after_gelu)(rows).double()
    torch.testing.assert_close(given, exact, rtol=rtol, atol=atol)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("after_gelu", [False, True])
def test_an_int8_layer_is_the_product_of_whole_numbers_times_their_scales(linear, rows, after_gelu, product):
    weight_scale = linear.weight.detach().abs().amax(1) / 127
    row_scale = rows.abs().amax(1, keepdim=True) / {EightBits: 127, SevenBits: 63}[product]
    whole = (rows * row_scale.reciprocal()).round().long() @ (linear.weight / weight_scale[:, None]).round().long().T
    exact = whole.double() * row_scale * weight_scale + linear.bias.detach()
    exact = gelu(exact) if after_gelu else exact
    with torch.no_grad():
        given = Int8Linear(linear, gelu=after_gelu, product=product)(rows).double()
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


def test_gelu_in_place_is_torchs():
    values = torch.linspace(-30, 30, 10_001)
    torch.testing.assert_close(gelu_(values.clone()[:, None])[:, 0], functional.gelu(values, approximate="tanh"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after_gelu", [False, True])
def test_a_row_is_the_same_to_the_bit_however_many_there_are(kind, after_gelu):
    """With 3,072 inputs, as in the paper's model, where a kernel has reason to sum in another order."""
    layer, rows = LINEAR[kind](Linear(3_072, 128), gelu=after_gelu), some_rows(3_072)
    with torch.no_grad():
        whole = layer(rows)
        for count in (1, 2, 7, 16, 33):
            for first in range(0, 37 - count, count):
                assert torch.equal(layer(rows[first : first + count]), whole[first : first + count]), count


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_has_the_same_states_to_the_bit_alone_and_in_any_company(kind):
    """Rounding would make steps of the smallest difference: over 4 layers it came to 1e-3 where lengths were padded."""
    gpt = packed(GPT(SETTINGS.model_copy(update={"layers": 4}), seed=1).eval(), kind)
    draw = torch.Generator().manual_seed(0)
    company = [torch.randint(50, (length,), generator=draw).tolist() for length in (40, 33, 33, 17, 17, 17, 8, 1)]
    with torch.no_grad():
        together = gpt(Sequences.of(pack([company]))).states.split([len(ids) for ids in company])
        for ids, states in zip(company, together, strict=True):
            assert torch.equal(gpt(Sequences.of(pack([[ids]]))).states, states), len(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_that_begin_alike_have_the_states_they_have_by_themselves_up_to_rounding(kind):
    """Alone or joined to a tree; states are normalised, so that those of other tokens are about 1 apart."""
    gpt = packed(GPT(SETTINGS, seed=1).eval(), kind)
    text = list(range(20))
    batch = pack([[[*text, 30, 31], [*text, 40], [*text, 30, 32, 33]], [[41, 42]]])
    joined, apart = Sequences.of(batch, share_prefixes="in_batches"), Sequences.of(batch)
    assert len(joined.tokens) == 20 + 2 + 1 + 3 + 2
    with torch.no_grad():
        miss = joined.unjoined(gpt(joined).states) - gpt(apart).states
    assert miss.abs().max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_answers_of_a_question_have_the_same_scores_to_the_bit_alone_and_in_any_company(kind):
    gpt = packed(GPT(SETTINGS.model_copy(update={"layers": 4}), HeadSettings(combine="choose"), seed=1).eval(), kind)
    draw = torch.Generator().manual_seed(0)

    def text(length: int) -> list[int]:
        return torch.randint(50, (length,), generator=draw).tolist()

    story = text(20)
    company = [[[*stem, *text(4)], [*stem, *text(6)]] for stem in (story, story, text(25), text(20))]
    company.insert(1, [text(26), text(24)])
    with torch.no_grad():
        together = gpt.sequences(pack(company))
        assert together.row_sequences == (2, 1, 1, 2, 2, 2)
        for example, scores in zip(company, gpt.read(together).split(2), strict=True):
            assert torch.equal(gpt.read(gpt.sequences(pack([example]))), scores)


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_model_scores_close_to_the_one_it_comes_from_and_leaves_it_alone(kind):
    gpt = GPT(SETTINGS, HeadSettings(outputs=3), seed=1).eval()
    before = {name: value.clone() for name, value in gpt.named_parameters()}
    batch = Sequences.of(pack([[[1, 2, 3, 4]], [[5, 6]], [[7]]]))
    with torch.no_grad():
        exact, quick = gpt.read(batch), packed(gpt, kind).read(batch)
    scale = exact.abs().max()
    if kind == "fp32":
        torch.testing.assert_close(quick, exact)  # the same numbers, summed in another order
    else:
        assert 0 < (exact - quick).abs().max() < 0.05 * scale  # 8 bits through two layers; swapped rows miss by `scale`
    assert all(torch.equal(before[name], value) for name, value in gpt.named_parameters())


def test_in_fp32_a_model_is_itself_where_another_layout_gains_nothing(monkeypatch):
    gpt = GPT(SETTINGS)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert packed(gpt, "fp32") is gpt
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert (packed(gpt, "fp32") is gpt) != torch.backends.mkldnn.is_available()


def test_only_fp32_transformers_on_a_cpu_gain_from_another_layout(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    lstm = SETTINGS.model_copy(update={"backbone": "lstm", "lstm_units": 16})
    for gpt in (GPT(lstm), GPT(SETTINGS).double(), GPT(SETTINGS).to("meta")):
        assert packed(gpt, "fp32") is gpt


def test_on_an_accelerator_a_model_is_bf16_throughout_and_int8_is_refused():
    elsewhere = GPT(SETTINGS).to("meta")  # the one device beside the CPU that is there everywhere
    assert {weight.dtype for weight in packed(elsewhere, "bf16").parameters()} == {torch.bfloat16}
    assert elsewhere.embedding.dtype == torch.float32
    with pytest.raises(SettingsError, match="not for meta"):
        packed(elsewhere, "int8")


def test_an_lstm_is_not_packed():
    with pytest.raises(SettingsError, match="LSTM"):
        packed(GPT(SETTINGS.model_copy(update={"backbone": "lstm", "lstm_units": 16})), "bf16")


@needs_fbgemm
def test_without_instructions_for_bytes_an_activation_has_seven_bits(monkeypatch):
    engine = torch.backends.quantized.engine
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    made = packed(GPT(SETTINGS), "int8")
    assert {type(layer.product) for layer in made.modules() if isinstance(layer, Int8Linear)} == {SevenBits}
    assert torch.backends.quantized.engine == engine


def test_int8_is_refused_where_torch_has_no_product_of_bytes(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(packed_layers, "FBGEMM_PRODUCT", "a product that torch has parted with")
    with pytest.raises(SettingsError, match="no product of bytes"):
        packed(GPT(SETTINGS), "int8")
