"""Labelled examples for training and validation, from a person's files or a published task, and what was understood."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from foretext.errors import SettingsError
from foretext.settings import Settings, flag
from foretext.tasks.catalogue import find_task
from foretext.tasks.cutting import Cutting, usual_cutting
from foretext.tasks.examples import AnswerRule, Example
from foretext.tasks.files.delimited import Quoting
from foretext.tasks.files.tables import Format, TableOptions
from foretext.tasks.kinds import Kind
from foretext.tasks.labels.form import LabelOptions, LabelType
from foretext.tasks.reading import Beside, read_examples, read_labelled
from foretext.tasks.schema import TaskSchema
from foretext.tasks.splitting import stratified_split
from foretext.tasks.task import Task

DATA_FOLDER = "FORETEXT_DATA"  # environment variable: the folder with published tasks, in `tasks/NAME/` or `NAME/`

OWN = ("kind", "text", "choices", "label", "labels", "answer_labels", "separator", "order")  # what a task says itself

log = logging.getLogger(__name__)


class FileSettings(Settings):
    """How a labelled file is read, where its name and content leave it open."""

    format: Format | None = None
    """csv, tsv, jsonl or parquet. Not given: by the ending of the file's name."""
    quoting: Quoting = "auto"
    """minimal: cells may be in double quotes; none: quotes are text. auto: CSV is quoted, TSV as its content shows."""
    delimiter: str | None = None
    """What separates the cells of CSV and TSV, such as ';', or comma, semicolon, tab, bar, space. Not given: a comma in
    CSV, a tab in TSV; a header that is separated otherwise is refused."""
    header: bool = True
    """Whether the first row of CSV and TSV names the columns; otherwise they are called 1, 2, …"""
    allow_unknown: bool = False
    """Go on though more than half of the text is of characters that the vocabulary has no piece for."""

    def options(self) -> TableOptions:
        """The same, as `open_table` takes it."""
        return TableOptions(format=self.format, quoting=self.quoting, delimiter=self.delimiter, header=self.header)


class ExamplesSettings(Settings):
    """Where labelled examples are and what their columns mean."""

    data: Path | None = None
    """File with the training examples (CSV, TSV, JSON or Parquet); with --task, the task's folder."""
    valid: Path | None = None
    """File with the validation examples; its labels are read as those of training."""
    task: str | None = None
    """A published task instead of --kind and columns, read from --data or below FORETEXT_DATA. A metric and a positive
    class may be said beside it."""
    kind: Kind | None = None
    """What is asked of a text: the kind of task. Not given: guessed from columns and labels, and said."""
    text: tuple[str, ...] = ()
    """Column of a text; give it once for each text, in order. Not given: guessed, and said."""
    choices: tuple[str, ...] = ()
    """Multiple choice: the column with the list of answers, or once for each answer's column."""
    label: str | None = None
    """Column of the label."""
    labels: LabelType = "auto"
    """Whether the labels of pairs are classes or scores: auto, class or score."""
    answer_labels: AnswerRule | None = None
    """Multiple choice: how a label names the right answer: index0, index1, letter or text."""
    positive: str | None = None
    """Which of two classes is the positive one."""
    separator: str | None = None
    """Multi-label: what stands between names in a cell of text. Not given: the first of | ; , that a cell has; it is
    said."""
    order: tuple[str, ...] = ()
    """Ordinal: the classes from the lowest to the highest, with commas between or one by one. Not given: numbers by
    size, or as known words such as low, medium, high stand; it is said."""
    metric: str | None = None
    """The metric that decides. Not given: accuracy for classes and answers, Pearson's correlation for scores, quadratic
    weighted kappa for classes in an order, F1 over all labels together for sets of them."""
    cutting: Cutting | None = None
    """How an example that is too long is cut: equal shares for its fields, as the paper; fill, so that room that a
    short field leaves goes to the longer ones; beginning or end: question and answers stay whole, the document before
    them keeps its beginning or end. Not given: beginning for a document, a question and answers, else equal."""
    read_twice: bool = False
    """Read the texts a second time behind a delimiter, so that what is read of them has seen all of them: the decoder
    sees only what stands before a token. It doubles the length. For choice no delimiter stands between the two
    readings; the only one stands before the answer."""
    file: FileSettings = FileSettings()

    def as_read(self, schema: TaskSchema) -> TaskSchema:
        """The schema with how the model reads an example, whatever its labels."""
        usual = usual_cutting(len(schema.text), has_answers=schema.task_kind.has_answers)
        return schema.model_copy(update={"cutting": self.cutting or usual, "read_twice": self.read_twice})

    def label_options(self) -> LabelOptions:
        """What is said of the labels."""
        order = tuple(name.strip() for names in self.order for name in names.split(",") if name.strip())
        return LabelOptions(
            labels=self.labels,
            answer_labels=self.answer_labels,
            positive=self.positive,
            separator=self.separator,
            order=order,
        )


class LabelledDataSettings(ExamplesSettings):
    """The same to train on: what is split off of the examples, and how many are taken."""

    valid: Path | None = None
    """File with the validation examples. Not given: a share of the training examples is split off."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training examples to validate on when there is no --valid."""
    train_rows: int = Field(0, ge=0)
    """Train on so many examples, drawn by the seed; 0 means all."""


