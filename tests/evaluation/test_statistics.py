import numpy as np
import pytest

from foretext.evaluation.statistics import OF_COUNTS, OF_RIGHT, OF_SCORES, OF_SETS, OF_SPANS, statistic
from foretext.tasks.examples import Span
from foretext.tasks.labels.spans import SpanLabels
from foretext.tasks.metrics import METRICS

ROWS = np.random.default_rng(0).integers(40, size=(40, 40))


def test_every_metric_of_the_tasks_has_a_fast_form():
    assert {*OF_RIGHT, *OF_COUNTS, *OF_SCORES, *OF_SETS, *OF_SPANS} >= set(METRICS)


@pytest.mark.parametrize(
    ("metric", "classes"),
    [("accuracy", 2), ("accuracy", 4), ("f1", 2), ("f1_macro", 2), ("f1_macro", 4), ("matthews", 2), ("matthews", 4)],
)
def test_many_resamples_at_once_score_like_one_at_a_time_for_classes(metric, classes):
    generator = np.random.default_rng(classes)
    truth = generator.integers(classes, size=40)
    predicted = np.where(generator.random(40) < 0.6, truth, generator.integers(classes, size=40))
    at_once = statistic(metric, truth, predicted, METRICS[metric])(ROWS)
    one_by_one = [METRICS[metric](truth[row], predicted[row]) for row in ROWS]
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-12)


@pytest.mark.parametrize("metric", sorted(OF_SCORES))
def test_many_resamples_at_once_score_like_one_at_a_time_for_scores(metric):
    generator = np.random.default_rng(5)
    truth = generator.integers(6, size=40).astype(float)  # with ties
    predicted = truth + generator.normal(size=40)
    at_once = statistic(metric, truth, predicted, METRICS[metric])(ROWS)
    one_by_one = [METRICS[metric](truth[row], predicted[row]) for row in ROWS]
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-12)


@pytest.mark.parametrize("metric", ["f1_micro", "f1_macro", "exact_match"])
def test_many_resamples_at_once_score_like_one_at_a_time_for_sets(metric):
    generator = np.random.default_rng(6)
    truth = generator.random((40, 5)) < 0.3
    predicted = np.where(generator.random((40, 5)) < 0.8, truth, ~truth)
    at_once = statistic(metric, truth, predicted, METRICS[metric])(ROWS)
    one_by_one = [METRICS[metric](truth[row], predicted[row]) for row in ROWS]
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-12)


@pytest.mark.parametrize("metric", ["entity_f1", "exact_match"])
def test_many_resamples_at_once_score_like_one_at_a_time_for_spans(metric):
    generator = np.random.default_rng(7)
    labels = SpanLabels(("a", "b"))

    def some():
        return tuple(Span(k, k + 1, "ab"[generator.integers(2)]) for k in range(4) if generator.random() < 0.5)

    truth = [some() for _ in range(40)]
    predicted = [true if generator.random() < 0.6 else some() for true in truth]
    arrays = labels.numbers(truth), labels.numbers(predicted)
    at_once = statistic(metric, *arrays, METRICS[metric])(ROWS)
    one_by_one = [METRICS[metric](arrays[0][row], arrays[1][row]) for row in ROWS]
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-12)


@pytest.mark.parametrize("metric", ["matthews", "pearson", "spearman"])
def test_a_constant_prediction_correlates_with_nothing(metric):
    truth, constant = np.array([0, 1, 1, 0]), np.array([1, 1, 1, 1])
    rows = np.array([[0, 1, 2, 3], [1, 1, 2, 2]])
    assert statistic(metric, truth, constant, METRICS[metric])(rows).tolist() == [0, 0]


def test_a_metric_without_a_fast_form_is_asked_once_a_resample():
    truth, predicted = np.array([1.0, 2.0]), np.array([1.0, 4.0])
    largest_error = statistic("largest_error", truth, predicted, lambda y, p: float(np.abs(y - p).max()))
    assert largest_error(np.array([[0, 1], [0, 0]])).tolist() == [2.0, 0.0]
