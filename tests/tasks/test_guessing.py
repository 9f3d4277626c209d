"""The kind of task is seen in columns and labels."""

from __future__ import annotations

from typing import Any

import pytest

from foretext.tasks.files.delimited import Row
from foretext.tasks.guessing import guess_kind
from foretext.tasks.labels.form import LabelOptions


def kind_of(columns: str, *labels: Any, **named: Any) -> str:
    """The kind that is seen in columns, the last of which has these labels."""
    names = columns.split()
    rows = [Row({**dict.fromkeys(names, "a"), names[-1]: label}, number) for number, label in enumerate(labels, 1)]
    return guess_kind(names, rows, **named).kind.name


@pytest.mark.parametrize(
    ("kind", "columns", "labels"),
    [
        ("classification", "id text label", ["good", "bad", "good", "bad"]),
        ("classification", "review stars", [1, 2, 5, 4, 1, 2, 5, 4]),
        ("classification", "text label", ["true", "false"]),
        ("entailment", "premise hypothesis label", ["yes", "no", "maybe"]),
        ("entailment", "premise hypothesis label", [0, 1, 2, 0]),
        ("entailment", "question1 question2 is_duplicate", ["0", "1"]),
        ("entailment", "a b label", ["0", "1"]),
        ("similarity", "sentence1 sentence2 score", ["4.2", "0", "1.5", "5"]),
        ("similarity", "sentence1 sentence2 score", [0, 1, 2, 1]),
        ("regression", "text price", ["12.5", "140", "3"]),
        ("regression", "text value", list(range(100))),
        ("choice", "question answers label", ["A", "B"]),
        ("choice", "question a b c d label", ["A", "B"]),
        ("choice", "story ending1 ending2 label", [1, 2]),
        ("multi-label", "text labels", ["a|b", "c"]),
        ("multi-label", "text label", [["a"], ["b", "c"]]),
        ("multi-label", "text label", ['["a"]', "[]"]),
        ("multi-label", "text label", ["['a']", "['b', 'c']"]),
        ("classification", "text label", ["[a]", "[b]"]),
        ("classification", "text label", ["Paris, France", "Rome, Italy"]),
    ],
)
def test_the_kind_follows_from_columns_and_labels(kind, columns, labels):
    named = {"label": "price"} if "price" in columns else {}
    assert kind_of(columns, *labels, **named) == kind


def test_columns_that_a_person_names_count():
    assert kind_of("x y z", "yes", "no", text=("x", "y"), label="z") == "entailment"
    assert kind_of("x y z", "yes", "no", text=("x",), choices=("y",), label="z") == "choice"


def test_classes_that_are_steps_are_classes_and_the_line_says_how_to_have_them_in_order():
    for labels in (["low", "high", "medium"], [1, 2, 3, 1, 2, 3]):
        rows = [Row({"text": "a", "label": label}, 1) for label in labels]
        assert "--kind ordinal" in guess_kind(["text", "label"], rows).line
    rows = [Row({"text": "a", "label": label}, 1) for label in ("red", "green", "blue")]
    assert guess_kind(["text", "label"], rows).line == "kind: classification (guessed; --kind says otherwise)"


@pytest.mark.parametrize(
    ("said", "kind", "flag"),
    [
        (LabelOptions(order=("low", "high")), "ordinal", "--order"),
        (LabelOptions(separator="/"), "multi-label", "--separator"),
    ],
)
def test_an_order_or_a_separator_that_is_said_settles_the_kind(said: LabelOptions, kind: str, flag: str) -> None:
    rows = [Row({"text": "a", "label": label}, 1) for label in ("low", "high", "low/high")]
    guess = guess_kind(["text", "label"], rows, labels=said)
    assert guess.kind.name == kind
    assert guess.line == f"kind: {kind} (guessed, since {flag} is given; --kind says otherwise)"