@dataclass(frozen=True)
class LabelledData:
    """Examples as text, and the schema of the task they teach."""

    schema: TaskSchema
    train: Sequence[Example]
    valid: Sequence[Example]
    allow_unknown: bool = False  # whether most of their text may be unknown to a model
    beside: Sequence[Beside] = ()  # some examples of the training file, where it has columns that are not read
    published: str | None = None  # the name of the published task that they are

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all texts, labels and weights that are not 1, in order."""
        digest = hashlib.sha256()
        for example in (*self.train, *self.valid):
            weight = () if example.weight == 1 else (example.weight,)
            digest.update(json.dumps([example.texts, example.choices, example.label, *weight]).encode())
        return digest.hexdigest()


def read_labelled_data(
    settings: LabelledDataSettings, *, seed: int, data: Any = None, valid: Any = None
) -> LabelledData:
    """The examples that `settings` name; how they were understood is logged.

    `data` and `valid` are examples in memory, in any form that `foretext.tasks.files.memory` reads, in place of files.

    Raises:
        SettingsError: it is not said what to read.
        DataError: a file cannot be used; all its bad rows are named together.
    """
    given = read_as_given(settings, data=data, valid=valid)
    return limited(_with_validation(given, settings, seed), settings.train_rows, seed)


def read_as_given(settings: ExamplesSettings, *, data: Any = None, valid: Any = None) -> LabelledData:
    """The same before anything is split off or drawn: `valid` is empty where it has no examples of its own."""
    if settings.task is not None:
        if data is not None or valid is not None or settings.valid is not None:
            raise SettingsError(f"{settings.task} has examples of its own; give either the task or examples")
        return _published(settings, settings.task)
    data = settings.data if data is None else data
    if data is None:
        raise SettingsError("give --data, the file with the examples (or --task, a published one)")
    return _labelled(settings, data, settings.valid if valid is None else valid)


def published_tests(settings: ExamplesSettings) -> dict[str, Sequence[Example]]:
    """The test splits of the published task that `settings` name, those that are there, labelled or not."""
    if settings.task is None:
        return {}
    task = find_task(settings.task)
    root = published_root(settings.data, task)
    return {split: task.rows(root, split) for split in task.splits(root) if split.startswith("test")}


def published_root(data: Path | None, task: Task) -> Path:
    """The folder in or below which a published task is looked for: `data`, else that of FORETEXT_DATA.

    Raises:
        SettingsError: there is neither.
    """
    if data is not None:
        return data
    if not os.environ.get(DATA_FOLDER):
        raise SettingsError(
            f"where is {task.name}? Give its folder as --data, or set {DATA_FOLDER}; it comes from {task.url} "
            f"({task.source}; licence: {task.licence})"
        )
    return Path(os.environ[DATA_FOLDER])


def published_schema(settings: ExamplesSettings, task: Task, examples: Sequence[Example]) -> TaskSchema:
    """The schema that examples of a published task teach, with the metric and the positive class that `settings` name.

    Raises:
        SettingsError: they do not fit its labels, or what the task says itself is said beside it.
    """
    fields = type(settings).model_fields
    if given := [flag(name) for name in OWN if getattr(settings, name) != fields[name].default]:
        raise SettingsError(
            f"{task.name} has examples and columns of its own; give none beside it: leave out {', '.join(given)}"
        )
    return task.schema(examples, positive=settings.positive, metric=settings.metric)


def _published(settings: ExamplesSettings, name: str) -> LabelledData:
    task = find_task(name)
    root = published_root(settings.data, task)
    train = task.read(root, "train")
    valid = task.read(root, "valid").examples if "valid" in task.splits(root) else ()
    log.info("%s, %s (%s, licence: %s)", task.name, task.kind, task.source, task.licence)
    if train.unlabelled:
        log.info("%s training rows have no label and are left out", f"{train.unlabelled:,}")
    schema = settings.as_read(published_schema(settings, task, train.examples))
    return LabelledData(schema, train.examples, valid, settings.file.allow_unknown, published=task.name)


def _labelled(settings: ExamplesSettings, data: Any, valid: Any) -> LabelledData:
    options = settings.file.options()
    reading = read_examples(
        data,
        kind=settings.kind,
        text=settings.text,
        choices=settings.choices,
        label=settings.label,
        labels=_label_options(settings, data),
        metric=settings.metric,
        options=options,
        say=log.info,
    )
    _say(reading.found())
    schema = settings.as_read(reading.schema)
    found = LabelledData(schema, reading.examples, (), settings.file.allow_unknown, reading.beside)
    if valid is None:
        return found
    read = read_labelled(valid, schema, options=options)
    _say(read.lines())
    return replace(found, valid=read.examples)


def _label_options(settings: ExamplesSettings, data: Any) -> LabelOptions:
    """What is said of the labels; an `Example` counts its answers from 0."""
    options = settings.label_options()
    counted = isinstance(data, Sequence) and any(isinstance(one, Example) and one.choices for one in data[:1])
    return replace(options, answer_labels="index0") if counted and options.answer_labels is None else options


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        log.info(line)


def _with_validation(data: LabelledData, settings: LabelledDataSettings, seed: int) -> LabelledData:
    if data.valid:
        return data
    train, valid = stratified_split(data.train, data.schema.labels, share=settings.validation, seed=seed)
    log.info(
        "no --valid: %s of the %s examples are held out for validation, each class in proportion (seed %d)",
        f"{len(valid):,}",
        f"{len(data.train):,}",
        seed,
    )
    return replace(data, train=train, valid=valid)


def limited(data: LabelledData, rows: int, seed: int) -> LabelledData:
    """`data` with `rows` of its training examples, drawn by `seed`; 0 means all."""
    if not rows or rows >= len(data.train):
        return data
    log.info("training on %s of %s examples, drawn with seed %d", f"{rows:,}", f"{len(data.train):,}", seed)
    return replace(data, train=drawn(data.train, rows, seed))


def drawn(examples: Sequence[Example], rows: int, seed: int) -> list[Example]:
    """`rows` of the examples, in their order; a smaller draw of the same seed is part of a larger one."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(examples))[:rows]
    return [examples[index] for index in sorted(order)]
