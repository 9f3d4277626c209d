"""What a label cell means: any type names a class, numbers are scores, and answers are named by a rule."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from foretext.errors import SettingsError
from foretext.tasks.examples import AnswerRule, Example
from foretext.tasks.files.cells import as_score, class_name, is_missing
from foretext.tasks.labels.answers import AnswerLabels, answer_index, find_answer_rule
from foretext.tasks.labels.classes import ClassLabels, natural_order
from foretext.tasks.labels.scores import are_scores

COLOURS = ("red", "green", "blue", "grey")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        *[(" good ", "good"), (True, "true"), (False, "false"), (1, "1"), (1.0, "1.0"), ([1], None), ({"a": 1}, None)],
        *[(Decimal("0.50"), "0.50"), (Decimal("1E+2"), "100"), (2**53 + 1, "9007199254740993")],
        (date(2026, 1, 31), "2026-01-31"),
    ],
)
def test_a_cell_of_any_plain_type_names_a_class(cell: Any, name: str | None) -> None:
    assert class_name(cell) == name


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1.0), (" -2.5 ", -2.5), ("1e-3", 0.001), (3, 3.0), (".5", 0.5), (Decimal("0.50"), 0.5), (2**60, 2.0**60)]
    + [(Decimal("NaN"), None), (Decimal("Infinity"), None), (10**400, None), (date(2026, 1, 31), None)]
    + [(cell, None) for cell in ("1,5", "1_000", "nan", "inf", "1e999", "", "x", True, None, float("inf"))],
)
def test_only_finite_numbers_are_scores(cell: Any, value: float | None) -> None:
    assert as_score(cell) == value


@pytest.mark.parametrize("cell", [None, "", "  ", float("nan"), Decimal("NaN")])
def test_null_white_space_and_nan_are_missing(cell: Any) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", [0, "0", False, "NA", "None"])
def test_zero_false_and_words_for_nothing_are_labels(cell: Any) -> None:
    assert not is_missing(cell)


@pytest.mark.parametrize(
    ("rule", "cell", "place"),
    [
        ("index0", 0, 0),
        ("index0", "3", 3),
        ("index0", 2.0, 2),
        ("index0", 4, None),
        ("index0", True, None),
        ("index1", 1, 0),
        ("index1", "4", 3),
        ("index1", 0, None),
        ("letter", "A", 0),
        ("letter", "(b)", 1),
        ("letter", "C.", 2),
        ("letter", "E", None),
        ("text", "blue", 2),
        ("text", " grey ", 3),
        ("text", "Blue", None),
    ],
)
def test_an_answer_is_named_by_index_letter_or_text(rule: AnswerRule, cell: Any, place: int | None) -> None:
    assert answer_index(cell, COLOURS, rule) == place


@pytest.mark.parametrize(
    ("cells", "rule"),
    [([0, 1, 3], "index0"), (["1", "4"], "index1"), (["A", "D"], "letter"), (["red", "blue"], "text")],
)
def test_the_rule_is_the_one_that_fits_every_row(cells: list[Any], rule: AnswerRule) -> None:
    assert find_answer_rule([(cell, COLOURS) for cell in cells]) == rule


def test_where_no_rule_fits_every_row_it_is_the_one_that_fits_most() -> None:
    assert find_answer_rule([(cell, COLOURS) for cell in ("A", "B", "E")]) == "letter"


def test_labels_that_two_rules_read_differently_are_asked_about() -> None:
    with pytest.raises(SettingsError, match=r"could be read as index0 or as index1 .* --answer-labels index0\|index1"):
        find_answer_rule([(1, COLOURS), (2, COLOURS)])


def test_rules_that_say_the_same_need_no_question() -> None:
    assert find_answer_rule([("a", ("a", "b")), ("b", ("a", "b"))]) == "letter"


def test_grades_are_scores_and_two_labels_are_classes() -> None:
    assert are_scores(["0", "2.5", "5", "n/a"])
    assert not are_scores(["0", "1", "0"])
    assert not are_scores(["same", "other", "unclear"])


def test_classes_stand_in_the_order_a_person_expects() -> None:
    assert natural_order(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert natural_order(["part 10", "part 2", "Part 1"]) == ("Part 1", "part 2", "part 10")
    assert natural_order(["b", "A", "c"]) == ("A", "b", "c")


def test_a_class_that_training_has_not_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="the label 'maybe' is none of the classes no, yes"):
        ClassLabels(("no", "yes")).label("maybe", ())


@pytest.mark.parametrize(("rule", "cell"), [("index0", 1), ("index1", 2), ("letter", "B"), ("text", "green")])
def test_an_answer_is_said_as_its_number_from_0_however_training_named_it(rule: AnswerRule, cell: Any) -> None:
    labels = AnswerLabels(rule)
    label = labels.label(cell, Example(("q",), COLOURS))
    assert labels.columns(label, [0.25] * 4)["prediction"] == 1
