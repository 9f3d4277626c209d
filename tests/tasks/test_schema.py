"""What is remembered of a task, and what contradicts itself."""

from __future__ import annotations

import json

import pytest

from foretext.errors import SettingsError
from foretext.tasks.schema import TaskSchema


def test_a_schema_survives_json() -> None:
    schema = TaskSchema(kind="choice", text=("document", "question"), choices=("answers",), answer_labels="index0")
    assert TaskSchema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


@pytest.mark.parametrize(
    ("kind", "text", "combine"),
    [
        ("classification", "a", "one"),
        ("entailment", "ab", "one"),
        ("similarity", "ab", "add"),
        ("choice", "a", "choose"),
    ],
)
def test_the_kind_says_how_sequences_of_an_example_meet(kind: str, text: str, combine: str) -> None:
    assert TaskSchema(kind=kind, text=tuple(text)).task_kind.combine == combine


@pytest.mark.parametrize("text", [("a",), ("a", "b", "c")])
def test_a_pair_has_two_texts(text: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="entailment takes 2 text columns"):
        TaskSchema(kind="entailment", text=text)


def test_regression_has_no_classes() -> None:
    with pytest.raises(SettingsError, match="regression has no classes; given: a, b"):
        TaskSchema(kind="regression", text=("x",), classes=("a", "b"))


def test_labels_become_what_the_model_learns() -> None:
    assert TaskSchema(kind="classification", text=("x",), classes=("a", "b")).labels.target("b") == 1
    assert TaskSchema(kind="similarity", text=("x", "y")).labels.target(2) == 2.0
    assert TaskSchema(kind="choice", text=("x",)).labels.target(3) == 3
