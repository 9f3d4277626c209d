"""Labels that are numbers on a scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError
from foretext.tasks.examples import Encoded, Example, Label, Learned, Offsets
from foretext.tasks.files.cells import as_score, class_name, is_missing
from foretext.tasks.labels.form import DIGITS, Cell, LabelOptions, Output, Outputs, Remembered
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions, of_scores

GRADES = 5  # steps of a soft scale whose scores are no small whole numbers; STS-B's own number
MOST_GRADES = 20  # steps of 1 up to this many
STRATA = 10  # groups of like scores, each split in the same proportion
BARS = 5  # ranges that scores are counted in


@dataclass(frozen=True)
class ScoreLabels:
    """A number; `low` and `high` are the ends of what training has seen."""

    name: ClassVar[str] = "score"
    takes: ClassVar[tuple[str, ...]] = ()
    low: float | None = None
    high: float | None = None

    @property
    def noun(self) -> str:
        return "scores"

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        said = {"score": True, "class": False}
        return said[options.labels] if options.labels in said else are_scores(cell for cell, _ in cells)

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> ScoreLabels:
        return cls()

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        return not schema.classes

    @classmethod
    def of(cls, schema: Remembered) -> ScoreLabels:
        return cls(schema.low, schema.high)

    @classmethod
    def holds(cls, label: Label) -> bool:
        return isinstance(label, float)

    def remembered(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> ScoreLabels:
        scores = as_numbers(labels)
        low, high = float(scores.min()), float(scores.max())
        if low == high:
            raise DataError(f"{source}: every label is {low:g}; there is nothing to learn")
        return replace(self, low=low, high=high)

    def lines(self) -> list[str]:
        return [] if self.low is None or self.high is None else [f"scores: {self.low:g} to {self.high:g}"]

    def label(self, cell: Any, example: Example) -> Label:
        if is_missing(cell):
            raise ValueError("the label is missing")
        if (value := as_score(cell)) is None:
            raise ValueError(f"the label {cell!r} is no number")
        return value

    def target(self, label: Label) -> Learned:
        return float(as_numbers([label])[0])

    def tags(self, label: Label, offsets: Offsets, text: str) -> None:
        return None

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        """By least squares one output, in deviations from the mean; else an output a grade, whole where that is few."""
        scores = as_numbers(labels)
        if scale == "value":
            return Output("value", 1, float(scores.mean()), float(scores.std()) or 1.0)
        low, high = float(np.floor(scores.min())), float(np.ceil(scores.max()))
        steps = round(high - low) if 2 <= high - low <= MOST_GRADES else GRADES
        return Output("grades", steps + 1, low, (high - low) / steps)

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> ScoreLabels:
        return self

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        return of_scores(np.concatenate(outputs)[:, 0])

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        return {"prediction": round(float(as_numbers([label])[0]), DIGITS)}

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        return as_numbers(labels)

    def counts(self, truth: Numbers, predicted: Numbers) -> None:
        return None

    @property
    def confusable(self) -> bool:
        return False

    def metrics(self) -> tuple[str, ...]:
        return ("pearson", "spearman")

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        """The correlation of a guess that knows nothing."""
        return 0.0

    def words(self, label: Label, example: Example) -> str:
        return f"{as_numbers([label])[0]:.2f}"

    def names(self, label: Label) -> tuple[str, ...]:
        return ()

    def right(self, label: Label, predicted: Label) -> bool | None:
        return None

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        return _distance(label, predicted)

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        return None, sum(_distance(a, b) for a, b in zip(one, other, strict=True)) / len(one)

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        counts, edges = np.histogram(as_numbers(labels), bins=BARS)
        ranges = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        return dict(zip(ranges, map(int, counts), strict=True))

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        """Tenths of the scores by rank."""
        known = [float("-inf") if label is None else _number(label) for label in labels]
        ranked = sorted(range(len(labels)), key=lambda place: (known[place], place))
        parts = np.array_split(np.array(ranked), min(STRATA, max(1, len(labels) // 2)))
        return [part.tolist() for part in parts]


def are_scores(cells: Iterable[Any]) -> bool:
    """Whether the labels of pairs are grades and not classes: more than two different ones, most of them numbers."""
    names = {class_name(cell) for cell in cells}
    return len(names) > 2 and sum(as_score(name) is not None for name in names) * 2 > len(names)


def as_numbers(labels: Sequence[Label]) -> npt.NDArray[np.float64]:
    """Labels that are numbers as an array `(examples,)`."""
    return np.array([_number(label) for label in labels], dtype=np.float64)


def _number(label: Label) -> float:
    assert isinstance(label, int | float)
    return float(label)


def _distance(one: Label, other: Label) -> float:
    return abs(_number(one) - _number(other))
