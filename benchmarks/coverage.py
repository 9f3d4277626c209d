"""How often the p-values of `paired_over_runs` find a lead that is not there, and how often intervals hold the truth.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py leads       (some 20 minutes)
    OMP_NUM_THREADS=1 python benchmarks/coverage.py intervals   (some 10 minutes)
    OMP_NUM_THREADS=1 python benchmarks/coverage.py methods     (some 10 minutes)

All draw data from a population that is known; `methods` sets other intervals beside ours. The tables are those of
docs/statistics.md.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import norm

from foretext.evaluation.intervals import bootstrap, paired_over_runs
from foretext.evaluation.score_intervals import metric_estimate
from foretext.evaluation.statistics import statistic
from foretext.tasks.metrics import METRICS, Numbers, why_undefined

ACCURACY = 0.75  # of either system on average
# A run answers an example by the sum of what is hard for all, for the system and for the run alone; shares of variance.
FOR_ALL, FOR_SYSTEM, FOR_RUN = 0.5, 0.25, 0.25
RUNS, DEVIATIONS = (2, 3, 5, 10), (0.0, 0.03, 0.06, 0.1)
COMPARISONS = 2_000  # a share of 5 % then has a standard error of 0.5 points
LEVEL = 0.05
# Populations: the share of the positive class, how many of it are found, how many of the others are left alone.
CLASSES = {"balanced, 70 %": (0.5, 0.7, 0.7), "balanced, 90 %": (0.5, 0.9, 0.9), "3 % positive": (0.03, 0.8, 0.995)}
CORRELATED = {"normal, 0.3": 0.3, "normal, 0.85": 0.85, "0 to 5, rounded": 0.85, "log-normal": 0.85}
SIZES = (30, 50, 300)
SAMPLES = 600  # a coverage of 95 % then has a standard error of 0.9 points


def rejection(
    *, runs: int, deviation: float | tuple[float, float], examples: int, comparisons: int, resamples: int
) -> float:
    """The share of comparisons of two equally good systems with p below 0.05.

    `deviation` is the standard deviation of a run's accuracy over seeds, of both systems or of each.
    """
    generator = np.random.default_rng([runs, int(1000 * np.sum(deviation)), examples])
    deviations = np.broadcast_to(deviation, 2)[:, None]
    truth = np.ones(examples, dtype=np.int64)
    found = 0
    for seed in range(comparisons):
        accuracy = np.clip(ACCURACY + deviations * generator.normal(size=(2, runs)), 0.02, 0.98)
        ease = norm.ppf(accuracy)[..., None] + np.sqrt(FOR_ALL) * generator.normal(size=examples)
        ease = ease + np.sqrt(FOR_SYSTEM) * generator.normal(size=(2, 1, examples))
        right = (ease + np.sqrt(FOR_RUN) * generator.normal(size=(2, runs, examples)) > 0).astype(np.int64)
        one, two = ([statistic("accuracy", truth, run, METRICS["accuracy"]) for run in system] for system in right)
        found += paired_over_runs(one, two, examples, resamples=resamples, seed=seed).p < LEVEL
    return found / comparisons


def leads() -> None:
    """Prints the table of rejections."""
    print("| examples | runs | " + " | ".join(f"{100 * each:.0f}" for each in DEVIATIONS) + " | 0 and 6 |")
    print("|---" * (len(DEVIATIONS) + 3) + "|")
    for examples in (300, 1000):
        for runs in RUNS:
            shares = [
                rejection(runs=runs, deviation=each, examples=examples, comparisons=COMPARISONS, resamples=200)
                for each in (*DEVIATIONS, (0.0, 0.06))
            ]
            print(
                f"| {examples:,} | {runs} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True
            )


def covered(
    metric: str, population: str, *, examples: int, samples: int, resamples: int, method: str = "ours"
) -> float:
    """The share of samples whose interval holds the value of the population, of those where the metric is defined."""
    generator = np.random.default_rng(examples)
    known = METRICS[metric](*_draw(population, 200_000, np.random.default_rng(0)))
    held = []
    for seed in range(samples):
        truth, said = _draw(population, examples, generator)
        if not why_undefined(metric, truth, said):
            low, high = METHODS[method](metric, truth, said, resamples, seed)
            held.append(low <= known <= high)
    return float(np.mean(held))


def _ours(metric: str, truth: Numbers, said: Numbers, resamples: int, seed: int) -> tuple[float, float]:
    found = metric_estimate(metric, truth, said, resamples=resamples, seed=seed)
    return found.low, found.high


def _percentile(metric: str, truth: Numbers, said: Numbers, resamples: int, seed: int) -> tuple[float, float]:
    found = bootstrap(statistic(metric, truth, said, METRICS[metric]), len(truth), resamples=resamples, seed=seed)
    return found.low, found.high


def _bca(metric: str, truth: Numbers, said: Numbers, resamples: int, seed: int) -> tuple[float, float]:
    """Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 14.3."""
    of_rows, count = statistic(metric, truth, said, METRICS[metric]), len(truth)
    value = of_rows(np.arange(count)[None])[0]
    resampled = of_rows(np.random.default_rng(seed).integers(count, size=(resamples, count)))
    resampled = resampled[~np.isnan(resampled)]
    without = of_rows(np.array([np.delete(np.arange(count), row) for row in range(count)]))
    away = np.nanmean(without) - np.nan_to_num(without, nan=np.nanmean(without))
    if not away.any() or not len(resampled):
        return value, value
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    below = ((resampled < value).mean() + (resampled <= value).mean()) / 2
    bias = norm.ppf(np.clip(below, 1 / resamples, 1 - 1 / resamples))
    ends = bias + norm.ppf([0.025, 0.975])
    low, high = np.quantile(resampled, norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)


def _bca_with_pseudo_rows(metric: str, truth: Numbers, said: Numbers, resamples: int, seed: int) -> tuple[float, float]:
    """With a row that is right and one that is wrong, each of a class by chance."""
    right, wrong = np.random.default_rng(seed).integers(2, size=2)
    return _bca(metric, np.append(truth, [right, wrong]), np.append(said, [right, 1 - wrong]), resamples, seed)


METHODS = {"ours": _ours, "percentile": _percentile, "BCa": _bca, "BCa, pseudo-rows": _bca_with_pseudo_rows}


def _draw(population: str, examples: int, generator: np.random.Generator) -> tuple[Numbers, Numbers]:
    if population in CLASSES:
        share, found, left_alone = CLASSES[population]
        truth = generator.random(examples) < share
        said = generator.random(examples) < np.where(truth, found, 1 - left_alone)
        return truth.astype(np.int64), said.astype(np.int64)
    rho = CORRELATED[population]
    one, other = generator.normal(size=(2, examples))
    two = rho * one + np.sqrt(1 - rho**2) * other
    if population == "log-normal":
        return np.exp(one), np.exp(two)
    if population == "0 to 5, rounded":
        return np.clip(np.round(5 * (2.5 + 1.6 * one)) / 5, 0, 5), np.clip(2.5 + 1.4 * two, 0, 5)
    return one, two


def intervals() -> None:
    """Prints the table of coverages."""
    print("| metric | population | " + " | ".join(map(str, SIZES)) + " |")
    print("|---" * (len(SIZES) + 2) + "|")
    metrics = [("accuracy", CLASSES), ("f1", CLASSES), ("f1_macro", CLASSES), ("matthews", CLASSES)]
    for metric, populations in [*metrics, ("pearson", CORRELATED), ("spearman", CORRELATED)]:
        for name in populations:
            shares = [covered(metric, name, examples=size, samples=SAMPLES, resamples=300) for size in SIZES]
            print(f"| {metric} | {name} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True)


def methods() -> None:
    """Prints the table of coverages by method."""
    print("| metric | population | examples | " + " | ".join(METHODS) + " |")
    print("|---" * (len(METHODS) + 3) + "|")
    for metric, populations in (("f1", CLASSES), ("matthews", CLASSES), ("pearson", CORRELATED)):
        for name in populations:
            for size in SIZES:
                some = [method for method in METHODS if metric != "pearson" or "pseudo" not in method]
                shares = [
                    f"{100 * covered(metric, name, examples=size, samples=SAMPLES, resamples=300, method=each):.1f}"
                    for each in some
                ]
                shares += ["–"] * (len(METHODS) - len(some))
                print(f"| {metric} | {name} | {size} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    {"leads": leads, "intervals": intervals, "methods": methods}[sys.argv[1]]()
