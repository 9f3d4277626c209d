"""Labels that are sets: any number of names for each text, none too."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Encoded, Example, Label, Learned, Offsets
from foretext.tasks.files.cells import class_name, type_in_words
from foretext.tasks.files.json_value import json_value
from foretext.tasks.labels.classes import natural_order, places_of, share_of_equal
from foretext.tasks.labels.form import DIGITS, Cell, ClassCounts, LabelOptions, Output, Outputs, Remembered
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions, of_sets, sigmoid
from foretext.texts.showing import shown

SEPARATORS = ("|", ";", ",")  # in the order in which they are looked for
UNSURE = 0.5  # the threshold where validation has taught none
LIKE_PYTHON = re.compile(r"\s*\[\s*['\"].*['\"]\s*\]\s*", re.DOTALL)  # ['law', 'sea'], as pandas writes a list
FEWEST = 5  # validation examples of a class, and others, below which it gets the threshold of all classes together


@dataclass(frozen=True)
class SetLabels:
    """Any number of the classes. `separator` stands between them in a cell of text; lists of names need none."""

    name: ClassVar[str] = "set"
    takes: ClassVar[tuple[str, ...]] = ("separator",)
    classes: tuple[str, ...] = ()
    separator: str | None = None
    thresholds: tuple[float, ...] = ()  # a probability for each class, from which on it is said; none: one half

    @property
    def noun(self) -> str:
        return "sets of labels"

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        return True

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> SetLabels:
        """By the separator that is given, else the first known one that stands in a cell of text.

        Raises:
            SettingsError: cells are text, and no separator stands in any.
        """
        texts = [cell for cell, _ in cells if isinstance(cell, str) and not _in_brackets(cell)]
        if options.separator or not texts:
            return cls(separator=options.separator)
        for separator in SEPARATORS:
            if any(separator in text for text in texts):
                return cls(separator=separator)
        raise SettingsError(
            f"a label such as {texts[0]!r} is one name, and no cell has several, with one of {' '.join(SEPARATORS)} "
            "between them; name what stands there with --separator, or say --kind classification"
        )

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        return bool(schema.classes)

    @classmethod
    def of(cls, schema: Remembered) -> SetLabels:
        return cls(schema.classes, schema.separator, schema.thresholds)

    @classmethod
    def holds(cls, label: Label) -> bool:
        return isinstance(label, tuple)

    def remembered(self) -> dict[str, Any]:
        return {"classes": self.classes, "separator": self.separator, "thresholds": self.thresholds}

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> SetLabels:
        sets = [_names(label) for label in labels]
        classes = natural_order(name for names in sets for name in names)
        if len(set(sets)) == 1:
            said = " and ".join(sets[0]) or "nothing"
            raise DataError(f"{source}: the label of every row is {said}; there is nothing to learn")
        return replace(self, classes=classes)

    def lines(self) -> list[str]:
        between = "" if self.separator is None else f", with {self.separator!r} between them in a cell"
        return [f"any of {len(self.classes)} labels{between}: {', '.join(self.classes)}"]

    def label(self, cell: Any, example: Example) -> Label:
        if cell is None or (isinstance(cell, float) and np.isnan(cell)):
            raise ValueError("the label is missing; a text without any has an empty list")
        names = [self._known(name) for name in self._parts(cell)]
        return tuple(sorted(set(names)))

    def _parts(self, cell: Any) -> list[Any]:
        """The names that a cell holds, one after the other."""
        if isinstance(cell, list | tuple | set | frozenset | np.ndarray):
            return list(cell)
        if not isinstance(cell, str):
            raise ValueError(f"the label is {type_in_words(cell)}, not a list of names")
        if (listed := _listed(cell)) is not None:
            return listed
        if _in_brackets(cell):
            raise ValueError(f'{shown(cell, 40)!r} is no list of names such as ["law", "sea"]')
        if not cell.strip():
            return []
        if self.separator is None:
            raise ValueError(
                f"the label {cell!r} is a text, not a list of names; say with --separator what stands between"
            )
        return cell.split(self.separator)

    def _known(self, part: Any) -> str:
        name = class_name(part)
        if not name:
            raise ValueError("one of the labels is empty" if name == "" else f"one label is {type_in_words(part)}")
        if self.classes and name not in self.classes:
            raise ValueError(f"the label {name!r} is none of {', '.join(self.classes)}")
        return name

    def target(self, label: Label) -> Learned:
        return tuple(map(float, self.numbers([label])[0]))

    def tags(self, label: Label, offsets: Offsets, text: str) -> None:
        return None

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        return Output("labels", len(self.classes))

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> SetLabels:
        """With the thresholds of best F1 on these examples."""
        chosen = best_thresholds(sigmoid(np.concatenate(outputs)), self.numbers(labels))
        return replace(self, thresholds=tuple(map(float, chosen)))

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        probabilities = sigmoid(np.concatenate(outputs))
        return of_sets(probabilities, self.classes, self.thresholds or (UNSURE,) * len(self.classes))

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        """The labels as a cell of training had them: a list, or names with the separator between."""
        names = list(_names(label))
        named = zip(self.classes, probabilities, strict=True)
        return {
            "prediction": names if self.separator is None else self.separator.join(names),
            **{f"probability_{name}": round(value, DIGITS) for name, value in named},
        }

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        """Which example has which class, `(examples, classes)`."""
        found = np.zeros((len(labels), len(self.classes)), dtype=np.bool_)
        for row, label in zip(found, labels, strict=True):
            row[places_of(_names(label), self.classes)] = True
        return found

    def counts(self, truth: Numbers, predicted: Numbers) -> ClassCounts:
        return ClassCounts((truth & predicted).sum(axis=0), predicted.sum(axis=0), truth.sum(axis=0))

    @property
    def confusable(self) -> bool:
        return False

    def metrics(self) -> tuple[str, ...]:
        return "f1_micro", "f1_macro", "exact_match"

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        """The best score of a guesser who always says the same: the k commonest classes, for the best k."""
        common = np.argsort(-truth.sum(axis=0), kind="stable")
        guesses = (np.isin(np.arange(truth.shape[1]), common[:k]) for k in range(truth.shape[1] + 1))
        return max(float(metric(truth, np.broadcast_to(guess, truth.shape))) for guess in guesses)

    def words(self, label: Label, example: Example) -> str:
        return ", ".join(_names(label)) or "none"

    def names(self, label: Label) -> tuple[str, ...]:
        return _names(label)

    def right(self, label: Label, predicted: Label) -> bool | None:
        return label == predicted

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        """How many names are missing or too many."""
        return float(len(set(_names(label)) ^ set(_names(predicted))))

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        return share_of_equal(one, other), None

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        counts = Counter(name for label in labels for name in _names(label))
        none = sum(not label for label in labels)
        return {**dict(counts.most_common()), **({"none": none} if none else {})}

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        """By the rarest name of each, so that a rare one is not all on one side."""
        counts = Counter(name for label in labels for name in _names(label or ()))
        strata: dict[str, list[int]] = defaultdict(list)
        for place, label in enumerate(labels):
            strata[min(_names(label or ()), key=lambda name: (counts[name], name), default="")].append(place)
        return list(strata.values())


def best_thresholds(probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The probability for each class from which on to say it, for the highest F1 on `(examples, classes)`.

    A class with few examples, or with few that lack it, gets the threshold that is best for all classes together. Of
    several that are as good it is the one nearest to one half.
    """
    together = _best_threshold(probabilities.ravel(), truth.ravel())
    found = np.full(truth.shape[1], together)
    for k, true in enumerate(truth.T):
        if FEWEST <= true.sum() <= len(true) - FEWEST:
            found[k] = _best_threshold(probabilities[:, k], true)
    return found


