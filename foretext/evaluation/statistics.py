"""Metrics as bootstrap statistics: the score of many resamples at once.

The definition of a metric is the one in `foretext.tasks.metrics`; what stands here computes the same number for all
resamples together, and a test holds the two equal. A metric without a fast form is called once a resample.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from foretext.evaluation.intervals import Rows, Statistic, Values
from foretext.tasks.metrics import Numbers

Counts = npt.NDArray[np.int64]  # (resamples, classes, classes): true class, predicted class
Scores = npt.NDArray[np.float64]  # (resamples, examples) or (resamples, classes)

ROUNDING = 1e-12  # values that lie closer than this, relative to the largest, are one value


def statistic(
    metric: str, truth: Numbers, predicted: Numbers, definition: Callable[[Numbers, Numbers], float]
) -> Statistic:
    """The named metric between `truth` and `predicted`, both `(examples, …)`, as a function of resampled rows.

    Classes are integers counted from 0; of sets there is a truth value for each label. `definition` is the metric as
    the tasks define it, for names that have no fast form here.
    """
    if metric in OF_RIGHT:
        right = (truth == predicted).reshape(len(truth), -1).all(axis=1).astype(np.float64)
        return lambda rows: OF_RIGHT[metric](right[rows])
    if metric in OF_SPANS:
        sizes = [[len(true & said), len(true), len(said)] for true, said in zip(truth, predicted, strict=True)]
        counts = np.array(sizes, dtype=np.float64)
        return lambda rows: OF_SPANS[metric]((_multiplicities(rows, len(truth)) @ counts).T)
    if truth.ndim == 2 and metric in OF_SETS:
        each = np.stack([truth & predicted, truth, predicted]).astype(np.float64)  # (3, examples, labels)
        return lambda rows: OF_SETS[metric](_multiplicities(rows, len(truth)) @ each)
    if metric in OF_COUNTS:
        classes = max(2, int(max(truth.max(), predicted.max())) + 1)
        return lambda rows: OF_COUNTS[metric](confusion_counts(truth[rows], predicted[rows], classes))
    if metric in OF_SCORES:
        return lambda rows: OF_SCORES[metric](truth[rows], predicted[rows])
    return lambda rows: np.array([definition(truth[row], predicted[row]) for row in rows], dtype=np.float64)


def confusion_counts(truth: Numbers, predicted: Numbers, classes: int) -> Counts:
    """How often each true class got each prediction, for each row of `(resamples, examples)`."""
    resamples = truth.shape[0]
    pairs = truth.astype(np.int64) * classes + predicted.astype(np.int64)
    cells = classes * classes
    offsets = np.arange(resamples)[:, None] * cells
    counts = np.bincount((pairs + offsets).ravel(), minlength=resamples * cells)
    return counts.reshape(resamples, classes, classes)


def _accuracy(right: Scores) -> Values:
    return np.asarray(right.mean(axis=1))


def _f1_each(counts: Counts) -> Scores:
    """F1 of each class `(resamples, classes)`; NaN for a class that is neither true nor predicted anywhere."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    seen = counts.sum(axis=1) + counts.sum(axis=2)
    return _divided(2 * hits, seen, defined=seen > 0, otherwise=np.nan)


def _f1_macro(counts: Counts) -> Values:
    return np.asarray(np.nanmean(_f1_each(counts), axis=1))


def _f1_positive(counts: Counts) -> Values:
    """F1 of class 1 against all others."""
    return np.nan_to_num(_f1_each(counts)[:, 1])


def _matthews(counts: Counts) -> Values:
    """Matthews correlation of any number of classes; 0 where truth or predictions are constant (Gorodkin 2004)."""
    total = counts.sum(axis=(1, 2)).astype(np.float64)
    hits = np.trace(counts, axis1=1, axis2=2)
    true, said = counts.sum(axis=2).astype(np.float64), counts.sum(axis=1).astype(np.float64)
    covariance = hits * total - (true * said).sum(axis=1)
    spread = np.sqrt((total**2 - (true**2).sum(axis=1)) * (total**2 - (said**2).sum(axis=1)))
    return _divided(covariance, spread, defined=spread > 0, otherwise=0.0)


