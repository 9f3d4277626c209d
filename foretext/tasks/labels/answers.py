"""Labels that say which of an example's own answers is right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np

from foretext.errors import SettingsError
from foretext.tasks.examples import AnswerRule, Encoded, Example, Label, Learned, Offsets
from foretext.tasks.files.cells import as_score, class_name, is_missing
from foretext.tasks.labels.classes import by_label, share_of_equal
from foretext.tasks.labels.form import DIGITS, Cell, LabelOptions, Output, Outputs, Remembered
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions, of_answers

RULES: tuple[AnswerRule, ...] = get_args(AnswerRule)

_LETTER = re.compile(r"\(?([A-Za-z])[).]?")


@dataclass(frozen=True)
class AnswerLabels:
    """The index of the right answer from 0; `rule` is how a cell names it."""

    name: ClassVar[str] = "answer"
    takes: ClassVar[tuple[str, ...]] = ("answer_labels",)
    rule: AnswerRule = "index0"

    @property
    def noun(self) -> str:
        return "answers"

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        return True

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> AnswerLabels:
        return cls(options.answer_labels or find_answer_rule([(cell, example.choices) for cell, example in cells]))

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        return schema.answer_labels is not None

    @classmethod
    def of(cls, schema: Remembered) -> AnswerLabels:
        return cls(schema.answer_labels or "index0")

    @classmethod
    def holds(cls, label: Label) -> bool:
        return isinstance(label, int)

    def remembered(self) -> dict[str, Any]:
        return {"answer_labels": self.rule}

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> AnswerLabels:
        return self

    def lines(self) -> list[str]:
        return [f"labels name the right answer by {self.rule}"]

    def label(self, cell: Any, example: Example) -> Label:
        if is_missing(cell):
            raise ValueError("the label is missing")
        if (index := answer_index(cell, example.choices, self.rule)) is None:
            raise ValueError(f"the label {cell!r}, read as {self.rule}, is none of the {len(example.choices)} answers")
        return index

    def target(self, label: Label) -> Learned:
        return _index(label)

    def tags(self, label: Label, offsets: Offsets, text: str) -> None:
        return None

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        return Output("answers", 1)

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> AnswerLabels:
        return self

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        return of_answers([output.ravel() for output in outputs])

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        return {"prediction": label, "probabilities": [round(value, DIGITS) for value in probabilities]}

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        return np.asarray(labels)

    def counts(self, truth: Numbers, predicted: Numbers) -> None:
        return None

    @property
    def confusable(self) -> bool:
        return False

    def metrics(self) -> tuple[str, ...]:
        return ("accuracy",)

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        """The expected accuracy of a blind choice."""
        return float(np.mean([1 / count for count in answers]))

    def words(self, label: Label, example: Example) -> str:
        return example.choices[_index(label)]

    def names(self, label: Label) -> tuple[str, ...]:
        return ()

    def right(self, label: Label, predicted: Label) -> bool | None:
        return label == predicted

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        return 0.0 if label == predicted else confidence or 1.0

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        return share_of_equal(one, other), None

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        return {f"answer {index + 1}": count for index, count in sorted(Counter(map(_index, labels)).items())}

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        return by_label(labels)


def answer_index(cell: Any, answers: Sequence[str], rule: AnswerRule) -> int | None:
    """Which answer the cell says is right, from 0; None where it says none of them.

    Letters may be of either case and stand in brackets: "B", "b", "(B)", "B." are the second answer.
    """
    if rule == "text":
        name = class_name(cell)
        return next((place for place, answer in enumerate(answers) if answer.strip() == name), None)
    if rule == "letter":
        match = _LETTER.fullmatch(cell.strip()) if isinstance(cell, str) else None
        place = ord(match[1].upper()) - ord("A") if match else -1
    else:
        number = as_score(cell)
        if number is None or not number.is_integer():
            return None
        place = int(number) - (1 if rule == "index1" else 0)
    return place if 0 <= place < len(answers) else None


def find_answer_rule(labelled: Sequence[tuple[Any, Sequence[str]]]) -> AnswerRule:
    """How these labels name the right one of their answers; the rule that fits most rows, where none fits all.

    Raises:
        SettingsError: several rules fit every row and say different answers.
    """
    meanings = {rule: [answer_index(cell, answers, rule) for cell, answers in labelled] for rule in RULES}
    fitting = [rule for rule in RULES if None not in meanings[rule]]
    if not fitting:
        return max(RULES, key=lambda rule: sum(place is not None for place in meanings[rule]))
    if any(meanings[rule] != meanings[fitting[0]] for rule in fitting):
        raise SettingsError(
            f"labels such as {labelled[0][0]!r} could be read as {' or as '.join(fitting)} in every row; "
            f"say which with --answer-labels {'|'.join(fitting)}"
        )
    return fitting[0]


def _index(label: Label) -> int:
    assert isinstance(label, int | float)
    return int(label)
