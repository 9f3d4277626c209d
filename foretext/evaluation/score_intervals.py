"""The interval of a metric on one set of examples, chosen so that it claims no certainty that the examples cannot give.

    right or wrong          the Jeffreys interval; all or none right: the exact one
    counts of classes,      Bayesian bootstrap with a pseudo-row and a half: one that is right, half of one that is
    labels, spans           wrong, each in a place drawn anew, so 24 of 24 right are not 100 to 100
    correlations, kappa     Fisher's z with the error of the bootstrap, never below Fisher's own 1/√(n - 3)

What is not among these has the percentile bootstrap. docs/statistics.md has the measured coverage of each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from foretext.evaluation.intervals import LEVEL, ROUNDING, Estimate, Values, bootstrap, exact_proportion_bound
from foretext.evaluation.statistics import OF_COUNTS, OF_RIGHT, OF_SCORES, OF_SETS, OF_SPANS, statistic
from foretext.tasks.metrics import METRICS, Numbers

Weights = npt.NDArray[np.float64]
Ends = tuple[float, float]

PSEUDO_RIGHT, PSEUDO_WRONG = 1.0, 0.5  # rows
_AT_ONCE = 100  # resamples, to bound memory
_WEIGHTS_AT_ONCE = 2_000_000


def metric_estimate(metric: str, truth: Numbers, said: Numbers, *, resamples: int, seed: int = 0) -> Estimate:
    """The named metric between true and predicted labels, both `(examples, …)`, with its 95 % interval.

    The metric is defined for them. With no `resamples` the interval is the value alone.
    """
    of_rows, count = statistic(metric, truth, said, METRICS[metric]), len(truth)
    value = bootstrap(of_rows, count, resamples=0).value
    if not resamples:
        return Estimate(value, value, value, count)
    generator = np.random.default_rng(seed)
    if metric in OF_RIGHT:
        low, high = _proportion(round(value * count), count)
    elif metric in OF_SPANS or (truth.ndim == 2 and metric in OF_SETS):
        low, high = _expanded(_of_labels(metric, truth, said, resamples, generator), count)
    elif metric in OF_COUNTS:
        low, high = _expanded(_of_classes(metric, truth, said, resamples, generator), count)
    elif metric in OF_SCORES:
        spread = [OF_SCORES[metric](truth[rows], said[rows]) for rows in _rows(count, resamples, generator)]
        low, high = _correlation(value, np.concatenate(spread), count)
    else:
        return bootstrap(of_rows, count, resamples=resamples, seed=seed)
    return Estimate(value, min(low, value), max(high, value), count)


def _proportion(right: int, count: int) -> Ends:
    """Brown, Cai and DasGupta 2001, "Interval Estimation for a Binomial Proportion": Jeffreys, exact at the ends."""
    from scipy.special import betaincinv

    if right in (0, count):
        return exact_proportion_bound(right, count)
    low, high = (float(betaincinv(right + 0.5, count - right + 0.5, (1 + side * LEVEL) / 2)) for side in (-1, 1))
    return low, high


def _expanded(values: Values, count: int) -> Ends:
    """Percentiles further out for few examples, as t is wider than the normal (Hesterberg 2015, "expanded")."""
    from scipy.special import ndtr, stdtrit

    degrees = max(1, count - 1)
    tail = float(ndtr(stdtrit(degrees, (1 - LEVEL) / 2) * np.sqrt(count / degrees)))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _correlation(value: float, resampled: Values, count: int) -> Ends:
    """The ends by Fisher's z. All examples on one line: so many of them may be on none that chance would hide it.

    If a share q of the population is unrelated, its correlation is 1 - q and n related rows come with (1 - q)^n.
    """
    from scipy.special import stdtrit

    if count <= 3:
        return -1.0, 1.0
    if abs(value) >= 1 - ROUNDING:
        bound = exact_proportion_bound(1, count)[0]
        return (bound, 1.0) if value > 0 else (-1.0, -bound)
    inside = resampled[np.abs(resampled) < 1 - ROUNDING]
    error = max(float(np.arctanh(inside).std()) if len(inside) else 0.0, 1 / np.sqrt(count - 3))
    reach, centre = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * error, np.arctanh(value)
    return float(np.tanh(centre - reach)), float(np.tanh(centre + reach))


def _of_classes(metric: str, truth: Numbers, said: Numbers, resamples: int, generator: np.random.Generator) -> Values:
    classes = max(2, int(max(truth.max(), said.max())) + 1)
    cells = truth.astype(np.int64) * classes + said.astype(np.int64)
    found = []
    for weights in _weights(len(truth), resamples, generator):
        many = len(weights)
        right, wrong = generator.integers(classes, size=(2, many))
        other = (wrong + generator.integers(1, classes, size=many)) % classes
        places = np.column_stack(
            [np.broadcast_to(cells, weights.shape), right * (classes + 1), wrong * classes + other]
        )
        places += np.arange(many)[:, None] * classes**2
        pseudo = [generator.gamma(PSEUDO_RIGHT, size=many), generator.gamma(PSEUDO_WRONG, size=many)]
        counts = np.bincount(places.ravel(), np.column_stack([weights, *pseudo]).ravel(), minlength=many * classes**2)
        found.append(OF_COUNTS[metric](counts.reshape(many, classes, classes)))
    return np.concatenate(found)


def _of_labels(metric: str, truth: Numbers, said: Numbers, resamples: int, generator: np.random.Generator) -> Values:
    """Counts of what is found, true and said of each label; of spans there is one."""
    if metric in OF_SPANS:
        sizes = [[len(true & guess), len(true), len(guess)] for true, guess in zip(truth, said, strict=True)]
        each = np.array(sizes, dtype=np.float64).T[..., None]
    else:
        each = np.stack([truth & said, truth, said]).astype(np.float64)
    found, labels = [], each.shape[2]
    for weights in _weights(len(truth), resamples, generator):
        counts, resample = weights @ each, np.arange(len(weights))  # (3, resamples, labels)
        counts[:, resample, generator.integers(labels, size=len(weights))] += generator.gamma(
            PSEUDO_RIGHT, size=len(weights)
        )
        side = generator.integers(1, 3, size=len(weights))  # missed, or said where it is not
        counts[side, resample, generator.integers(labels, size=len(weights))] += generator.gamma(
            PSEUDO_WRONG, size=len(weights)
        )
        found.append(OF_SPANS[metric](counts[..., 0]) if metric in OF_SPANS else OF_SETS[metric](counts))
    return np.concatenate(found)


def _weights(count: int, resamples: int, generator: np.random.Generator) -> Iterator[Weights]:
    for many in _blocks(count, resamples):
        yield generator.exponential(size=(many, count))


def _rows(count: int, resamples: int, generator: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    for many in _blocks(count, resamples):
        yield generator.integers(count, size=(many, count))


def _blocks(count: int, resamples: int) -> Iterator[int]:
    at_once = max(1, min(_AT_ONCE, _WEIGHTS_AT_ONCE // count))
    for first in range(0, resamples, at_once):
        yield min(at_once, resamples - first)
