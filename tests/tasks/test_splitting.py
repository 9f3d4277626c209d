"""Setting examples aside: in proportion, by the seed alone, and never both sides of the same question."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Example, Label
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.splitting import stratified_split

CLASSES = ClassLabels()


def examples(labels: list[Label]) -> list[Example]:
    return [Example((f"text {index}",), label=label) for index, label in enumerate(labels)]


def test_each_class_gives_the_same_share() -> None:
    _, valid = stratified_split(examples(["a"] * 80 + ["b"] * 20), CLASSES, share=0.1)
    assert Counter(example.label for example in valid) == {"a": 8, "b": 2}


def test_scores_are_split_evenly_over_their_range() -> None:
    _, valid = stratified_split(examples([float(index) for index in range(100)]), ScoreLabels(), share=0.2)
    assert Counter(float(example.label or 0) // 10 for example in valid) == dict.fromkeys(range(10), 2)


def test_the_seed_alone_decides() -> None:
    rows = examples(["a", "b"] * 50)
    assert stratified_split(rows, CLASSES, seed=3) == stratified_split(rows, CLASSES, seed=3)
    assert stratified_split(rows, CLASSES, seed=3) != stratified_split(rows, CLASSES, seed=4)


@given(st.lists(st.tuples(st.sampled_from("pqrstu"), st.sampled_from(["a", "b"])), min_size=2, max_size=30))
def test_nothing_is_lost_and_no_question_stands_on_both_sides(rows: list[tuple[str, str]]) -> None:
    given_examples = [Example((text,), label=label) for text, label in rows]
    if len({text for text, _ in rows}) < 2:
        return
    train, valid = stratified_split(given_examples, CLASSES, share=0.3)
    assert Counter(map(repr, train + valid)) == Counter(map(repr, given_examples))
    assert train
    assert valid
    assert not {example.content for example in train} & {example.content for example in valid}


def test_both_parts_keep_the_order_of_the_file() -> None:
    rows = examples(["a", "b"] * 20)
    for part in stratified_split(rows, CLASSES):
        assert part == sorted(part, key=rows.index)


def test_a_class_with_one_example_stays_in_training() -> None:
    train, _ = stratified_split(examples(["a"] * 10 + ["b"]), CLASSES)
    assert "b" in {example.label for example in train}


def test_a_share_of_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="validation share is 1"):
        stratified_split(examples(["a", "b"]), CLASSES, share=1)


def test_one_question_cannot_be_split() -> None:
    with pytest.raises(DataError, match="1 different example cannot be split"):
        stratified_split([Example(("same",), label="a")] * 5, CLASSES)
