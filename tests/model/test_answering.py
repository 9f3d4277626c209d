"""Models laid out for answers in fp32, bf16 or int8: an example is the same in any company, and who may use them."""

from __future__ import annotations

import pytest
import torch

from foretext.batch import pack
from foretext.errors import SettingsError
from foretext.model.answering import for_answering
from foretext.model.gpt import GPT
from foretext.model.kernels import operators
from foretext.model.kernels.linear import Int8Linear, SevenBits, int8_product
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings

needs_int8 = pytest.mark.skipif(int8_product() is None, reason="torch has no int8 for this processor")
needs_fbgemm = pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="no FBGEMM")
# Elsewhere fp32 answers come from the model itself, and oneDNN's kernels promise nothing of a row by itself.
needs_avx2 = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX2", reason="fp32 has another layout on AVX2 alone"
)
KINDS = [pytest.param("fp32", marks=needs_avx2), "bf16", pytest.param("int8", marks=needs_int8)]
SETTINGS = ModelSettings(vocabulary=50, context=40, layers=2, width=64, heads=4, initial_deviation=0.07)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_has_the_same_states_to_the_bit_alone_and_in_any_company(kind):
    """Rounding would make steps of the smallest difference: over 4 layers it came to 1e-3 where lengths were padded."""
    gpt = for_answering(GPT(SETTINGS.model_copy(update={"layers": 4}), seed=1).eval(), kind)
    draw = torch.Generator().manual_seed(0)
    company = [torch.randint(50, (length,), generator=draw).tolist() for length in (40, 33, 33, 17, 17, 17, 8, 1)]
    with torch.no_grad():
        together = gpt(Sequences.of(pack([company]))).states.split([len(ids) for ids in company])
        for ids, states in zip(company, together, strict=True):
            assert torch.equal(gpt(Sequences.of(pack([[ids]]))).states, states), len(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_that_begin_alike_have_the_states_they_have_by_themselves_up_to_rounding(kind):
    """Alone or joined to a tree; states are normalised, so that those of other tokens are about 1 apart."""
    gpt = for_answering(GPT(SETTINGS, seed=1).eval(), kind)
    text = list(range(20))
    batch = pack([[[*text, 30, 31], [*text, 40], [*text, 30, 32, 33]], [[41, 42]]])
    joined, apart = Sequences.of(batch, share_prefixes="in_batches"), Sequences.of(batch)
    assert len(joined.tokens) == 20 + 2 + 1 + 3 + 2
    with torch.no_grad():
        miss = joined.unjoined(gpt(joined).states) - gpt(apart).states
    assert miss.abs().max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_answers_of_a_question_have_the_same_scores_to_the_bit_alone_and_in_any_company(kind):
    gpt = for_answering(
        GPT(SETTINGS.model_copy(update={"layers": 4}), HeadSettings(combine="choose"), seed=1).eval(), kind
    )
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
def test_a_model_for_answering_scores_close_to_the_one_it_comes_from_and_leaves_it_alone(kind):
    gpt = GPT(SETTINGS, HeadSettings(outputs=3), seed=1).eval()
    before = {name: value.clone() for name, value in gpt.named_parameters()}
    batch = Sequences.of(pack([[[1, 2, 3, 4]], [[5, 6]], [[7]]]))
    with torch.no_grad():
        exact, quick = gpt.read(batch), for_answering(gpt, kind).read(batch)
    scale = exact.abs().max()
    if kind == "fp32":
        torch.testing.assert_close(quick, exact)  # the same numbers, summed in another order
    else:
        assert 0 < (exact - quick).abs().max() < 0.05 * scale  # 8 bits through two layers; swapped rows miss by `scale`
    assert all(torch.equal(before[name], value) for name, value in gpt.named_parameters())


def test_in_fp32_a_model_is_itself_where_another_layout_gains_nothing(monkeypatch):
    gpt = GPT(SETTINGS)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert for_answering(gpt, "fp32") is gpt
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert (for_answering(gpt, "fp32") is gpt) != torch.backends.mkldnn.is_available()


def test_only_fp32_transformers_on_a_cpu_gain_from_another_layout(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    lstm = SETTINGS.model_copy(update={"backbone": "lstm", "lstm_units": 16})
    for gpt in (GPT(lstm), GPT(SETTINGS).double(), GPT(SETTINGS).to("meta")):
        assert for_answering(gpt, "fp32") is gpt


def test_on_an_accelerator_a_model_is_bf16_throughout_and_int8_is_refused():
    elsewhere = GPT(SETTINGS).to("meta")  # the one device beside the CPU that is there everywhere
    assert {weight.dtype for weight in for_answering(elsewhere, "bf16").parameters()} == {torch.bfloat16}
    assert elsewhere.embedding.dtype == torch.float32
    with pytest.raises(SettingsError, match="not for meta"):
        for_answering(elsewhere, "int8")


def test_an_lstm_has_no_other_layout():
    with pytest.raises(SettingsError, match="LSTM"):
        for_answering(GPT(SETTINGS.model_copy(update={"backbone": "lstm", "lstm_units": 16})), "bf16")


@needs_fbgemm
def test_without_instructions_for_bytes_an_activation_has_seven_bits(monkeypatch):
    engine = torch.backends.quantized.engine
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    made = for_answering(GPT(SETTINGS), "int8")
    assert {type(layer.product) for layer in made.modules() if isinstance(layer, Int8Linear)} == {SevenBits}
    assert torch.backends.quantized.engine == engine


def test_int8_is_refused_where_torch_has_no_product_of_bytes(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(operators, "FBGEMM_PRODUCT", "a product that torch has parted with")
    with pytest.raises(SettingsError, match="no product of bytes"):
        for_answering(GPT(SETTINGS), "int8")
