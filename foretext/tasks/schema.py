"""What a model must remember of the task it was fine-tuned on, so that nobody has to say it twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from foretext.errors import DataError, SettingsError
from foretext.settings import Settings
from foretext.tasks.cutting import Cutting
from foretext.tasks.examples import AnswerRule, Kind, Label

Combine = Literal["one", "add", "choose"]

COMBINE: dict[Kind, Combine] = {"similarity": "add", "choice": "choose"}
TEXT_COLUMNS: dict[Kind, tuple[int, int | None]] = {  # fewest and most text columns
    "classification": (1, None),
    "entailment": (2, 2),
    "similarity": (2, 2),
    "choice": (1, None),
    "regression": (1, None),
}


class TaskSchema(Settings):
    """Which columns hold what, and what the labels are; saved with a model in `model.json`."""

    kind: Kind
    """classification, entailment, similarity, choice or regression."""
    text: tuple[str, ...]
    """Columns of the texts, in the order the model reads them."""
    choices: tuple[str, ...] = ()
    """Multiple choice: one column with a list of answers, or a column for each answer."""
    label: str | None = None
    """Column of the label."""
    answer_labels: AnswerRule | None = None
    """Multiple choice: how a label names the right answer: index0, index1, letter or text."""
    classes: tuple[str, ...] = ()
    """The classes in the order of the model's outputs; of two, the second is the positive one. Empty for scores."""
    low: float | None = None
    """Scores: the lowest one seen in training."""
    high: float | None = None
    """Scores: the highest one seen in training."""
    metric: str | None = None
    """The metric that decides; None means the usual one for these labels."""
    cutting: Cutting = "equal"
    """How an example that is too long is cut: equal (the paper) or fill."""

    @model_validator(mode="after")
    def _labels_fit_the_kind(self) -> TaskSchema:
        fewest, most = TEXT_COLUMNS[self.kind]
        if len(self.text) < fewest or (most is not None and len(self.text) > most):
            wanted = f"{fewest}" if most == fewest else f"{fewest} or more"
            raise SettingsError(f"{self.kind} takes {wanted} text columns; given: {', '.join(self.text) or 'none'}")
        if len(set(self.classes)) != len(self.classes):
            raise SettingsError(f"the classes {', '.join(self.classes)} are not all different")
        if self.kind in ("choice", "regression") and self.classes:
            raise SettingsError(f"{self.kind} has no classes; given: {', '.join(self.classes)}")
        return self

    @property
    def combine(self) -> Combine:
        """How the sequences of an example meet in the head: one, added, or a choice among them."""
        return COMBINE.get(self.kind, "one")

    @property
    def graded(self) -> bool:
        """Whether labels are scores: always in regression, in similarity unless it has classes."""
        return self.kind == "regression" or (self.kind == "similarity" and not self.classes)

    def target(self, label: Label) -> int | float:
        """The label as the model learns it: index of the class or of the answer, or the score.

        Raises:
            DataError: the class is not one of the schema's.
        """
        if self.graded:
            return float(label)
        if self.kind == "choice":
            return int(label)
        if label not in self.classes:
            raise DataError(f"label {label!r} is none of the classes {', '.join(self.classes)}")
        return self.classes.index(str(label))

    def to_dict(self) -> dict[str, Any]:
        """The schema as JSON knows it."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TaskSchema:
        """The schema that `to_dict` gave.

        Raises:
            SettingsError: something in it is missing, unknown or of another type.
        """
        return cls(**values)
