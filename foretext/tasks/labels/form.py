"""What every form of label has: the one way from a cell to a label, to what the model learns, and back to an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from foretext.batch import Target
from foretext.tasks.examples import AnswerRule, Encoded, Example, Label, Learned, Offsets
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions

LabelType = Literal["auto", "class", "score"]
Outputs = npt.NDArray[np.float64]  # (rows, outputs): what the head gives for one example, most often one row
Cell = tuple[Any, Example]  # a label cell, and the rest of its row

DIGITS = 6  # of a number in a file: what float32 can tell


@dataclass(frozen=True)
class LabelOptions:
    """What a person may say of the labels, where the data leave it open."""

    labels: LabelType = "auto"  # of pairs: whether they are classes or scores
    answer_labels: AnswerRule | None = None  # of multiple choice: how a label names the right answer
    positive: str | None = None  # of two classes: which one is the positive
    separator: str | None = None  # of sets: what stands between the names in a cell of text
    order: tuple[str, ...] = ()  # of ordered classes: from the lowest to the highest

    def given(self) -> tuple[str, ...]:
        """The names of those that say something."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) != field.default)


class Output(NamedTuple):
    """The head that learns such labels: its target, its rows of W_y, and the scale of scores."""

    target: Target
    outputs: int
    low: float = 0.0
    step: float = 1.0


class ClassCounts(NamedTuple):
    """Of each class `(classes,)`: how often it is rightly said, said, and true."""

    hits: npt.NDArray[np.int64]
    said: npt.NDArray[np.int64]
    true: npt.NDArray[np.int64]


class Remembered(Protocol):
    """What a `TaskSchema` keeps of its labels."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of their outputs; empty where labels have none."""

    @property
    def answer_labels(self) -> AnswerRule | None:
        """How a label names the right answer; None where there are no answers."""

    @property
    def separator(self) -> str | None:
        """What stands between the names of a set in a cell of text; None where nothing does."""

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The probability from which on each label of a set is said; empty where labels are no sets."""

    @property
    def low(self) -> float | None:
        """The lowest score; None where labels are no scores."""

    @property
    def high(self) -> float | None:
        """The highest score; None where labels are no scores."""


class LabelForm(Protocol):
    """What the labels of one task are. A frozen value: what training has taught of them stands in it."""

    name: ClassVar[str]
    """What it is called in tables that have a line for each form."""

    takes: ClassVar[tuple[str, ...]]
    """The fields of `LabelOptions` that mean something for such labels."""

    @property
    def noun(self) -> str:
        """What messages call such labels: "scores"."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that have an output of the head each; empty where there are none."""
        ...

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        """Whether the cells of a training file are of this form, where a kind has several."""
        ...

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> LabelForm:
        """The form as it reads the cells of a training file.

        Raises:
            SettingsError: they can be read in several ways, and nobody said which.
        """
        ...

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        """Whether a schema's labels are of this form, where its kind has several."""
        ...

    @classmethod
    def of(cls, schema: Remembered) -> LabelForm:
        """The form as a schema remembers it."""
        ...

    @classmethod
    def holds(cls, label: Label) -> bool:
        """Whether a label that was read elsewhere is of this form."""
        ...

    def remembered(self) -> dict[str, Any]:
        """The fields of a schema from which `of` makes it again."""
        ...

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> LabelForm:
        """The same with what all labels of training teach; `source` is what messages call the data.

        Raises:
            DataError: there is nothing to learn from them.
            UnknownName: an option names a class that is not there.
        """
        ...

    def lines(self) -> list[str]:
        """What was understood, for the person to check."""
        ...

    def label(self, cell: Any, example: Example) -> Label:
        """The label that a cell holds of an example that has none yet; a `ValueError` says why it holds none."""
        ...

    def target(self, label: Label) -> Learned | None:
        """The label as the model learns it: a number, or one for each class; None where tokens are tagged instead.

        Raises:
            DataError: it is none that training knew.
        """
        ...

    def tags(self, label: Label, offsets: Offsets, text: str) -> list[int] | None:
        """The tag of each token of a text as the model learns it; None where labels are of whole texts.

        Raises:
            ValueError: the label does not fit these tokens.
        """
        ...

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        """The head for such labels; `scale` is how scores are learned, grades or value."""
        ...

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> LabelForm:
        """The same with what the head's outputs for validation examples teach, whose true labels these are."""
        ...

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        """What the head's outputs say of each example."""
        ...

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        """The columns that an answer gets in a file."""
        ...

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        """Labels as metrics take them, `(examples, …)`.

        Raises:
            DataError: one is none of the classes.
        """
        ...

    def counts(self, truth: Numbers, predicted: Numbers) -> ClassCounts | None:
        """How often each class is found, said and true; None where there are no classes."""
        ...

    @property
    def confusable(self) -> bool:
        """Whether an example has exactly one of the classes, so that one can be taken for another."""
        ...

    def metrics(self) -> tuple[str, ...]:
        """The metrics that fit, the usual one first."""
        ...

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        """What a guesser who reads nothing scores, given how many answers each example has."""
        ...

    def words(self, label: Label, example: Example) -> str:
        """The label as a report shows it."""
        ...

    def names(self, label: Label) -> tuple[str, ...]:
        """The classes that a label names, each once; none where labels name none."""
        ...

    def right(self, label: Label, predicted: Label) -> bool | None:
        """Whether an answer is right; None where right and wrong mean nothing."""
        ...

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        """How grave a mistake is, 0 for none."""
        ...

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        """The share of equal labels of two systems; where labels are never equal, None and their mean distance."""
        ...

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        """How many examples have each label, or lie in each range of scores."""
        ...

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        """The indices of like labels together, so that a split takes of each its share."""
        ...