def _best_threshold(probabilities: npt.NDArray[np.float64], true: npt.NDArray[np.bool_]) -> float:
    if not true.any():
        return UNSURE
    values = np.unique(probabilities)
    between = np.concatenate([[values[0] / 2], (values[:-1] + values[1:]) / 2, [(values[-1] + 1) / 2], [UNSURE]])
    order = np.sort(probabilities)
    said = len(probabilities) - np.searchsorted(order, between)
    hits = true.sum() - np.searchsorted(np.sort(probabilities[true]), between)
    scores = 2 * hits / np.maximum(said + true.sum(), 1)
    best = between[scores >= scores.max() - 1e-12]
    return float(best[np.abs(best - UNSURE).argmin()])


def is_list(cell: Any) -> bool:
    """Whether a cell is a list of names, or a text that holds one as JSON or as Python prints it."""
    if isinstance(cell, str):
        return _listed(cell) is not None or LIKE_PYTHON.fullmatch(cell) is not None
    return isinstance(cell, list | tuple | set | frozenset)


def _names(label: Label) -> tuple[str, ...]:
    assert isinstance(label, tuple)
    return tuple(name for name in label if isinstance(name, str))


def _in_brackets(cell: str) -> bool:
    """Whether a cell looks like a list, whatever is in it."""
    return cell.strip().startswith("[") and cell.strip().endswith("]")


def _listed(cell: str) -> list[Any] | None:
    """The list that a cell holds as JSON, or None."""
    if not cell.strip().startswith("["):
        return None
    try:
        found = json_value(cell)
    except ValueError:
        return None
    return found if isinstance(found, list) else None
