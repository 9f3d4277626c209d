"""Sets of labels: how cells are read, what is learned, and from which probability on a label is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from foretext.errors import DataError, SettingsError
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.sets import SetLabels, best_thresholds
from foretext.tasks.metrics import exact_match, f1_macro, f1_micro

LAW_AND_SEA = SetLabels(("law", "sea"))


def read(*cells: Any, **options: Any) -> tuple[SetLabels, list[Any]]:
    found = SetLabels.found([(cell, ()) for cell in cells], LabelOptions(**options))
    return found, [found.label(cell, ()) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["law, sea", "sea"], ","),
        (["law;sea", "sea"], ";"),
        (["law|sea", "sea"], "|"),
        ([["law", "sea"], ["sea"]], None),
        (['["law", "sea"]', '["sea"]'], None),
        ([("sea", "law", "law"), ["sea"]], None),
    ],
)
def test_names_are_read_from_lists_and_from_text_with_a_separator(cells: list[Any], separator: str | None) -> None:
    found, labels = read(*cells)
    assert labels == [("law", "sea"), ("sea",)]
    assert found.separator == separator


def test_a_text_is_never_cut_into_letters() -> None:
    with pytest.raises(SettingsError, match="'law' is one name, and no cell has several"):
        read("law", "sea")
    assert read("law", "sea", separator="/")[1] == [("law",), ("sea",)]


@pytest.mark.parametrize("cell", ["['law', 'sea']", "[law, sea]", " ['law'] ", '["law", "sea",]'])
@pytest.mark.parametrize("separator", [None, ","])
def test_a_list_that_is_not_written_as_json_is_refused_and_not_cut_into_names(cell: str, separator: str | None) -> None:
    with pytest.raises(ValueError, match=r'\] *[\'"] is no list of names such as \["law", "sea"\]'):
        read(cell, "['sea']", separator=separator)
    assert read("a [b]", "[c] d,e", separator=",")[1] == [("a [b]",), ("[c] d", "e")]


def test_an_empty_list_or_text_is_the_empty_set_and_null_is_missing() -> None:
    assert read([], ["sea"])[1] == [(), ("sea",)]
    assert read("", "law;sea")[1] == [(), ("law", "sea")]
    for missing in (None, float("nan")):
        with pytest.raises(ValueError, match="the label is missing"):
            LAW_AND_SEA.label(missing, ())


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (["law", "air"], "the label 'air' is none of law, sea"),
        (["law", ""], "one of the labels is empty"),
        (["law", ["sea"]], "one label is a list"),
        ({"law": 1}, "the label is an object, not a list of names"),
        ("law", "a text, not a list of names; say with --separator"),
        ("[" * 200_000, "a text, not a list of names; say with --separator"),
    ],
)
def test_what_is_no_set_of_names_is_refused(cell: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        LAW_AND_SEA.label(cell, ())


def test_the_names_are_learned_in_natural_order_and_said() -> None:
    found, labels = read("10;9", "9", "")
    learned = found.learned(labels, LabelOptions(), "a.csv")
    assert learned.classes == ("9", "10")
    assert learned.lines() == ["any of 2 labels, with ';' between them in a cell: 9, 10"]
    assert learned.target(("10", "9")) == (1.0, 1.0)
    assert learned.target(()) == (0.0, 0.0)


def test_the_same_set_everywhere_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="the label of every row is law and sea"):
        SetLabels().learned([("law", "sea")] * 3, LabelOptions(), "a.csv")


def test_an_answer_is_written_as_the_labels_of_training_were() -> None:
    assert LAW_AND_SEA.columns(("law", "sea"), (0.9, 0.8))["prediction"] == ["law", "sea"]
    written = SetLabels(("law", "sea"), ";").columns(("law", "sea"), (0.9, 0.8))
    assert written == {"prediction": "law;sea", "probability_law": 0.9, "probability_sea": 0.8}
    assert SetLabels(("law", "sea"), ";").columns((), (0.1, 0.2))["prediction"] == ""


def test_a_label_is_said_from_its_own_threshold_on() -> None:
    labels = SetLabels(("law", "sea"), thresholds=(0.5, 0.2))
    said = labels.predictions([np.array([[0.1, -1.0]]), np.array([[-0.1, -2.0]])], ())
    assert said.labels == (("law", "sea"), ())
    assert said.probabilities is not None
    assert said.probabilities[0] == pytest.approx((1 / (1 + np.exp(-0.1)), 1 / (1 + np.exp(1.0))))


@given(st.integers(0, 1_000))
def test_no_other_threshold_has_a_higher_f1_on_the_examples_it_was_chosen_on(seed: int) -> None:
    draw = np.random.default_rng(seed)
    probabilities, truth = draw.random((40, 3)).round(2), draw.random((40, 3)) < 0.4
    chosen = best_thresholds(probabilities, truth)
    for k, threshold in enumerate(chosen):
        said = probabilities[:, k] >= np.array([threshold, *np.arange(0, 1, 0.005)])[:, None]  # (thresholds, examples)
        scores = 2 * (said & truth[:, k]).sum(axis=1) / np.maximum(said.sum(axis=1) + truth[:, k].sum(), 1)
        assert scores[0] >= scores.max() - 1e-12
    assert f1_micro(truth, probabilities >= chosen) == pytest.approx(
        f1_score(truth, probabilities >= chosen, average="micro", zero_division=0)
    )


def test_a_label_with_few_examples_takes_the_threshold_of_all_together() -> None:
    probabilities = np.array([[0.3, 0.9]] * 10 + [[0.1, 0.05]] * 10)
    truth = np.array([[True, False]] * 10 + [[False, False]] * 10)
    truth[0, 1] = True
    chosen = best_thresholds(probabilities, truth)
    together = best_thresholds(probabilities.reshape(-1, 1), truth.reshape(-1, 1))
    assert 0.1 < chosen[0] <= 0.3
    assert chosen[1] == together[0]


def test_chance_is_the_best_of_always_saying_the_commonest_labels() -> None:
    truth = LAW_AND_SEA.numbers([("law",), ("law",), ("law", "sea"), ()])
    assert LAW_AND_SEA.chance(f1_micro, truth, ()) == pytest.approx(2 * 3 / (4 + 4))  # always law
    assert LAW_AND_SEA.chance(exact_match, truth, ()) == 0.5


@pytest.mark.parametrize("seed", range(4))
def test_f1_over_sets_is_that_of_scikit_learn(seed: int) -> None:
    truth, said = np.random.default_rng(seed).random((2, 30, 4)) < 0.3
    assert f1_micro(truth, said) == pytest.approx(f1_score(truth, said, average="micro"))
    assert f1_macro(truth, said) == pytest.approx(f1_score(truth, said, average="macro"))


def test_a_label_that_is_neither_true_nor_said_has_no_part_in_the_mean_over_labels() -> None:
    truth = np.array([[True, False], [False, False]])
    assert f1_macro(truth, truth) == 1.0
    assert f1_micro(truth, np.zeros_like(truth)) == 0.0


def test_a_split_takes_of_rare_labels_too() -> None:
    labels = [("common", "rare")] * 4 + [("common",)] * 20 + [()] * 4
    assert sorted(map(len, SetLabels().strata(labels))) == [4, 4, 20]
