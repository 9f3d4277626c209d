"""Answers: the same however they are batched, repeated or remembered."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from foretext.checkpoints.saved_model import SavedModel, save_model
from foretext.errors import DataError, SettingsError, UnknownName
from foretext.model.gpt import GPT
from foretext.model.kernels.linear import int8_product
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.serving.predictor import Predictor, outputs
from foretext.tasks.examples import Encoded
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer

SCHEMA = TaskSchema(kind="classification", text=("text",), label="label", classes=("a", "b", "c"))
PRECISIONS = ["fp32", "bf16", pytest.param("int8", marks=pytest.mark.skipif(not int8_product(), reason="no int8 here"))]
# A batch's size changes fp32 by a few units in the last of seven digits, as torch chooses among kernels. In bf16 and
# int8 the states are the same to the bit, and only the head is fp32.
TOLERANCE = 1e-6


@pytest.fixture
def saved(tmp_path) -> SavedModel:
    (tmp_path / "words.txt").write_text("a cat saw a dog in the barn " * 5)
    tokenizer = Tokenizer.learn([tmp_path / "words.txt"], 60)
    shape = ModelSettings(vocabulary=tokenizer.size, context=64, layers=4, width=128, heads=4, initial_deviation=0.07)
    return SavedModel(GPT(shape, HeadSettings(outputs=3), seed=2), tokenizer, task=SCHEMA)


def examples(count: int, lengths: tuple[int, int] = (3, 60)) -> list[Encoded]:
    draw = np.random.default_rng(0)
    return [Encoded([draw.integers(0, 30, draw.integers(*lengths)).tolist()]) for _ in range(count)]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("tokens_per_batch", [0, 1, 97, 400])
def test_answers_do_not_depend_on_the_batch(saved, precision, tokens_per_batch):
    predictor = Predictor.of(saved, device="cpu", precision=precision, remembered=0)
    given = examples(40)
    whole, parts = (predictor.answer(given, tokens_per_batch=size) for size in (8_192, tokens_per_batch))
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=0, atol=TOLERANCE)
    assert parts.labels == whole.labels


@pytest.fixture
def chooser(saved) -> SavedModel:
    """A model for multiple choice whose answers lie far apart: its head is 20 times as large, and so is `TOLERANCE`."""
    schema = TaskSchema(kind="choice", text=("story",), choices=("answers",), label="label")
    gpt = GPT(saved.gpt.settings, HeadSettings(combine="choose", outputs=1), seed=2)
    with torch.no_grad():
        gpt.head.linear.weight.mul_(20)
    return replace(saved, gpt=gpt, task=schema)


def questions(count: int) -> list[Encoded]:
    """Stories with three answers each; every other story is that of the question before."""
    stories = [item.sequences[0] for item in examples(count)]
    return [Encoded([[*stories[k - k % 2], 40 + k % 2, 30 + a, 7] for a in range(3)]) for k in range(count)]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("tokens_per_batch", [1, 400])
def test_choices_do_not_depend_on_the_batch_though_answers_share_their_story(chooser, precision, tokens_per_batch):
    predictor = Predictor.of(chooser, device="cpu", precision=precision, remembered=0)
    whole, parts = (predictor.answer(questions(12), tokens_per_batch=size) for size in (8_192, tokens_per_batch))
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=0, atol=20 * TOLERANCE)
    assert parts.labels == whole.labels


@pytest.mark.parametrize("precision", PRECISIONS)
def test_answers_are_scored_alike_with_their_story_read_once_or_each_time(chooser, precision, monkeypatch):
    predictor = Predictor.of(chooser, device="cpu", precision=precision, remembered=0)
    joined = predictor.answer(questions(12)).probabilities
    monkeypatch.setattr(predictor.gpt, "share_prefixes", "no")
    apart = predictor.answer(questions(12)).probabilities
    assert joined is not None
    # Shared states are those of one of the three answers; rounding makes steps of that: 8 bits, 4 layers.
    np.testing.assert_allclose(joined, apart, rtol=0, atol=20 * TOLERANCE if precision == "fp32" else 0.05)
    assert np.ptp(joined, axis=1).max() > 0.3


def test_answers_come_in_the_order_of_the_examples(saved):
    predictor = Predictor.of(saved, device="cpu", precision="fp32", remembered=0)
    given = examples(20)
    together = predictor.answer(given)
    for index, item in enumerate(given):
        alone = predictor.answer([item])
        assert alone.probabilities is not None
        np.testing.assert_allclose(together.probabilities[index], alone.probabilities[0], rtol=0, atol=TOLERANCE)


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """How many examples were computed, call by call."""
    calls: list[int] = []

    def count(gpt, encoded, **options):
        calls.append(len(encoded))
        return outputs(gpt, encoded, **options)

    monkeypatch.setattr("foretext.serving.predictor.outputs", count)
    return calls


def test_an_example_seen_before_is_answered_alike_and_not_computed_again(saved, counted):
    predictor = Predictor.of(saved, device="cpu", precision="fp32")
    given = examples(6)
    first = predictor.answer([*given, given[2], given[0]])
    again = predictor.answer([given[5], *given, *examples(8)[6:]])
    assert counted == [6, 2]
    assert again.probabilities is not None
    assert first.probabilities is not None
    assert again.probabilities[:7] == (first.probabilities[5], *first.probabilities[:6])


def test_no_more_answers_are_kept_than_asked_for_and_the_oldest_go(saved, counted):
    predictor = Predictor.of(saved, device="cpu", precision="fp32", remembered=3)
    given = examples(5)
    predictor.answer(given)
    assert len(predictor.seen) == 3
    predictor.answer(given[2:])
    predictor.answer(given[:2])
    assert counted == [5, 0, 2]


def test_auto_takes_bf16_where_the_processor_computes_in_it(saved, monkeypatch):
    for features, expected in (({"avx512_bf16": True}, "bf16"), ({"avx512_bf16": False}, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda features=features: features)
        assert Predictor.of(saved, device="cpu").precision == expected


def test_an_lstm_answers_in_fp32_and_in_no_other_precision(saved):
    shape = saved.gpt.settings.model_copy(update={"backbone": "lstm", "lstm_units": 16})
    lstm = SavedModel(GPT(shape, HeadSettings(outputs=3)), saved.tokenizer, task=saved.task)
    assert Predictor.of(lstm, device="cpu").precision == "fp32"
    with pytest.raises(SettingsError, match="LSTM"):
        Predictor.of(lstm, device="cpu", precision="bf16")


def test_a_precision_that_does_not_exist_is_refused(saved):
    with pytest.raises(UnknownName, match="bf16"):
        Predictor.of(saved, device="cpu", precision="bf61")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("way", [copy.deepcopy, lambda predictor: pickle.loads(pickle.dumps(predictor))])
def test_a_copy_answers_to_the_bit_as_its_original(saved, precision, way):
    predictor = Predictor.of(saved, device="cpu", precision=precision)
    given = examples(8)
    answers = predictor.answer(given)
    twin = way(predictor)
    assert not twin.seen  # what is remembered stays behind
    assert twin.answer(given) == answers


@pytest.mark.parametrize("remembered", [0, 3, 10_000])
def test_many_threads_get_the_answers_of_one(saved, remembered):
    predictor = Predictor.of(saved, device="cpu", precision="fp32", remembered=remembered)
    given = examples(30)
    alone = predictor.answer(given).labels

    def ask(seed: int) -> list[bool]:
        drawn = np.random.default_rng(seed).integers(0, len(given), (30, 4))
        return [predictor.answer([given[i] for i in some]).labels == tuple(alone[i] for i in some) for some in drawn]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # seconds: threads take turns in the middle of everything
    try:
        with ThreadPoolExecutor(8) as threads:
            assert all(map(all, threads.map(ask, range(8))))
    finally:
        sys.setswitchinterval(interval)


WORKERS = """
import multiprocessing as mp, sys, torch, foretext
torch.set_num_threads(2)
def ask(number):
    return predictor.predict(["a dog saw a cat " * number])[0].label
if __name__ == "__main__":
    predictor = foretext.load(sys.argv[1])
    here = [ask(number) for number in range(1, 5)]
    with mp.get_context("fork").Pool(2) as pool:
        assert pool.map_async(ask, range(1, 5)).get(timeout=200) == here
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_answers_after_its_parent_has(saved, tmp_path):
    save_model(tmp_path / "model", saved)
    subprocess.run([sys.executable, "-c", WORKERS, tmp_path / "model"], check=True, timeout=300)


@pytest.mark.parametrize("given", ["a text", b"a text", {"text": "a text"}, None, 3], ids=repr)
def test_what_is_no_list_of_examples_is_refused_and_never_read_letter_by_letter(saved, given):
    with pytest.raises(DataError):
        Predictor.of(saved, device="cpu").predict(given)


@pytest.mark.parametrize("given", [[None], [float("nan")], [{"text": None}], [["a", "b"]]], ids=repr)
def test_an_example_without_its_text_is_named_and_not_read_as_a_word(saved, given):
    with pytest.raises(DataError, match="row 2"):
        Predictor.of(saved, device="cpu").predict(["a text", *given])
