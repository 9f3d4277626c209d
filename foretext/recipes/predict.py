"""A fine-tuned model and a file of examples become the same file with answers, streaming and in input order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import DataError, SettingsError
from foretext.group import current
from foretext.notebook import shows_itself
from foretext.progress import Progress, progress
from foretext.recipes.settings.predict import PredictSettings
from foretext.serving.int8_report import compare, require
from foretext.serving.predictor import Predictor
from foretext.tasks.examples import Example
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import STANDARD, Table, open_table, source_of
from foretext.tasks.files.writing import write_rows
from foretext.tasks.official import OfficialSet, official_set
from foretext.tasks.reading import read_labelled, unlabelled
from foretext.tasks.schema import TaskSchema
from foretext.tasks.unread import Unread

log = logging.getLogger(__name__)


@shows_itself
@dataclass(frozen=True, repr=False)
class Predicted:
    """How many rows were answered, where they are, and what of them the model did not get to see."""

    rows: int
    out: str
    unread: Unread

    def lines(self) -> list[str]:
        return [] if self.out == "-" else [f"{self.rows:,} rows with predictions written to {self.out}"]

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "out": self.out, **self.unread.to_json()}


def predict(settings: PredictSettings) -> Predicted:
    """Writes the input's columns plus `prediction` and, for classes and answers, probabilities.

    Classes get a column each, `probability_CLASS`; multiple choice gets one, `probabilities`, with a list, and its
    prediction is the index of the answer from 0, however the labels of training named it.

    Raises:
        ModelError: the model is missing, damaged, or has no task.
        DataError: a row cannot be used, a column of the input would be overwritten, or more than half of all tokens
            are unknown to the model and `allow_unknown` is off; no file is written then.
        SettingsError: it is not said what to answer, the model does not answer that published task, or it reads another
            number of texts.
    """
    return predict_from(load_named(settings.model), settings.data, settings)


def predict_from(saved: SavedModel, data: Any, settings: PredictSettings) -> Predicted:
    """The same from a model in memory, for a file or a table in memory."""
    if current().world > 1 and str(data) == STANDARD:
        raise SettingsError("standard input goes to one process; several need a file to read")
    predictor = _predictor(saved, settings)
    schema = predictor.schema
    if official := set_to_answer(saved, data, schema, settings):
        data, schema = official.rows(), schema.with_columns(**official.columns)
    else:
        schema = schema.with_columns(text=settings.text, choices=settings.choices)
    unread = predictor.unread()
    with open_answers(predictor, schema, data, settings, unread) as (table, rows):
        out_format = settings.out_format or (table.format if settings.out == STANDARD else None)
        answered = ({**row.values, **answer} for row, answer in rows)
        # Process 0 writes what all have answered.
        count = sum(1 for _ in answered) if current().rank else write_rows(settings.out, answered, out_format)
    return Predicted(count, settings.out, unread)


def set_to_answer(saved: SavedModel, data: Any, schema: TaskSchema, settings: PredictSettings) -> OfficialSet | None:
    """The set of a published task that is asked for; None where `data` are a person's own examples.

    Raises:
        SettingsError: it is not said what to answer, or the model does not answer that task.
    """
    return official_set(
        data,
        task=settings.task,
        split=settings.split,
        columns=(*settings.text, *settings.choices),
        schema=schema,
        learned=saved.history.published,
    )


@contextmanager
def open_answers(
    predictor: Predictor, schema: TaskSchema, data: Any, settings: PredictSettings, unread: Unread
) -> Iterator[tuple[Table, Iterator[tuple[Row, dict[str, Any]]]]]:
    """The open rows of `data`, and each with the columns of its answer, in bounded memory.

    Behind the last row it is said what of all of them was not read, which `unread` counts.

    Raises:
        DataError: a row cannot be used, a column of an answer is there already, or too much is unknown to the model.
        UnknownName: a column of the schema is not there.
    """
    problems, options = Problems(source_of(data), stop=True), settings.file.options()
    with open_table(data, options, problems=problems) as table, progress("predicting", None, unit="rows") as bar:
        rows = unlabelled(table, schema, problems)
        answered = _answered(predictor, rows, table.source, settings.tokens_per_batch, bar, unread)
        yield table, _and_said(answered, unread, table.source, allowed=settings.file.allow_unknown)


def _and_said(
    rows: Iterator[tuple[Row, dict[str, Any]]], unread: Unread, source: str, *, allowed: bool
) -> Iterator[tuple[Row, dict[str, Any]]]:
    yield from rows
    unread.say(source, allowed=allowed)


def _predictor(saved: SavedModel, settings: PredictSettings) -> Predictor:
    """The model, ready to be asked; in int8 only once it has been compared with fp32.

    Raises:
        SettingsError: int8 without such a comparison, or a comparison without int8.
    """
    if settings.check is not None and settings.precision != "int8":
        raise SettingsError("--check compares int8 with fp32; add --precision int8")
    predictor = Predictor.of(saved, device=settings.device, precision=settings.precision)
    if settings.check is not None:
        examples = read_labelled(settings.check, predictor.schema, options=settings.file.options()).examples
        for line in compare(saved, predictor, examples, settings.check).lines():
            log.info("%s", line)
    elif settings.precision == "int8":
        require(saved)
    return predictor


def _answered(
    predictor: Predictor,
    rows: Iterable[tuple[Row, Example]],
    source: str,
    tokens_per_batch: int,
    bar: Progress,
    unread: Unread,
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Each row with the columns of its answer; rows wait only until their chunk is answered."""
    waiting: deque[Row] = deque()

    def examples() -> Iterator[Example]:
        for row, example in rows:
            waiting.append(row)
            yield example

    for prediction in predictor.stream(examples(), tokens_per_batch=tokens_per_batch, unread=unread):
        row = waiting.popleft()
        probabilities = list((prediction.probabilities or {}).values())
        answer = predictor.schema.labels.columns(prediction.label, probabilities)
        taken = sorted(answer.keys() & row.values.keys())
        if taken:
            raise DataError(f"{source} has a column {taken[0]!r} already; rename it, or predictions would overwrite it")
        bar.advance(1)
        yield row, answer
