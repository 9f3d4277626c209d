"""Perplexity: every token predicted once behind as much text as its window holds, and counted by four measures."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from foretext.batch import pack
from foretext.checkpoints.saved_model import SavedModel, load_model
from foretext.cli import main
from foretext.errors import SettingsError
from foretext.evaluation.perplexity import Window, sliding_windows
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings
from foretext.recipes.perplexity import perplexity, perplexity_from
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.pieces import NEWLINE

TEXTS = ["Ann saw a cat in the barn.", "Bob", " ", "Cleo saw a hen in the wood and Dan saw a dog in the yard. " * 4]


def measured(model, path, texts=TEXTS, **settings):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return perplexity_from(model, PerplexitySettings(model="m", inputs=(str(path),), device="cpu", **settings))


@pytest.fixture(scope="module")
def model(language_model):
    return load_model(language_model)


def log_probability(gpt, ids, place):
    """log P of the token at `place` behind all tokens before it that are given."""
    states = gpt(Sequences.of(pack([[ids[: place + 1]]]))).states
    logs = (states[place - 1] @ gpt.embedding[: gpt.settings.vocabulary].T).log_softmax(-1)
    return float(logs[ids[place]].detach())


def test_windows_are_those_of_the_example():
    found = list(sliding_windows(range(7), context=4, stride=2))
    assert found == [Window(range(4), 3), Window(range(2, 6), 2), Window(range(3, 7), 1)]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 9, 10, 31, 40])
@pytest.mark.parametrize(("context", "stride"), [(2, 1), (8, 1), (8, 3), (8, 4), (8, 7)])
def test_every_token_but_the_first_is_predicted_once_behind_as_many_as_there_is_room_for(length, context, stride):
    predicted = []
    for window in sliding_windows(range(length), context=context, stride=stride):
        assert len(window.ids) == min(length, context)
        for place in range(len(window.ids) - window.scored, len(window.ids)):
            assert place >= min(window.ids[place], context - stride)  # so many stand before it
            predicted.append(window.ids[place])
    assert predicted == list(range(1, length))


@pytest.mark.parametrize("stride", [0, 8])
def test_a_stride_as_long_as_the_context_is_none(stride):
    with pytest.raises(ValueError, match="should be 1 to 7"):
        list(sliding_windows(range(9), context=8, stride=stride))


def test_at_stride_1_each_token_has_the_cost_that_all_the_text_before_it_gives_it(model, tmp_path):
    """As far as the context goes; the first of a text stands behind a line break, as in pre-training."""
    found = measured(model, tmp_path / "a.jsonl", stride=1)
    total, count, context = 0.0, 0, model.gpt.settings.context
    for text in TEXTS:
        ids = [model.tokenizer.newline, *model.tokenizer.encode(text)]
        for place in range(1, len(ids)):
            first = max(0, place - context + 1)
            total, count = total - log_probability(model.gpt, ids[first:], place - first), count + 1
    assert len(ids) > 2 * context
    assert found.tokens == count
    assert found.loss == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize("stride", [None, 5, 31])
def test_every_token_of_every_text_is_predicted_whatever_the_stride(model, tmp_path, stride):
    found = measured(model, tmp_path / "a.jsonl", stride=stride)
    assert found.tokens == sum(len(model.tokenizer.encode(text)) for text in TEXTS)
    assert found.stride == (stride or 16)


def test_the_four_measures_are_of_one_total(model, tmp_path):
    found = measured(model, tmp_path / "a.jsonl", [*TEXTS, "Zoë saw a cat."])
    whole = "".join([*TEXTS, "Zoë saw a cat."])
    assert (found.characters, found.bytes) == (len(whole), len(whole) + 1)
    assert (found.documents, found.words) == (5, 7 + 1 + 4 * 15 + 4)
    nats = found.loss * found.tokens
    assert math.log(found.perplexity) * found.tokens == pytest.approx(nats)
    assert math.log(found.perplexity_per_word) * found.words == pytest.approx(nats)
    assert math.log(found.perplexity_per_character) * found.characters == pytest.approx(nats)
    assert math.log(found.perplexity_per_byte) * found.bytes == pytest.approx(nats)
    assert found.bits_per_byte * math.log(2) * found.bytes == pytest.approx(nats)


def test_a_text_of_one_token_is_predicted_behind_the_line_break(model, tmp_path):
    (token,) = model.tokenizer.encode("Ann")
    found = measured(model, tmp_path / "a.jsonl", ["Ann"])
    assert found.loss == pytest.approx(-log_probability(model.gpt, [model.tokenizer.newline, token], 1), rel=1e-5)


def test_without_a_piece_for_a_line_break_the_first_tokens_are_said_and_counted_as_the_mean(caplog, tmp_path):
    learned = Tokenizer.learn_from_texts(["Ann saw a cat. Bob saw a dog."], 26).vocabulary
    assert learned.pieces[-1] == NEWLINE
    tokenizer = Tokenizer(replace(learned, pieces=learned.pieces[:-1]))
    assert tokenizer.newline is None
    shape = ModelSettings(vocabulary=tokenizer.size, context=8, layers=1, width=16, heads=2)
    saved = SavedModel(GPT(shape, seed=0).eval(), tokenizer)
    texts = ["Ann saw a cat.", "Bob saw a dog."]
    found = measured(saved, tmp_path / "a.jsonl", texts)
    there = sum(len(tokenizer.encode(text)) for text in texts)
    assert found.tokens == there - 2
    assert "2 tokens, the first of each text, could not be predicted" in caplog.text
    assert math.log(found.perplexity_per_word) * found.words == pytest.approx(found.loss * there)


def test_what_is_in_a_batch_beside_a_text_changes_nothing(model, tmp_path):
    """To the digits that sums of floats have."""
    alone = [measured(model, tmp_path / "a.jsonl", [text]) for text in TEXTS if text.strip()]
    together = measured(model, tmp_path / "a.jsonl")
    assert sum(each.loss * each.tokens for each in alone) == pytest.approx(together.loss * together.tokens, rel=1e-6)


def test_a_stride_that_is_too_long_is_refused(capfd, language_model, tmp_path):
    (tmp_path / "a.txt").write_text("Ann saw a cat.")
    with pytest.raises(SettingsError, match="--stride 32 is too long: the model reads 32 tokens at once"):
        perplexity(PerplexitySettings(model=str(language_model), inputs=(str(tmp_path / "a.txt"),), stride=32))
    assert main(["perplexity", str(language_model), str(tmp_path / "a.txt"), "--stride", "32"]) == 2
    assert "give 1 to 31" in capfd.readouterr().err


def test_the_lines_have_all_four_measures(capfd, language_model, tmp_path):
    (tmp_path / "a.txt").write_text("Ann saw a cat.")
    assert main(["perplexity", str(language_model), str(tmp_path / "a.txt"), "--device", "cpu"]) == 0
    first, second, third = capfd.readouterr().out.splitlines()
    assert all(unit in first for unit in ("a token", "a word", "a character", "a byte"))
    assert second.endswith("bits a byte")
    assert third.startswith("1 document, 4 words, 14 characters, 14 bytes; 5 tokens predicted, windows moving on by 16")


def test_what_is_left_out_is_counted_and_the_first_cases_are_named(capfd, language_model, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "Ann saw a cat."}\n{"body": "Bob"}\n')
    command = ["perplexity", str(language_model), str(file), "--device", "cpu"]
    assert main(command) == 0
    *_, counts, case = capfd.readouterr().out.splitlines()
    assert counts == "problems in the input: 1 × record without a text (left out):"
    assert case == f"  {file}:2: no field 'text'; there are: 'body'"
    assert main([*command, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["problems"], found["first_problems"]) == ({"record without a text (left out)": 1}, [case.strip()])
