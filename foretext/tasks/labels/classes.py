"""Labels that are classes: one of some names."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from foretext.errors import DataError, SettingsError, UnknownName
from foretext.tasks.examples import Encoded, Example, Label, Learned, Offsets
from foretext.tasks.files.cells import as_score, class_name, is_missing, type_in_words
from foretext.tasks.labels.form import DIGITS, Cell, ClassCounts, LabelOptions, Output, Outputs, Remembered
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions, of_classes, softmax


@dataclass(frozen=True)
class ClassLabels:
    """One of the classes; of two, the second is the positive one. No classes: any, while they are being learned."""

    name: ClassVar[str] = "class"
    takes: ClassVar[tuple[str, ...]] = ("positive",)
    classes: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        return "these classes"

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        return True

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> ClassLabels:
        return cls()

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        return bool(schema.classes)

    @classmethod
    def of(cls, schema: Remembered) -> ClassLabels:
        return cls(schema.classes)

    @classmethod
    def holds(cls, label: Label) -> bool:
        return isinstance(label, str)

    def remembered(self) -> dict[str, Any]:
        return {"classes": self.classes}

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> ClassLabels:
        """The classes in natural order; of two, the one that is said to be positive goes second."""
        return replace(self, classes=learned_classes([str(label) for label in labels], options.positive, source))

    def lines(self) -> list[str]:
        return [f"classes: {', '.join(self.classes)}"]

    def label(self, cell: Any, example: Example) -> Label:
        if is_missing(cell):
            raise ValueError("the label is missing")
        if (name := class_name(cell)) is None:
            raise ValueError(f"the label is {type_in_words(cell)}, not a name, number or truth value")
        if self.classes and name not in self.classes:
            raise ValueError(f"the label {name!r} is none of the classes {', '.join(self.classes)}")
        return name

    def target(self, label: Label) -> Learned:
        return places_of([label], self.classes)[0]

    def tags(self, label: Label, offsets: Offsets, text: str) -> None:
        return None

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        return Output("classes", len(self.classes))

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> ClassLabels:
        return self

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        return of_classes(softmax(np.concatenate(outputs)), self.classes)

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        named = zip(self.classes, probabilities, strict=True)
        return {"prediction": label, **{f"probability_{name}": round(value, DIGITS) for name, value in named}}

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        return np.array(places_of(labels, self.classes), dtype=np.int64)

    def counts(self, truth: Numbers, predicted: Numbers) -> ClassCounts:
        size = len(self.classes)
        hits = np.bincount(truth[truth == predicted], minlength=size)
        return ClassCounts(hits, np.bincount(predicted, minlength=size), np.bincount(truth, minlength=size))

    @property
    def confusable(self) -> bool:
        return True

    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", *(("f1",) if len(self.classes) == 2 else ()), "f1_macro", "matthews")

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        return best_constant(metric, truth)

    def words(self, label: Label, example: Example) -> str:
        return str(label)

    def names(self, label: Label) -> tuple[str, ...]:
        return (str(label),)

    def right(self, label: Label, predicted: Label) -> bool | None:
        return label == predicted

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        return 0.0 if label == predicted else confidence or 1.0

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        return share_of_equal(one, other), None

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        return {str(label): count for label, count in Counter(labels).most_common()}

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        return by_label(labels)


def learned_classes(names: Sequence[str], positive: str | None, source: str) -> tuple[str, ...]:
    """The different names in natural order; of two, `positive` goes second.

    Raises:
        DataError: there is one class only, or as many classes as names.
        UnknownName: `positive` is none of them.
        SettingsError: `positive` is given for more than two classes.
    """
    classes = natural_order(names)
    if len(classes) == 1:
        raise DataError(f"{source}: every label is {classes[0]!r}; a task needs two classes at least")
    if len(classes) == len(names) > 2:
        raise DataError(
            f"{source}: each of {len(names):,} rows has a label of its own, such as {names[0]!r}; "
            "is this the label column? For scores say --kind regression"
        )
    if positive is None:
        return classes
    if positive not in classes:
        raise UnknownName("class", positive, classes)
    if len(classes) > 2:
        raise SettingsError(f"a positive class is for two classes; there are {len(classes)}: {', '.join(classes)}")
    return (next(name for name in classes if name != positive), positive)


def places_of(labels: Sequence[Label], classes: Sequence[str]) -> list[int]:
    """The index of each label among the classes.

    Raises:
        DataError: one is none of them.
    """
    place: Mapping[Label, int] = {name: k for k, name in enumerate(classes)}
    unknown = sorted({str(label) for label in labels if label not in place})
    if unknown:
        raise DataError(f"label {unknown[0]!r} is none of the classes {', '.join(classes)}")
    return [place[label] for label in labels]


def best_constant(metric: Metric, truth: Numbers) -> float:
    """The best score of a guesser who always gives the same class.

    For accuracy that is the share of the most frequent class, never below 1 / classes; for Matthews it is 0.
    """
    return max(float(metric(truth, np.full_like(truth, guess))) for guess in np.unique(truth))


def share_of_equal(one: Sequence[Label], other: Sequence[Label]) -> float:
    """The share of examples for which both have the same label."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def by_label(labels: Sequence[Label | None]) -> list[list[int]]:
    """The indices of each label, in the order in which labels first come."""
    strata: dict[Label | None, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        strata[label].append(place)
    return list(strata.values())


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """The different names as a person orders them: numbers by size, "part 2" before "part 10", case of no weight."""
    different = set(names)
    if all(as_score(name) is not None for name in different):
        return tuple(sorted(different, key=lambda name: (float(name), name)))
    return tuple(sorted(different, key=lambda name: (_natural_key(name), name)))


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
