"""Labels that are classes in an order: each is a step above the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Encoded, Example, Label, Learned, Offsets
from foretext.tasks.files.cells import as_score, class_name
from foretext.tasks.labels.classes import ClassLabels, natural_order
from foretext.tasks.labels.form import Cell, ClassCounts, LabelOptions, Output, Outputs, Remembered
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions, of_classes

# Words whose order everybody knows, from the lowest; those of one step mean the same.
SCALES = tuple(
    tuple(place.split("/") for place in scale.split(", "))
    for scale in (
        "none/no, very low, low/minor, medium/middle/mid/moderate/average, high/major, very high, critical",
        "terrible/awful, very bad, bad, okay/ok/neutral, good, very good, excellent",
        "very poor, poor, fair/average/satisfactory, good, very good, excellent/outstanding",
        "never, rarely/seldom, sometimes/occasionally, often/frequently, always",
        "strongly disagree, disagree, neutral/undecided/neither, agree, strongly agree",
        "very negative, negative, neutral/mixed, positive, very positive",
        "none, mild, moderate, severe",
        "very small, small, medium, large, very large",
        "very easy, easy, medium/intermediate/moderate, hard/difficult, very hard/very difficult",
        "beginner/elementary, intermediate, advanced, expert",
        "first, second, third, fourth, fifth",
    )
)


@dataclass(frozen=True)
class OrderedLabels:
    """One of the classes, which stand from the lowest to the highest; training may lack some of them."""

    name: ClassVar[str] = "ordered"
    takes: ClassVar[tuple[str, ...]] = ("order",)
    classes: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        return "ordered classes"

    @property
    def unordered(self) -> ClassLabels:
        """The same classes, where their order does not matter."""
        return ClassLabels(self.classes)

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        return True

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> OrderedLabels:
        """In the order that was given, by size where all are numbers, or as words of a known scale stand.

        Raises:
            SettingsError: none of these says the order.
        """
        if options.order:
            return cls(tuple(options.order))
        return cls(found_order([name for cell, _ in cells if (name := class_name(cell))]))

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        return bool(schema.classes)

    @classmethod
    def of(cls, schema: Remembered) -> OrderedLabels:
        return cls(schema.classes)

    @classmethod
    def holds(cls, label: Label) -> bool:
        return isinstance(label, str)

    def remembered(self) -> dict[str, Any]:
        return {"classes": self.classes}

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> OrderedLabels:
        classes = self.classes or found_order([str(label) for label in labels])
        if len(set(labels)) == 1:
            raise DataError(f"{source}: every label is {labels[0]!r}; a task needs two classes at least")
        return OrderedLabels(classes)

    def lines(self) -> list[str]:
        return [f"classes, from the lowest: {', '.join(self.classes)}"]

    def label(self, cell: Any, example: Example) -> Label:
        return self.unordered.label(cell, example)

    def target(self, label: Label) -> Learned:
        return float(self.unordered.numbers([label])[0])

    def tags(self, label: Label, offsets: Offsets, text: str) -> None:
        return None

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        """A grade for each class."""
        return Output("grades", len(self.classes))

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> OrderedLabels:
        return self

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        """The most probable class; a row of outputs is the expected grade, then the probability of each."""
        return of_classes(np.concatenate(outputs)[:, 1:], self.classes)

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        return self.unordered.columns(label, probabilities)

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        return self.unordered.numbers(labels)

    def counts(self, truth: Numbers, predicted: Numbers) -> ClassCounts:
        return self.unordered.counts(truth, predicted)

    @property
    def confusable(self) -> bool:
        return True

    def metrics(self) -> tuple[str, ...]:
        return "quadratic_kappa", "accuracy", "f1_macro"

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        return self.unordered.chance(metric, truth, answers)

    def words(self, label: Label, example: Example) -> str:
        return str(label)

    def names(self, label: Label) -> tuple[str, ...]:
        return (str(label),)

    def right(self, label: Label, predicted: Label) -> bool | None:
        return label == predicted

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        """How many steps apart; of equals the one said with more confidence."""
        true, said = self.numbers([label, predicted])
        return float(abs(true - said)) and float(abs(true - said)) + (confidence or 0.0)

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        return self.unordered.agreement(one, other)

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        counts = self.unordered.balance(labels)
        return {name: counts.get(name, 0) for name in self.classes}

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        return self.unordered.strata(labels)


def found_order(names: Sequence[str]) -> tuple[str, ...]:
    """The different names from the lowest: by size where all are numbers, else as words of a known scale stand.

    Raises:
        SettingsError: they are neither.
    """
    different = natural_order(names)
    if all(as_score(name) is not None for name in different):
        return different
    plain = {" ".join(name.casefold().replace("_", " ").replace("-", " ").split()): name for name in different}
    for scale in SCALES:
        ordered = [plain[word] for place in scale for word in place if word in plain]
        if len(ordered) == len(different) and all(len(plain.keys() & set(place)) <= 1 for place in scale):
            return tuple(ordered)
    raise SettingsError(
        f"in which order do the classes {', '.join(different)} stand? Say it from the lowest to the highest: "
        f"--order {','.join(different)}"
    )
