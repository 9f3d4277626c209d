"""The answers of the zero-shot heuristics against each sequence read alone, and thresholds against all there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foretext.batch import pack
from foretext.evaluation.prompts import EncodedTask, Heuristic, Question, ZeroShotTask
from foretext.evaluation.zero_shot import answer_zero_shot, best_threshold, log_likelihoods, score_zero_shot
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.metrics import METRICS
from foretext.tasks.schema import TaskSchema

TWO_CLASSES = TaskSchema(kind="classification", text=("text",), classes=("no", "yes"))
CHOICE = TaskSchema(kind="choice", text=("question",), choices=("answers",))
RANDOM = np.random.default_rng(0)
QUESTIONS = [
    Question(Encoded([RANDOM.integers(20, size=length).tolist() for length in (4, 6)]), starts)
    for starts in ([2, 2], [1, 5], [3, 2], [2, 4])
]


@pytest.fixture(scope="module")
def model() -> GPT:
    settings = ModelSettings(vocabulary=20, context=8, layers=2, width=16, heads=2, initial_deviation=0.5)
    return GPT(settings, seed=3).double()


def alone(model: GPT, ids: list[int], start: int) -> list[float]:
    """log P of the scored tokens, one after the other, by a softmax written out over the vocabulary."""
    model.eval()
    with torch.no_grad():
        hidden = model(Sequences.of(pack([[ids]])))
        logits = (hidden.states @ hidden.matrix[:20].T).numpy()
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return [float(np.log(chances[place - 1, ids[place]])) for place in range(max(1, start), len(ids))]


def task(heuristic: Heuristic, questions: list[Question], schema: TaskSchema, labels: list[str | int]) -> EncodedTask:
    examples = [Example(("text",), ("a", "b") if schema is CHOICE else (), label) for label in labels]
    return EncodedTask(ZeroShotTask(heuristic, schema, examples), questions, [])


def are_those_of_each_sequence_alone(model: GPT, questions: list[Question], tokens_per_batch: int = 1_000) -> None:
    found = log_likelihoods(model, questions, tokens_per_batch=tokens_per_batch)
    for (totals, counts), question in zip(found, questions, strict=True):
        values = [alone(model, *pair) for pair in zip(question.encoded.sequences, question.starts, strict=True)]
        assert totals == pytest.approx([sum(value) for value in values], abs=1e-10)
        assert list(counts) == [len(value) for value in values]


@pytest.mark.parametrize("tokens_per_batch", [1, 1_000])
def test_likelihoods_are_those_of_each_sequence_read_alone(model: GPT, tokens_per_batch: int) -> None:
    are_those_of_each_sequence_alone(model, QUESTIONS, tokens_per_batch)


def test_the_likelihoods_of_answers_that_share_their_document_are_too(model: GPT) -> None:
    document = RANDOM.integers(20, size=5).tolist()
    questions = [
        Question(Encoded([[*document, 3, *answer] for answer in ([1], [1, 2], [4, 5])]), (6, 6, start))
        for start in (6, 3)
    ]
    assert model.sequences(pack([questions[0].encoded.sequences])).joined is not None
    are_those_of_each_sequence_alone(model, questions)


def test_the_first_token_of_a_sequence_is_not_predicted(model: GPT) -> None:
    ((totals, counts),) = log_likelihoods(model, [Question(Encoded([[5, 6, 7]]), [0])])
    assert list(counts) == [2]
    assert totals[0] == pytest.approx(sum(alone(model, [5, 6, 7], 0)), abs=1e-10)


def test_the_answer_is_the_one_of_the_highest_mean(model: GPT) -> None:
    said = answer_zero_shot(model, task("question-answering", QUESTIONS, CHOICE, [0, 0, 1, 1])).labels
    means = [
        [np.mean(alone(model, *pair)) for pair in zip(question.encoded.sequences, question.starts, strict=True)]
        for question in QUESTIONS
    ]
    assert list(said) == [int(np.argmax(row)) for row in means]
    assert len(set(said)) == 2


def test_a_word_is_as_probable_as_all_its_tokens_together(model: GPT) -> None:
    found = answer_zero_shot(model, task("sentiment", QUESTIONS, TWO_CLASSES, ["no", "no", "yes", "yes"]))
    assert found.probabilities is not None
    for row, question in zip(found.probabilities, QUESTIONS, strict=True):
        words = [
            np.exp(sum(alone(model, *pair))) for pair in zip(question.encoded.sequences, question.starts, strict=True)
        ]
        assert row == pytest.approx(np.array(words) / sum(words), abs=1e-10)


def test_without_training_sentences_half_of_those_above_the_median_are_acceptable(model: GPT) -> None:
    sentences = [Question(Encoded([question.encoded.sequences[1]]), [0]) for question in QUESTIONS]
    evaluation = score_zero_shot(model, task("acceptability", sentences, TWO_CLASSES, ["no", "no", "yes", "yes"]))
    assert evaluation.confusion is not None
    assert np.array(evaluation.confusion.counts).sum(axis=0).tolist() == [2, 2]
    means = [np.mean(alone(model, question.encoded.sequences[0], 0)) for question in sentences]
    said = answer_zero_shot(model, task("acceptability", sentences, TWO_CLASSES, ["no"] * 4)).labels
    assert list(said) == ["yes" if mean > np.median(means) else "no" for mean in means]


@pytest.mark.parametrize("metric", ["accuracy", "matthews", "f1"])
def test_no_threshold_beats_the_best_one(metric: str) -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=40).round(1)  # with ties
    truth = (values + random.normal(size=40) > 0).astype(int)
    examples = [Example(("text",), label=("no", "yes")[label]) for label in truth]
    schema = TWO_CLASSES.model_copy(update={"metric": metric})
    threshold = best_threshold(values, examples, schema)
    score = METRICS[metric](truth, (values > threshold).astype(int))
    assert score == max(METRICS[metric](truth, (values > other).astype(int)) for other in [-9.0, *values])
    assert threshold not in values


def test_the_training_sentences_set_the_threshold(model: GPT) -> None:
    sentences = [Question(Encoded([question.encoded.sequences[1]]), [0]) for question in QUESTIONS]
    means = np.array([np.mean(alone(model, question.encoded.sequences[0], 0)) for question in sentences])
    lowest = int(means.argmin())
    training = [Example(("text",), label="no" if k == lowest else "yes") for k in range(4)]
    labelled = ZeroShotTask("acceptability", TWO_CLASSES, [Example(("text",), label="no")] * 4, training)
    said = answer_zero_shot(model, EncodedTask(labelled, sentences, sentences)).labels
    assert list(said) == [example.label for example in training]
