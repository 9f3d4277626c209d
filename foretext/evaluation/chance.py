"""What a guesser who reads nothing scores: the floor that any result is to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from foretext.evaluation.statistics import Numbers

Metric = Callable[[Numbers, Numbers], float]


def chance_of_classes(truth: npt.NDArray[np.int64], metric: Metric) -> float:
    """The best score of a guesser who always gives the same class.

    For accuracy that is the share of the most frequent class, never below 1 / classes; for Matthews it is 0.
    """
    return max(float(metric(truth, np.full_like(truth, guess))) for guess in np.unique(truth))


def chance_of_answers(answers: Sequence[int]) -> float:
    """The expected accuracy of a blind choice, given how many answers each example has."""
    return float(np.mean([1 / count for count in answers]))


def chance_of_scores() -> float:
    """The correlation of a guess that knows nothing: 0."""
    return 0.0
