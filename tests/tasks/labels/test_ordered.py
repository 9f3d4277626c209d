"""Classes in an order: where the order comes from, and what the model learns of it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from foretext.errors import DataError, SettingsError
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.ordered import OrderedLabels, found_order
from foretext.tasks.metrics import quadratic_kappa


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("high low medium high", "low medium high"),
        ("High MIDDLE low", "low MIDDLE High"),
        ("10 9 1", "1 9 10"),
        ("2.5 -1 0", "-1 0 2.5"),
        ("often never always", "never often always"),
        ("very_good bad okay", "bad okay very_good"),
    ],
)
def test_numbers_stand_by_size_and_known_words_in_the_order_that_everybody_knows(names: str, order: str) -> None:
    assert found_order(names.split()) == tuple(order.split())


@pytest.mark.parametrize("names", ["red green blue", "low medium huge", "low medium middle", "1 2 many"])
def test_an_order_that_nothing_says_is_asked_for_and_never_that_of_the_alphabet(names: str) -> None:
    with pytest.raises(SettingsError, match="in which order do the classes .* stand.*--order"):
        found_order(names.split())


def test_the_order_that_is_said_holds_and_may_name_a_class_without_an_example() -> None:
    options = LabelOptions(order=("cold", "mild", "warm", "hot"))
    found = OrderedLabels.found([("hot", ()), ("cold", ())], options)
    learned = found.learned(["hot", "cold", "warm"], options, "a.csv")
    assert learned.classes == ("cold", "mild", "warm", "hot")
    assert learned.target("warm") == 2.0
    assert learned.lines() == ["classes, from the lowest: cold, mild, warm, hot"]


def test_a_label_that_the_order_does_not_name_is_refused() -> None:
    with pytest.raises(ValueError, match="the label 'tepid' is none of the classes cold, hot"):
        OrderedLabels(("cold", "hot")).label("tepid", ())


def test_one_class_alone_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="every label is 'low'"):
        OrderedLabels(("low", "high")).learned(["low", "low"], LabelOptions(), "a.csv")


def test_the_answer_is_the_most_probable_class_by_name() -> None:
    outputs = [np.array([[1.1, 0.2, 0.5, 0.3]]), np.array([[0.4, 0.6, 0.4, 0.0]])]  # expected grade, probabilities
    said = OrderedLabels(("low", "medium", "high")).predictions(outputs, ())
    assert said.labels == ("medium", "low")
    assert said.classes == ("low", "medium", "high")


def test_a_miss_by_two_steps_is_graver_than_any_by_one() -> None:
    labels = OrderedLabels(("low", "medium", "high"))
    assert (
        labels.gravity("low", "high", 0.1) > labels.gravity("low", "medium", 0.99) > labels.gravity("low", "low", 1.0)
    )


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_kappa_is_that_of_scikit_learn_over_all_classes(seed: int) -> None:
    truth, said = np.random.default_rng(seed).integers(5, size=(2, 30))
    expected = cohen_kappa_score(truth, said, weights="quadratic", labels=list(range(5)))
    assert quadratic_kappa(truth, said) == pytest.approx(expected)


def test_quadratic_kappa_of_one_and_the_same_class_is_zero() -> None:
    assert quadratic_kappa(np.array([2, 2]), np.array([2, 2])) == 0.0


@pytest.mark.parametrize("said", [[0, 1, 2], [1, 1, 2], [0, 0, 0]])
def test_quadratic_kappa_on_equal_targets_is_zero_as_in_scikit_learn(said: list[int]) -> None:
    expected = cohen_kappa_score([2, 2, 2], said, weights="quadratic", labels=[0, 1, 2])
    assert quadratic_kappa(np.array([2, 2, 2]), np.array(said)) == pytest.approx(expected) == pytest.approx(0.0)
