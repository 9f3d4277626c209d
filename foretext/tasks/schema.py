"""What a model must remember of the task it was fine-tuned on, so that nobody has to say it twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import model_validator

from foretext.errors import DataError, SettingsError, UnknownName
from foretext.settings import Settings
from foretext.tasks.cutting import Cutting
from foretext.tasks.examples import AnswerRule, Example, Label
from foretext.tasks.files.columns import Columns
from foretext.tasks.files.problems import counted
from foretext.tasks.kinds import KINDS, Kind, TaskKind
from foretext.tasks.labels.form import LabelForm, LabelOptions
from foretext.tasks.metrics import METRICS

ALWAYS = {  # fields that stand in every file; later ones only where they say something
    *("kind", "text", "choices", "label", "answer_labels", "classes", "low", "high", "metric", "cutting"),
}


class TaskSchema(Settings):
    """Which columns hold what, and what the labels are; saved with a model in `model.json`."""

    kind: Kind
    """The kind of task, by its name in `KINDS`."""
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
    separator: str | None = None
    """Sets of labels: what stands between the names in a cell of text; None where cells are lists."""
    thresholds: tuple[float, ...] = ()
    """Sets of labels: the probability of each class from which on it is said, as validation has taught it."""
    low: float | None = None
    """Scores: the lowest one seen in training."""
    high: float | None = None
    """Scores: the highest one seen in training."""
    metric: str | None = None
    """The metric that decides; None means the usual one for these labels."""
    cutting: Cutting = "equal"
    """How an example that is too long is cut: equal (the paper), fill, beginning or end."""
    read_twice: bool = False
    """Whether the texts are read a second time: behind a delimiter, but for choice with nothing in between."""

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> TaskSchema:
        if not self.task_kind.takes(len(self.text)):
            wanted = self.task_kind.count_of_texts()
            raise SettingsError(f"{self.kind} takes {wanted} text columns; given: {', '.join(self.text) or 'none'}")
        if len(set(self.classes)) != len(self.classes):
            raise SettingsError(f"the classes {', '.join(self.classes)} are not all different")
        if self.classes and not self.labels.classes:
            raise SettingsError(f"{self.kind} has no classes; given: {', '.join(self.classes)}")
        return self

    @property
    def task_kind(self) -> TaskKind:
        """All that the kind decides."""
        return KINDS[self.kind]

    @property
    def labels(self) -> LabelForm:
        """What the labels are: how cells are read, what is learned of them, how answers are said."""
        return self.task_kind.labels(self)

    @property
    def times_read(self) -> int:
        """How often each text stands in a sequence."""
        return 2 if self.read_twice else 1

    def notes(self) -> list[str]:
        """What to know of the task before training."""
        note = self.task_kind.note
        return [note] if note and not self.read_twice else []

    @property
    def identity(self) -> tuple[object, ...]:
        """What two schemas share whose models answer the same questions."""
        return self.kind, self.text, frozenset(self.classes)

    @property
    def what_is_read(self) -> str:
        """The texts that the model reads, in words: "2 texts (premise, hypothesis)"."""
        return f"{counted(len(self.text), 'text')} ({', '.join(self.text)})"

    def with_columns(self, *, text: Sequence[str] = (), choices: Sequence[str] = ()) -> TaskSchema:
        """The same schema for data whose columns are called so; those that are not given are called as in training.

        Raises:
            SettingsError: they are not as many texts as the model reads, or answers where it reads none.
        """
        if text and len(text) != len(self.text):
            raise SettingsError(f"the model reads {self.what_is_read}; given: {', '.join(text)}")
        if choices and not self.task_kind.has_answers:
            raise SettingsError(f"--choices is for tasks with answers to choose among; {self.kind} has none")
        return self.model_copy(update={"text": tuple(text) or self.text, "choices": tuple(choices) or self.choices})

    def learned(self, labels: LabelForm) -> TaskSchema:
        """The same schema with labels of which more is known."""
        return self.model_copy(update=labels.remembered())

    def metrics(self) -> list[str]:
        """Names of the metrics that fit the labels, the one that decides first.

        Raises:
            UnknownName: the schema's metric is in no table.
            SettingsError: it does not fit the labels.
        """
        names = self.labels.metrics()
        if self.metric is None:
            return list(names)
        if self.metric not in METRICS:
            raise UnknownName("metric", self.metric, METRICS)
        if self.metric not in names:
            raise SettingsError(
                f"the metric {self.metric} does not fit {self.labels.noun}; those that do: {', '.join(names)}"
            )
        return [self.metric, *(name for name in names if name != self.metric)]

    def to_dict(self) -> dict[str, Any]:
        """The schema as JSON knows it, without what is as it was before there was a choice: runs of then stay known."""
        fields = type(self).model_fields
        unsaid = {name for name in fields if name not in ALWAYS and getattr(self, name) == fields[name].default}
        return self.model_dump(mode="json", exclude=unsaid)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TaskSchema:
        """The schema that `to_dict` gave.

        Raises:
            SettingsError: something in it is missing, unknown or of another type.
        """
        return cls(**values)


def learn_schema(
    examples: Sequence[Example],
    *,
    kind: TaskKind,
    columns: Columns,
    form: LabelForm | None = None,
    options: LabelOptions | None = None,
    metric: str | None = None,
    source: str = "the training data",
) -> TaskSchema:
    """The schema that all training examples of a task teach, each of which has a label.

    `form` is what their labels were read as, found from the labels if it is not given; `source` is what messages call
    the data.

    Raises:
        DataError: there are no examples, or nothing to learn from their labels.
        UnknownName: the positive class is none of the classes, or the metric is not known.
        SettingsError: the metric or an option does not fit the labels.
    """
    if not examples:
        raise DataError(f"{source} has no labelled examples")
    labels: list[Label] = [example.label for example in examples if example.label is not None]
    options = options or LabelOptions()
    learned = (form or kind.form_of_labels(labels, options)).learned(labels, options, source)
    schema = TaskSchema(
        kind=kind.name,
        text=columns.text,
        choices=columns.choices,
        label=columns.label,
        metric=metric,
        **learned.remembered(),
    )
    schema.metrics()
    return schema
