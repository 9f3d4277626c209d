"""What the zero-shot heuristics compare, in ids of a tokenizer that anyone can check by hand."""

from __future__ import annotations

from typing import Any

import pytest

from foretext.errors import DataError, SettingsError
from foretext.evaluation.prompts import EncodedTask, ZeroShotTask, encode_zero_shot
from foretext.tasks.examples import Example
from foretext.tasks.schema import TaskSchema

CHOICE = TaskSchema(kind="choice", text=("story", "question"), choices=("answers",))
TWO_CLASSES = TaskSchema(kind="classification", text=("text",), classes=("bad", "good"))


class Words:
    """One id a word; the scored part of a sequence is easy to read back."""

    start, delimiter, extract = 1000, 1001, 1002

    def __init__(self) -> None:
        self.words: list[str] = []

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        for word in " ".join(texts).split():
            if word not in self.words:
                self.words.append(word)
        return [[self.words.index(word) for word in text.split()] for text in texts]


def encoded(task: ZeroShotTask, context: int = 50) -> tuple[list[list[str]], EncodedTask]:
    """The sequences of the first example, a bar before what is scored, and the whole encoded task."""
    words = Words()
    result = encode_zero_shot(task, words, context)
    question = result.questions[0]
    shown = []
    for ids, start in zip(question.encoded.sequences, question.starts, strict=True):
        read = [words.words[k] for k in ids]
        shown.append(" ".join([*read[:start], "|", *read[start:]]))
    return shown, result


def test_a_sentence_is_scored_whole() -> None:
    shown, _ = encoded(ZeroShotTask("acceptability", TWO_CLASSES, [Example(("a b c",))]))
    assert shown == ["| a b c"]


def test_very_and_a_word_for_each_class_follow_the_text() -> None:
    shown, _ = encoded(ZeroShotTask("sentiment", TWO_CLASSES, [Example(("a film",))]))
    assert shown == ["a film very | negative", "a film very | positive"]


def test_each_answer_follows_document_and_question() -> None:
    shown, _ = encoded(ZeroShotTask("question-answering", CHOICE, [Example(("a b", "who"), ("c", "d e"))]))
    assert shown == ["a b who | c", "a b who | d e"]


def test_each_candidate_takes_the_pronouns_place_and_the_rest_is_scored() -> None:
    example = Example(("Ann saw Bo as she ran away", "she"), ("Ann", "Bo"))
    shown, _ = encoded(ZeroShotTask("winograd", CHOICE, [example]))
    assert shown == ["Ann saw Bo as Ann | ran away", "Ann saw Bo as Bo | ran away"]


def test_a_sentence_without_a_pronoun_has_a_blank() -> None:
    one_text = TaskSchema(kind="choice", text=("sentence",), choices=("option1", "option2"))
    shown, _ = encoded(ZeroShotTask("winograd", one_text, [Example(("the cup fell as _ shook",), ("cup", "desk"))]))
    assert shown[1] == "the cup fell as desk | shook"


def test_what_is_too_long_loses_its_beginning_alike_for_all_answers_and_is_counted() -> None:
    examples = [Example(("1 2 3 4", "5"), ("a", "b c")), Example(("1", "5"), ("a", "b c"))]
    shown, result = encoded(ZeroShotTask("question-answering", CHOICE, examples), context=5)
    assert shown == ["3 4 5 | a", "3 4 5 | b c"]
    assert result.cut == 1


def test_an_answer_longer_than_the_context_loses_its_end() -> None:
    task = ZeroShotTask("question-answering", CHOICE, [Example(("1", "2"), ("a", "b c d e f"))])
    assert encoded(task, context=4)[0] == ["2 | a", "2 | b c d"]


def test_labels_of_training_are_kept_for_acceptability_alone() -> None:
    training = [Example(("a b",), label="bad")]
    for heuristic, kept in (("acceptability", 1), ("sentiment", 0)):
        task = ZeroShotTask(heuristic, TWO_CLASSES, [Example(("a b",))], training)  # type: ignore[arg-type]
        assert len(encoded(task)[1].training) == kept


@pytest.mark.parametrize(
    ("heuristic", "schema", "example", "message"),
    [
        ("acceptability", TWO_CLASSES, Example(("alone",), where="f:3"), "f:3: there is nothing to score"),
        ("winograd", CHOICE, Example(("Ann saw it", "it"), ("a", "b"), where="f:4"), "f:4: there is nothing to score"),
        ("winograd", CHOICE, Example(("Ann ran", "he"), ("a", "b"), where="f:5"), "f:5: 'he' does not occur"),
    ],
)
def test_an_example_that_cannot_be_asked_is_named(
    heuristic: Any, schema: TaskSchema, example: Example, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        encoded(ZeroShotTask(heuristic, schema, [example]))


@pytest.mark.parametrize(
    ("heuristic", "schema", "message"),
    [
        ("sentiment", CHOICE, "sentiment is a heuristic for tasks of kind classification; this one is choice"),
        ("winograd", TWO_CLASSES, "for tasks of kind choice; this one is classification"),
        (
            "sentiment",
            TaskSchema(kind="classification", text=("t",), classes=("1", "2", "3")),
            "classes 1, 2, 3 need a word each, in this order; given: negative, positive",
        ),
        (
            "acceptability",
            TaskSchema(kind="classification", text=("t",), classes=("1", "2", "3")),
            "takes one text and two classes; this task has 1 and 3",
        ),
    ],
)
def test_a_heuristic_that_does_not_fit_is_refused(heuristic: Any, schema: TaskSchema, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ZeroShotTask(heuristic, schema, [])
