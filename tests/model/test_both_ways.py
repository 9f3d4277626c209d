"""Sequences that are read both ways: each token sees its whole sequence, nothing of another, in every layout."""

from __future__ import annotations

import pytest
import torch

from foretext.batch import NO_BLANK, Batch, pack
from foretext.checkpoints.released_names import released_views
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.errors import ModelError, SettingsError
from foretext.evaluation.perplexity import perplexity
from foretext.model.answering import for_answering
from foretext.model.generation import generate
from foretext.model.gpt import GPT
from foretext.model.kernels.linear import int8_product
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.tokenizer import Tokenizer
from foretext.training.objectives import Counts, language_model_loss

SIZES = {"vocabulary": 50, "context": 300, "layers": 2, "width": 64, "heads": 2, "initial_deviation": 0.2}
FORMS = {"paper": {}, "rotary": {"positions": "rotary", "query_key_norm": "rms", "key_heads": 1, "norm_at": "before"}}
BOTH = HeadSettings(outputs=3, attend="both")
IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
needs_int8 = pytest.mark.skipif(int8_product() is None, reason="torch has no int8 for this processor")
WAYS = ["trained", "recomputed", "fp32", "bf16", pytest.param("int8", marks=needs_int8)]
BATCHES = {
    "one": [12],
    "four": [12, 12, 12, 12],
    "padded": [12, 5, 12, 1],
    "padded first": [5, 12, 7],
    "long": [270, 3],
}


def ids(length: int, start: int = 0) -> list[int]:
    return [(start + 7 * place * place + place) % 50 for place in range(length)]


def reader(model: GPT, way: str, monkeypatch: pytest.MonkeyPatch):
    """From sequences to their states, in training (without dropout) or laid out for answers."""
    monkeypatch.setattr("foretext.model.answering.gains_by_onednn", lambda like: True)
    made = model if way in ("trained", "recomputed") else for_answering(model, way)
    made.recompute = way == "recomputed"

    def states(sequences: list[list[int]]) -> list[torch.Tensor]:
        with torch.set_grad_enabled(way == "recomputed"):
            found = made(made.sequences(pack([[each] for each in sequences]))).states.detach()
        return list(found.split([len(each) for each in sequences]))

    return states


def written_out(model: GPT, tokens: list[int]) -> torch.Tensor:
    """The last states of the paper's form by its formulas, every position seeing every other."""
    w = {name: value.detach() for name, value in model.named_parameters()}
    h = w["embedding"][tokens] + w["embedding"][53 : 53 + len(tokens)]
    for number in range(2):
        block = model.blocks[number]
        query, key, value = block.attention.query_key_value(h).view(len(tokens), 3, 2, 32).permute(1, 2, 0, 3)
        mixed = (query @ key.transpose(1, 2) / 32**0.5).softmax(-1) @ value
        n = block.attention_norm(h + block.attention.output(mixed.transpose(0, 1).flatten(1)))
        h = block.feed_forward_norm(n + block.feed_forward(n))
    return h.detach()


