"""Metrics by hand-checked values, and what they are where they are not defined."""

from __future__ import annotations

import numpy as np
import pytest

from foretext.errors import SettingsError, UnknownName
from foretext.tasks.metrics import METRICS, why_targets_cannot_tell, why_undefined
from foretext.tasks.schema import TaskSchema

BINARY = TaskSchema(kind="classification", text=("x",), classes=("no", "yes"))


@pytest.mark.parametrize(
    ("metric", "truth", "predicted", "value"),
    [
        ("accuracy", [0, 1, 1, 0], [0, 1, 0, 0], 0.75),
        ("f1", [0, 1, 1, 0], [0, 1, 0, 0], 2 / 3),
        ("f1_macro", [0, 1, 1, 0], [0, 1, 0, 0], (2 / 3 + 0.8) / 2),
        ("matthews", [0, 1, 1, 0], [0, 1, 0, 0], 1 / np.sqrt(3)),
        ("pearson", [1.0, 2.0, 3.0], [2.0, 4.0, 6.0], 1.0),
        ("spearman", [1.0, 2.0, 3.0], [1.0, 8.0, 9.0], 1.0),
        ("spearman", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -1.0),
    ],
)
def test_a_metric_has_its_textbook_value(metric: str, truth: list[float], predicted: list[float], value: float) -> None:
    assert METRICS[metric](np.array(truth), np.array(predicted)) == pytest.approx(value)


@pytest.mark.parametrize("metric", ["f1", "matthews", "pearson", "spearman"])
def test_a_metric_that_is_not_defined_is_zero(metric: str) -> None:
    assert METRICS[metric](np.array([0, 0, 0]), np.array([0, 0, 0])) == 0.0


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_a_correlation_with_a_constant_is_zero_even_after_rounding(metric: str) -> None:
    assert METRICS[metric](np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.1, 0.1 + 1e-17])) == 0.0


def test_the_metrics_fit_the_labels_and_the_first_decides() -> None:
    assert BINARY.metrics()[0] == "accuracy"
    assert BINARY.model_copy(update={"metric": "matthews"}).metrics()[0] == "matthews"
    assert BINARY.model_copy(update={"classes": ("a", "b", "c")}).metrics() == ["accuracy", "f1_macro", "matthews"]
    assert TaskSchema(kind="similarity", text=("x", "y")).metrics() == ["pearson", "spearman"]
    assert TaskSchema(kind="choice", text=("x",)).metrics() == ["accuracy"]


def test_a_metric_that_is_not_known_or_does_not_fit_is_refused() -> None:
    with pytest.raises(UnknownName, match="no metric called 'acuracy'; did you mean 'accuracy'"):
        BINARY.model_copy(update={"metric": "acuracy"}).metrics()
    with pytest.raises(SettingsError, match="the metric pearson does not fit these classes; those that do: accuracy"):
        BINARY.model_copy(update={"metric": "pearson"}).metrics()


SETS = np.zeros((2, 3), dtype=bool)
SPANS = np.array([frozenset(), frozenset()], dtype=object)
ONE = np.array([0, 0, 0])
TWO = np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("metric", "truth", "predicted", "why"),
    [
        ("pearson", [2.0, 2.0], [1.0, 3.0], "all targets are equal"),
        ("spearman", [1.0, 3.0], [2.0, 2.0], "all predictions are equal"),
        ("pearson", [1.0], [2.0], "it takes two examples"),
        ("matthews", ONE, TWO, "all targets are equal"),
        ("matthews", TWO, ONE, "all predictions are equal"),
        ("quadratic_kappa", ONE, ONE, "all targets and predictions are one class"),
        ("quadratic_kappa", ONE, TWO, ""),
        ("quadratic_kappa", ONE, ONE + 1, ""),
        ("quadratic_kappa", TWO, ONE, ""),
        ("f1", ONE, ONE, "neither a target nor a prediction is the positive class"),
        ("f1", ONE, TWO, ""),
        ("f1_macro", ONE, ONE, ""),
        ("f1_micro", SETS, SETS, "no label is true or predicted"),
        ("f1_macro", SETS, SETS, "no label is true or predicted"),
        ("f1_micro", SETS, ~SETS, ""),
        ("entity_f1", SPANS, SPANS, "no span is true or predicted"),
        ("accuracy", ONE, ONE, ""),
        ("exact_match", SETS, SETS, ""),
    ],
)
def test_what_has_no_value_says_why_and_is_zero_to_count_with(metric, truth, predicted, why):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    assert why_undefined(metric, truth, predicted) == why
    if why:
        assert METRICS[metric](truth, predicted) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("metric", ["matthews", "quadratic_kappa"])
@pytest.mark.parametrize(("truth", "why"), [(ONE, "all targets are equal"), (TWO, "")])
def test_targets_that_are_all_equal_can_tell_no_predictions_apart(metric, truth, why):
    assert why_targets_cannot_tell(metric, truth) == why
