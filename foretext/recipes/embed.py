"""A model and a file of texts become a vector for each row, in input order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import DataError, SettingsError
from foretext.files import atomic_file
from foretext.leftovers import remove_dead
from foretext.model.devices import find_device
from foretext.notebook import shows_itself
from foretext.progress import Progress, progress
from foretext.recipes.settings.embed import EmbedSettings
from foretext.serving.vectors import Vectors, vectors_of
from foretext.tasks.examples import Example
from foretext.tasks.files.columns import find_columns
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.memory import values_of
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import ENDINGS, is_path, iterate_rows, open_table, source_of
from foretext.tasks.files.writing import write_rows
from foretext.tasks.given import examples_given
from foretext.tasks.kinds import KINDS
from foretext.tasks.reading import unlabelled
from foretext.tasks.schema import TaskSchema
from foretext.tasks.unread import Unread

VECTOR = "vector"  # the column of vectors


@shows_itself
@dataclass(frozen=True, repr=False)
class Embedded:
    """How many vectors of which width there are, where, and what of the texts the model did not get to see."""

    rows: int
    width: int
    out: str
    unread: Unread

    def lines(self) -> list[str]:
        return [f"{self.rows:,} vectors of {self.width:,} numbers written to {self.out}"]

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "width": self.width, "out": self.out, **self.unread.to_json()}


def embed(settings: EmbedSettings) -> Embedded:
    """Writes a vector for each row of a file: an array in `.npy`, or beside the columns of the input in `.parquet`.

    What a vector is, says `foretext.serving.vectors`.

    Raises:
        SettingsError: `out` is neither.
        DataError: a row cannot be used, a column of the input is called `vector`, or more than half of all tokens are
            unknown to the model and `allow_unknown` is off; nothing is written then.
    """
    return embed_from(load_named(settings.model), settings.data, settings)


def embed_from(saved: SavedModel, data: Any, settings: EmbedSettings) -> Embedded:
    """The same from a model in memory, for a file or a table in memory."""
    write = _writer(settings.out)
    saved.gpt.to(find_device(settings.device))
    problems, options = Problems(source_of(data), stop=True), settings.file.options()
    with open_table(data, options, problems=problems) as table, progress("embedding", None, unit="rows") as bar:
        if VECTOR in table.columns:
            raise DataError(f"{table.source} has a column {VECTOR!r} already; rename it, or it would be overwritten")
        schema = text_schema(saved, table.columns, settings)
        unread = Unread(saved.tokenizer, saved.task)
        rows = _with_vectors(saved, unlabelled(table, schema, problems), settings, bar, unread)
        count = write(Path(settings.out), rows, saved.gpt.settings.width)
    return Embedded(count, saved.gpt.settings.width, settings.out, unread)


def embed_in_memory(saved: SavedModel, data: Any, settings: EmbedSettings) -> Vectors:
    """The vectors `(rows, width)` of a file, a table or a list of texts; `settings.out` is not looked at.

    Raises:
        DataError: an example cannot be used; its row is named. More than half of all tokens are unknown to the model,
            and `allow_unknown` is off.
    """
    source, unread = source_of(data), Unread(saved.tokenizer, saved.task)
    saved.gpt.to(find_device(settings.device))
    if is_path(data):
        data = (row.values for row in iterate_rows(data, settings.file.options()))
    values = values_of(data)
    first = list(islice(values, 1))
    columns = tuple(first[0]) if first and isinstance(first[0], Mapping) else settings.text or ("text",)
    examples = examples_given(chain(first, values), text_schema(saved, columns, settings))
    with progress("embedding", None, unit="rows") as bar:
        most = settings.tokens_per_batch
        chunks = [
            *vectors_of(
                saved,
                examples,
                pool=settings.pool,
                attend=settings.attend,
                tokens_per_batch=most,
                bar=bar,
                unread=unread,
            )
        ]
    unread.say(source, allowed=settings.file.allow_unknown)
    return np.concatenate([np.empty((0, saved.gpt.settings.width), np.float32), *chunks])


def text_schema(saved: SavedModel, columns: tuple[str, ...], settings: EmbedSettings) -> TaskSchema:
    """Which columns hold what the model reads: those of its task, or for a language model those that hold a text.

    Raises:
        SettingsError: a language model reads one text, and it is not known which; or these are another number of texts
            than the task has.
    """
    if saved.task is not None:
        return saved.task.with_columns(text=settings.text, choices=settings.choices)
    kind = KINDS["classification"]
    text = find_columns(columns, kind, text=settings.text).text
    if len(text) != 1:
        raise SettingsError(f"a language model reads one text; given: {', '.join(text)}")
    return TaskSchema(kind=kind.name, text=text)


def _with_vectors(
    saved: SavedModel, rows: Iterable[tuple[Row, Example]], settings: EmbedSettings, bar: Progress, unread: Unread
) -> Iterator[tuple[Row, Vectors]]:
    """Each row with its vector `(width,)`; rows wait only until their chunk is done.

    Behind the last row it is said what of all of them was not read.
    """
    waiting: deque[Row] = deque()

    def examples() -> Iterator[Example]:
        for row, example in rows:
            waiting.append(row)
            yield example

    chunks = vectors_of(
        saved,
        examples(),
        pool=settings.pool,
        attend=settings.attend,
        tokens_per_batch=settings.tokens_per_batch,
        bar=bar,
        unread=unread,
    )
    for vector in chain.from_iterable(chunks):
        yield waiting.popleft(), vector
    unread.say(source_of(settings.data), allowed=settings.file.allow_unknown)


def _writer(out: str) -> Any:
    if Path(out).suffix.lower() == ".npy":
        return _write_array
    if ENDINGS.get(Path(out).suffix.lower()) != "parquet":
        raise SettingsError(f"{out}: vectors go into a file that ends in .npy or .parquet")
    return _write_table


def _write_table(out: Path, rows: Iterable[tuple[Row, Vectors]], width: int) -> int:
    def with_vector() -> Iterator[Mapping[str, Any]]:
        for row, vector in rows:
            yield {**row.values, VECTOR: vector}

    return write_rows(out, with_vector(), "parquet")


def _write_array(out: Path, rows: Iterable[tuple[Row, Vectors]], width: int) -> int:
    """Writes the vectors as they come; the header, which says how many there are, is written again at the end."""
    count = 0
    remove_dead(out)
    with atomic_file(out, seeks=True) as file:
        begin = _write_header(file, 0, width)
        for _, vector in rows:
            file.write(vector.astype("<f4").tobytes())
            count += 1
        file.seek(0)
        assert _write_header(file, count, width) == begin, "numpy leaves room in a header for more rows"
    return count


def _write_header(file: BinaryIO, rows: int, width: int) -> int:
    """The length of the header, for so many rows, that `file` now begins with."""
    about = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    np.lib.format.write_array_header_1_0(file, about)
    return file.tell()
