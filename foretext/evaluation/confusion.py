"""Which classes are taken for which, and what that means for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.evaluation.statistics import confusion_counts
from foretext.tasks.labels.form import ClassCounts


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one class, each 0 where nothing defines it; `support` is how often it is true."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Confusion:
    """How often each true class (row) was given each class (column)."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: Sequence[str]) -> Confusion:
        """The matrix of class indices `(examples,)`."""
        counts = confusion_counts(truth[None, :], predicted[None, :], len(classes))[0]
        return cls(tuple(classes), tuple(tuple(map(int, row)) for row in counts))

    def scores(self) -> tuple[ClassScore, ...]:
        """One line of scores for each class, in the order of `classes`."""
        counts = np.array(self.counts)
        return class_scores(self.classes, ClassCounts(counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)))

    def to_json(self) -> dict[str, Any]:
        return {
            "classes": list(self.classes),
            "counts": [list(row) for row in self.counts],
            "per_class": [asdict(score) for score in self.scores()],
        }


def class_scores(classes: Sequence[str], counts: ClassCounts | None) -> tuple[ClassScore, ...]:
    """The scores of each class from how often it was found, said and true; none without counts."""
    if counts is None:
        return ()
    return tuple(
        ClassScore(name, _share(hits, said), _share(hits, true), _share(2 * hits, said + true), int(true))
        for name, hits, said, true in zip(classes, *counts, strict=True)
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
