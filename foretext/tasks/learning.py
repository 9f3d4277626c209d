"""The schema that labelled examples teach: their classes, or the range of their scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foretext.errors import DataError, SettingsError, UnknownName
from foretext.tasks.examples import AnswerRule, Example, Kind
from foretext.tasks.files.columns import Columns
from foretext.tasks.labels import natural_order
from foretext.tasks.metrics import metrics_for
from foretext.tasks.schema import TaskSchema


def learn_schema(
    examples: Sequence[Example],
    *,
    kind: Kind,
    columns: Columns,
    answer_labels: AnswerRule | None = None,
    positive: str | None = None,
    metric: str | None = None,
    source: str = "the training data",
) -> TaskSchema:
    """The schema of a task from all its training examples, each of which has a label.

    Classes stand in natural order; of two, `positive` goes second. `source` is what messages call the data.

    Raises:
        DataError: there are no examples, one class only, or as many classes as examples.
        UnknownName: `positive` is none of the classes, or the metric is not known.
        SettingsError: the metric does not fit the labels.
    """
    if not examples:
        raise DataError(f"{source} has no labelled examples")
    names = [example.label for example in examples if isinstance(example.label, str)]
    scores = [float(example.label) for example in examples if isinstance(example.label, int | float)]
    schema = TaskSchema(
        kind=kind,
        text=columns.text,
        choices=columns.choices,
        label=columns.label,
        answer_labels=answer_labels,
        classes=_classes(names, positive, source) if names else (),
        low=min(scores) if scores and kind != "choice" else None,
        high=max(scores) if scores and kind != "choice" else None,
        metric=metric,
    )
    if schema.low is not None and schema.low == schema.high:
        raise DataError(f"{source}: every label is {schema.low:g}; there is nothing to learn")
    metrics_for(schema)
    return schema


def _classes(labels: Iterable[str], positive: str | None, source: str) -> tuple[str, ...]:
    labels = list(labels)
    classes = natural_order(labels)
    if len(classes) == 1:
        raise DataError(f"{source}: every label is {classes[0]!r}; a task needs two classes at least")
    if len(classes) == len(labels) > 2:
        raise DataError(
            f"{source}: each of {len(labels):,} rows has a label of its own, such as {labels[0]!r}; "
            "is this the label column? For scores say --kind regression"
        )
    if positive is None:
        return classes
    if positive not in classes:
        raise UnknownName("class", positive, classes)
    if len(classes) > 2:
        raise SettingsError(f"a positive class is for two classes; there are {len(classes)}: {', '.join(classes)}")
    return (next(name for name in classes if name != positive), positive)
