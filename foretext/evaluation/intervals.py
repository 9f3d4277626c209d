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

    `p` is the two-sided probability of a lead this large by chance: twice the share of resamples beyond 0 on the
    smaller side. Near 0, the lead is no accident.
    """

    estimate: Estimate
    p: float


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
    """The lead of the second system over the first, scored on the same resamples of the same `count` examples.

    Each system is one statistic a run: where it was trained several times the lead is the mean over pairs of runs, such
    as those of one seed. What is hard for both systems cancels, so this sees differences that two separate intervals
    hide. A resample draws examples and pairs of runs, so the interval has room for both kinds of luck; with few runs
    it says little of how other seeds would fare.

    Raises:
        DataError: there are no examples or no runs.

    Source: Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".
    """
    if not first or len(first) != len(second):
        raise DataError(
            f"{len(first)} runs of one system and {len(second)} of the other; give as many of each, in pairs"
        )
    pairs = list(zip(first, second, strict=True))
    value = float(np.mean([_on_all(two, count) - _on_all(one, count) for one, two in pairs]))
    draw = np.random.default_rng([seed, len(pairs)])
    leads = []
    for rows in _resampled_rows(count, resamples, seed):
        each = np.stack([two(rows) - one(rows) for one, two in pairs])  # (runs, resamples)
        drawn = draw.integers(len(pairs), size=each.shape)
        leads.append(np.take_along_axis(each, drawn, axis=0).mean(axis=0))
    return _difference(value, _concatenated(leads), count, level)


def _difference(value: float, leads: Values, count: int, level: float) -> Difference:
    low, high = _percentiles(leads, level, value)
    defined = leads[np.isfinite(leads)]
    if not len(defined):
        return Difference(Estimate(value, low, high, count), 1.0)
    beyond = min(np.sum(defined <= 0), np.sum(defined >= 0))
    p = min(1.0, 2 * (float(beyond) + 1) / (len(defined) + 1))  # + 1: what was seen is one of the resamples
    return Difference(Estimate(value, low, high, count), p)


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