def _pearson(truth: Scores, predicted: Scores) -> Values:
    """Pearson correlation of each row; 0 where one side is constant."""
    left = truth - truth.mean(axis=1, keepdims=True)
    right = predicted - predicted.mean(axis=1, keepdims=True)
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    varied = _varied(truth) & _varied(predicted)
    return _divided((left * right).sum(axis=1), spread, defined=varied, otherwise=0.0)


def _spearman(truth: Scores, predicted: Scores) -> Values:
    from scipy.stats import rankdata

    return _pearson(rankdata(truth, axis=1), rankdata(predicted, axis=1))


def _varied(values: Scores) -> npt.NDArray[np.bool_]:
    """Which rows hold more than one value, so far as floating point can tell."""
    return np.asarray(np.ptp(values, axis=1) > ROUNDING * np.maximum(1.0, np.abs(values).max(axis=1)))


def _divided(part: Numbers, whole: Numbers, *, defined: npt.NDArray[np.bool_], otherwise: float) -> Scores:
    """The quotient where it is `defined`, and `otherwise` elsewhere."""
    quotient = np.full(whole.shape, otherwise, dtype=np.float64)
    np.divide(part, whole, out=quotient, where=defined)
    return quotient


def _quadratic_kappa(truth: Scores, predicted: Scores) -> Values:
    """Quadratic weighted kappa of each row of positions in an order; 0 where both sides are one and the same class."""
    truth, predicted = truth.astype(np.float64), predicted.astype(np.float64)
    apart = ((truth - predicted) ** 2).mean(axis=1)
    by_chance = truth.var(axis=1) + predicted.var(axis=1) + (truth.mean(axis=1) - predicted.mean(axis=1)) ** 2
    return 1 - _divided(apart, by_chance, defined=by_chance > 0, otherwise=1.0)


def _multiplicities(rows: Rows, count: int) -> Scores:
    """How often each of `count` examples stands in each row: `(resamples, examples)`."""
    offsets = np.arange(len(rows))[:, None] * count
    return (
        np.bincount((rows + offsets).ravel(), minlength=len(rows) * count).reshape(len(rows), count).astype(np.float64)
    )


def _f1_of_sets(counts: Scores) -> Scores:
    """F1 from how often labels are found, true and said, `(3, …)`; NaN for those that are neither true nor said."""
    hits, true, said = counts
    return _divided(2 * hits, true + said, defined=true + said > 0, otherwise=np.nan)


def _f1_micro(counts: Scores) -> Values:
    return np.nan_to_num(_f1_of_sets(counts.sum(axis=2)))


def _entity_f1(counts: Scores) -> Values:
    """F1 of spans from how many are found, true and said, `(3, resamples)`."""
    return np.nan_to_num(_f1_of_sets(counts))


def _f1_macro_of_sets(counts: Scores) -> Values:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a resample without any label has no mean
        return np.asarray(np.nan_to_num(np.nanmean(_f1_of_sets(counts), axis=1)))


OF_RIGHT: dict[str, Callable[[Scores], Values]] = {"accuracy": _accuracy, "exact_match": _accuracy}
OF_COUNTS: dict[str, Callable[[Counts], Values]] = {
    "f1": _f1_positive,
    "f1_macro": _f1_macro,
    "matthews": _matthews,
}
OF_SCORES: dict[str, Callable[[Scores, Scores], Values]] = {
    "pearson": _pearson,
    "spearman": _spearman,
    "quadratic_kappa": _quadratic_kappa,
}
OF_SETS: dict[str, Callable[[Scores], Values]] = {"f1_micro": _f1_micro, "f1_macro": _f1_macro_of_sets}
OF_SPANS: dict[str, Callable[[Scores], Values]] = {"entity_f1": _entity_f1}
