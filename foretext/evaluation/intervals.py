"""How sure a score is: bootstrap intervals over examples, paired differences, and the spread over seeds.

A statistic here is a function of resampled rows: it is given index rows `(resamples, examples)` and returns one value
for each row, NaN where it is not defined. That lets a metric do a thousand resamples in one sweep of numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError

Rows = npt.NDArray[np.int64]  # (resamples, examples)
Values = npt.NDArray[np.float64]  # (resamples,)
Statistic = Callable[[Rows], Values]

RESAMPLES = 2_000  # the ends of a 95 % interval then move by some 2 % of its width between seeds
LEVEL = 0.95
SHARE_OF_SEEDS = 1.5  # an exponent that was found by simulation, docs/statistics.md: 2 rejects up to 6.5 % at two runs
ROUNDING = 1e-12  # what is smaller than this is 0
_DRAWS_AT_ONCE = 2_000_000  # with the next, bounds memory: 16 MB of indices,
_ROWS_AT_ONCE = 256  # and a confusion matrix for each row


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its interval and how many examples (or runs) it rests on.

    Where there is no value to be had, `undefined` says why, and 0 stands for it, to count with.
    """

    value: float
    low: float
    high: float
    count: int
    undefined: str = ""

    def __str__(self) -> str:
        """The estimate times 100, as the paper prints scores: `87.1 [85.0, 89.2]`; or `undefined: …` and why."""
        if self.undefined:
            return f"undefined: {self.undefined}"
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def to_json(self) -> dict[str, float | int | str | None]:
        """The four numbers; where it is undefined, null for three of them, and why."""
        if self.undefined:
            return {**asdict(self), "value": None, "low": None, "high": None}
        return {name: value for name, value in asdict(self).items() if name != "undefined"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Estimate:
        """The estimate that `to_json` gave."""
        known: dict[str, Any] = {name: 0.0 if value is None else value for name, value in values.items()}
        return cls(**known)


@dataclass(frozen=True)
class Difference:
    """By how much the second of two systems is better than the first on the same examples.

    `p` is the two-sided probability of a lead this large where there is none, judged from `runs` runs of each system.
    Of one run each it speaks of these two models alone, and not of what other seeds would give.
    """

    estimate: Estimate
    p: float
    runs: int


def bootstrap(
    statistic: Statistic, count: int, *, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """The statistic of `count` examples with its percentile bootstrap interval, a pure function of `seed`.

    Resamples in which the statistic is not defined (NaN) are left out; with none left, with one example, or with no
    `resamples` at all, the interval is the value alone. The interval always holds the value.

    Raises:
        DataError: there are no examples.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    """
    value = _on_all(statistic, count)
    values = _concatenated([statistic(rows) for rows in _resampled_rows(count, resamples, seed)])
    low, high = _percentiles(values, level, value)
    return Estimate(value, low, high, count)


def paired_over_runs(
    first: Sequence[Statistic],
    second: Sequence[Statistic],
    count: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Difference:
    """The lead of the second system over the first in the mean of their runs, by a t test over runs and examples.

    Each system is one statistic a run, such as one a seed, all on the same `count` examples. Two kinds of luck are
    added up: that of the runs, from the spread of the scores of either system as in Welch's test, and that of the
    examples, from what different runs share when the examples are drawn anew. What is hard for both systems cancels. Of
    one run each the examples alone are drawn. Runs under one seed are not taken for a pair: if they are alike, p is
    larger than it need be. No p is below 2^(1 - `count`), the smallest that flipping signs of so many examples gives.

    Raises:
        DataError: there are no examples or no runs, or more runs of one system than of the other.

    Source: Obuchowski and Rockette 1995 (readers nested in tests: ours are runs in systems), with separate variances;
    `degrees` says how many degrees of freedom. `benchmarks/coverage.py` measures how often it finds what is not there.
    """
    if not first or len(first) != len(second):
        raise DataError(f"{len(first)} runs of one system and {len(second)} of the other; give as many of each")
    runs, systems = len(first), [*first, *second]
    scores = np.array([_on_all(run, count) for run in systems])
    blocks = [np.stack([run(rows) for run in systems]) for rows in _resampled_rows(count, resamples, seed)]
    drawn = np.concatenate(blocks, axis=1) if blocks else np.empty((len(systems), 0))
    of_seeds, of_examples = _variances(scores, drawn[:, np.isfinite(drawn).all(axis=0)], runs)
    value = float(scores[runs:].mean() - scores[:runs].mean())
    return _difference(value, of_seeds, of_examples, count, runs, level)


def _variances(scores: Values, drawn: npt.NDArray[np.float64], runs: int) -> tuple[Values, float]:
    """The variance of each system's mean by its runs (2,), and that of the lead by the examples.

    The latter is the covariance of different runs under resampling, within systems less that across them: what the
    examples do to one run alone is in the spread of the runs already. `drawn` is (runs of both, resamples).
    """
    if drawn.shape[1] < 2:
        return np.zeros(2), 0.0
    covariance = np.cov(drawn)
    across = 2 * covariance[:runs, runs:].mean()
    other = ~np.eye(runs, dtype=bool) if runs > 1 else np.ones((1, 1), dtype=bool)
    within = covariance[:runs, :runs][other].mean() + covariance[runs:, runs:][other].mean()
    of_examples = float(within - across)
    of_seeds = scores.reshape(2, runs).var(axis=1, ddof=1) / runs if runs > 1 else np.zeros(2)
    return of_seeds, of_examples if of_examples > ROUNDING * np.trace(covariance) else 0.0


def degrees(of_seeds: Values, of_examples: float, *, count: int, runs: int) -> float:
    """Degrees of freedom of the lead's variance, `of_seeds` (2,) and `of_examples` together.

    Those of Welch's test over runs and those of `count` examples, each by its share of the variance. Satterthwaite's
    formula has the square of the share, which at two and three runs is too bold; see `SHARE_OF_SEEDS`.
    """
    seeds = float(of_seeds.sum())
    total = seeds + of_examples
    inverse = (of_examples / total) ** 2 / max(1, count - 1)
    if seeds:
        inverse += (seeds / total) ** SHARE_OF_SEEDS * float((of_seeds**2).sum()) / (runs - 1) / seeds**2
    return 1 / inverse


def _difference(value: float, of_seeds: Values, of_examples: float, count: int, runs: int, level: float) -> Difference:
    from scipy.special import stdtr, stdtrit

    error = float(np.sqrt(of_seeds.sum() + of_examples))
    if error <= ROUNDING * max(1.0, abs(value)):
        p = 1.0 if abs(value) <= ROUNDING else 2.0 ** (1 - count)
        return Difference(Estimate(value, value, value, count), p, runs)
    freedom = degrees(of_seeds, of_examples, count=count, runs=runs)
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = max(2 * float(stdtr(freedom, -abs(value) / error)), 2.0 ** (1 - count))
    return Difference(Estimate(value, value - reach, value + reach, count), p, runs)


def over_seeds(values: Sequence[float]) -> Estimate:
    """Median and range (smallest, largest) of the same measurement under several seeds.

    Raises:
        DataError: there are no values.
    """
    if not len(values):
        raise DataError("no runs to summarise: give the score of at least one seed")
    return Estimate(float(np.median(values)), float(min(values)), float(max(values)), len(values))


def exact_proportion_bound(right: int, count: int, *, level: float = LEVEL) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a proportion when all or none of `count` are right.

    There every resample says the same and the bootstrap would claim certainty.
    """
    bound = ((1 - level) / 2) ** (1 / count)
    return (bound, 1.0) if right else (0.0, 1 - bound)


def _on_all(statistic: Statistic, count: int) -> float:
    if count < 1:
        raise DataError("no examples to score: the file has no labelled rows")
    return float(statistic(np.arange(count)[None, :])[0])


def _resampled_rows(count: int, resamples: int, seed: int) -> Iterator[Rows]:
    """Index rows drawn with replacement, in blocks whose size depends on `count` alone."""
    generator = np.random.default_rng(seed)
    at_once = max(1, min(_ROWS_AT_ONCE, _DRAWS_AT_ONCE // count))
    for first in range(0, resamples, at_once):
        yield generator.integers(count, size=(min(at_once, resamples - first), count))


def _concatenated(blocks: Sequence[Values]) -> Values:
    return np.concatenate(blocks) if blocks else np.empty(0)


def _percentiles(values: Values, level: float, value: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return value, value
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return min(float(low), value), max(float(high), value)
