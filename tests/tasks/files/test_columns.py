"""Guessing what columns mean by names in common use; what is said is never guessed."""

from __future__ import annotations

import pytest

from foretext.errors import SettingsError, UnknownName
from foretext.tasks.files.columns import Columns, find_columns
from foretext.tasks.kinds import KINDS


@pytest.mark.parametrize(
    ("kind", "columns", "text", "choices", "label"),
    [
        ("classification", "id text label", "text", "", "label"),
        ("classification", "Sentence Sentiment", "Sentence", "", "Sentiment"),
        ("classification", "what gold", "what", "", "gold"),
        ("entailment", "pairID premise hypothesis gold_label", "premise hypothesis", "", "gold_label"),
        ("entailment", "index question sentence label", "question sentence", "", "label"),
        ("similarity", "index sentence1 sentence2 score", "sentence1 sentence2", "", "score"),
        ("similarity", "first second score", "first second", "", "score"),
        ("regression", "review stars", "review", "", "stars"),
        ("regression", "sentence1 sentence2 similarity", "sentence1 sentence2", "", "similarity"),
        ("choice", "story answers label", "story", "answers", "label"),
        ("choice", "document question answers label", "document question", "answers", "label"),
        ("choice", "question A B C D answer", "question", "A B C D", "answer"),
        ("choice", "ctx ending0 ending1 ending2 ending3 label", "ctx", "ending0 ending1 ending2 ending3", "label"),
        ("choice", "question answer_1 answer_2 answer_3 correct", "question", "answer_1 answer_2 answer_3", "correct"),
    ],
)
def test_common_names_are_understood(kind: str, columns: str, text: str, choices: str, label: str) -> None:
    found = find_columns(columns.split(), KINDS[kind])
    assert (found.text, found.choices, found.label) == (tuple(text.split()), tuple(choices.split()), label)
    assert found.guessed == (("text", "choices", "label") if choices else ("text", "label"))


def test_what_is_said_is_taken_and_not_marked_as_a_guess() -> None:
    found = find_columns(["text", "title", "label", "topic"], KINDS["classification"], text=["title"], label="topic")
    assert found == Columns(("title",), (), "topic", ())


def test_a_guess_is_marked_in_the_lines_that_are_shown() -> None:
    found = find_columns(["text", "topic"], KINDS["classification"], label="topic")
    assert found.lines() == ["text: 'text' (guessed)", "label: 'topic'"]


def test_a_column_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="no column called 'lable'; did you mean 'label'"):
        find_columns(["text", "label"], KINDS["classification"], label="lable")


def test_texts_that_no_name_gives_away_are_asked_for() -> None:
    with pytest.raises(SettingsError, match=r"which columns hold the texts\? Say it with --text NAME .* are: x, y, z"):
        find_columns(["x", "y", "z"], KINDS["classification"])


def test_answers_that_no_name_gives_away_are_asked_for() -> None:
    with pytest.raises(SettingsError, match="which columns hold the answers"):
        find_columns(["question", "label"], KINDS["choice"])


def test_a_column_cannot_be_both_text_and_label() -> None:
    with pytest.raises(SettingsError, match="'text' is given twice"):
        find_columns(["text", "label"], KINDS["classification"], text=["text"], label="text")


def test_answers_are_for_multiple_choice_alone() -> None:
    with pytest.raises(SettingsError, match="--choices is for tasks with answers .*; classification has none"):
        find_columns(["text", "a"], KINDS["classification"], choices=["a"])


def test_a_label_that_is_not_there_is_none() -> None:
    for kind in KINDS.values():
        assert find_columns(["premise", "hypothesis", "answers"], kind, text=["premise", "hypothesis"]).label is None