def test_the_states_are_those_of_the_formulas_written_out():
    model = GPT(ModelSettings(**SIZES), BOTH, seed=1).double().eval()
    states = model(model.sequences(pack([[IDS], [ids(5)]]))).states
    wanted = torch.cat([written_out(model, each) for each in (IDS, ids(5))])
    torch.testing.assert_close(states, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("lengths", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attend", ["causal", "both"])
def test_the_last_token_changes_the_first_state_exactly_where_it_is_seen(attend, way, lengths, form, monkeypatch):
    head = HeadSettings(outputs=3, attend=attend)
    states = reader(GPT(ModelSettings(**SIZES, **form), head, seed=1).eval(), way, monkeypatch)
    sequences = [ids(length, number) for number, length in enumerate(lengths)]
    before = states(sequences)
    for number, length in enumerate(lengths):
        if length > 1:
            other = [*sequences[number][:-1], sequences[number][-1] ^ 1]
            after = states([*sequences[:number], other, *sequences[number + 1 :]])
            assert torch.equal(before[number][0], after[number][0]) == (attend == "causal")


@pytest.mark.parametrize("lengths", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("way", WAYS)
def test_a_neighbour_changes_no_bit_and_company_only_the_rounding(way, lengths, monkeypatch):
    states = reader(GPT(ModelSettings(**SIZES), BOTH, seed=1).eval(), way, monkeypatch)
    sequences = [ids(length, number) for number, length in enumerate(lengths)]
    together = states(sequences)
    altered = states([[each ^ 1 for each in sequences[0]], *sequences[1:]])
    for one, other in zip(together[1:], altered[1:], strict=True):
        assert torch.equal(one, other)
    for one, alone in zip(together, (states([each])[0] for each in sequences), strict=True):
        torch.testing.assert_close(one, alone, rtol=0, atol=1e-5 if way in ("trained", "recomputed", "fp32") else 0)


def test_what_begins_alike_is_not_shared():
    model = GPT(ModelSettings(**SIZES), BOTH, seed=1)
    alike = pack([[[*IDS, 1], [*IDS, 2], [*IDS, 3]]])
    assert GPT(ModelSettings(**SIZES), HeadSettings(outputs=3), seed=1).sequences(alike).joined is not None
    assert model.sequences(alike).joined is None
    assert for_answering(model, "bf16").sequences(alike).joined is None
    assert Sequences.of(alike, share_prefixes="in_batches", attend="both").joined is None


def test_a_model_that_reads_both_ways_predicts_no_text():
    """Whatever the way in; and nobody computes it causal by mistake."""
    model = GPT(ModelSettings(**SIZES), BOTH, seed=1).eval()
    for way in (
        lambda: list(generate(model, IDS, tokens=1)),
        lambda: perplexity(model, [pack([[IDS]])]),
        lambda: model(Sequences.of(pack([[IDS]]))),
    ):
        with pytest.raises(SettingsError, match="fine-tuned with --attend both and predicts no tokens"):
            way()
    with pytest.raises(ModelError, match="fine-tuned with --attend both"):
        released_views(model)


def test_the_language_model_loss_has_no_target_that_was_seen():
    model = GPT(ModelSettings(**SIZES), BOTH, seed=1).eval()
    sequences = model.sequences(pack([[IDS]]))
    assert float(language_model_loss(model(sequences), sequences, Counts(1, 1), rows=50).detach()) == 0


def test_an_lstm_cannot():
    with pytest.raises(SettingsError, match="--attend both is for Transformers"):
        GPT(ModelSettings(vocabulary=50, backbone="lstm", layers=1, width=32, heads=2, lstm_units=16), BOTH)


def test_a_saved_model_remembers_it(tmp_path):
    tokenizer = Tokenizer.learn_from_texts(["a b c a b"], 260, mode="bytes")
    gpt = GPT(ModelSettings(**{**SIZES, "vocabulary": tokenizer.size}), BOTH, seed=1)
    save_model(tmp_path / "model", SavedModel(gpt, tokenizer))
    assert load_model(tmp_path / "model").gpt.attend == "both"


def test_of_a_batch_the_sequences_with_blanks_are_read_both_ways_and_stand_last():
    model = GPT(ModelSettings(**SIZES), seed=1).double().eval()
    blanks = [NO_BLANK] * 4 + [NO_BLANK, 7, NO_BLANK] + [NO_BLANK, 8]
    batch = Batch(
        torch.tensor([1, 2, 3, 4, 5, 52, 6, 9, 52]).numpy(),
        torch.tensor([4, 3, 2]).numpy(),
        torch.arange(3).numpy(),
        blanks=torch.tensor(blanks).numpy(),
    )
    made = Sequences.of(batch)
    assert made.both_ways == 2
    assert made.blanks.places.tolist() == [5, 8]
    assert made.blanks.hidden.tolist() == [7, 8]
    assert made.blanks.sequences.tolist() == [1, 2]
    states = model(made).states
    apart = [model(Sequences.of(pack([[[1, 2, 3, 4]]]))), model(Sequences.of(pack([[[5, 52, 6]]]), attend="both"))]
    torch.testing.assert_close(states[:7], torch.cat([each.states for each in apart]), rtol=0, atol=1e-12)
    assert [part.blanks.tolist() for part in batch.split(2)] == [blanks[:7], blanks[7:]]
    wrong = Batch(batch.tokens, batch.lengths, batch.examples, blanks=batch.blanks[::-1].copy())
    with pytest.raises(ValueError, match="behind all others"):
        Sequences.of(wrong)
