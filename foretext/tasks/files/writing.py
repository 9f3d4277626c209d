"""Rows to a file in any of the formats that can be read, whole or not at all; "-" is standard output."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, time
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from foretext.errors import DataError
from foretext.files import atomic_file
from foretext.leftovers import remove_dead
from foretext.tasks.files.parquet import write_parquet
from foretext.tasks.files.tables import DELIMITERS, STANDARD, Format, format_of, source_of

Rows = Iterable[Mapping[str, Any]]


def write_rows(path: Path | str, rows: Rows, format: Format | None = None) -> int:
    """Writes `rows` and returns how many there were; memory stays bounded.

    The columns of CSV, TSV and Parquet are those of the first row. What is no text goes into a cell of CSV or TSV as
    JSON (a list of answers), None as nothing.

    Raises:
        DataError: there is no row, or a row has another set of columns than the first or a type that does not fit.
        DiskFull: there is no space left; what was at `path` before is untouched.
    """
    kind = format_of(path, format)
    with _target(path) as file:
        return _WRITERS[kind](file, rows, source_of(path) if str(path) != STANDARD else "standard output")


@contextmanager
def _target(path: Path | str) -> Iterator[BinaryIO]:
    if str(path) == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    remove_dead(path)
    with atomic_file(path) as file:
        yield file


def _write_delimited(file: BinaryIO, rows: Rows, source: str, delimiter: str) -> int:
    columns, rows = _columns(rows, source)
    file.write(_line(columns, delimiter))
    count = 0
    for row in rows:
        count += 1
        file.write(_line([_cell(value) for value in _same(columns, row, count, source).values()], delimiter))
    return count


def _line(cells: Sequence[str], delimiter: str) -> bytes:
    """Cells as a line, quoted where they must be; the csv module leaves a lone carriage return unquoted."""
    must = re.compile(f'["\\r\\n{delimiter}]')
    quoted = ['"' + cell.replace('"', '""') + '"' if must.search(cell) or cells == [""] else cell for cell in cells]
    try:
        return (delimiter.join(quoted) + "\n").encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"a cell holds half a surrogate pair, which only .jsonl can: {error.object!a}") from None


def _write_json_lines(file: BinaryIO, rows: Rows, source: str) -> int:
    count = 0
    for row in rows:
        file.write(_json_line(row))
        count += 1
    return count


def _write_parquet(file: BinaryIO, rows: Rows, source: str) -> int:
    columns, rows = _columns(rows, source)
    return write_parquet(file, (_same(columns, row, number, source) for number, row in enumerate(rows, 1)), source)


def _json_line(row: Mapping[str, Any]) -> bytes:
    try:
        return (_json(row) + "\n").encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can only escape
        return (json.dumps(row, default=str) + "\n").encode("ascii")


_WRITERS: dict[Format, Callable[[BinaryIO, Rows, str], int]] = {
    "csv": lambda file, rows, source: _write_delimited(file, rows, source, DELIMITERS["csv"]),
    "tsv": lambda file, rows, source: _write_delimited(file, rows, source, DELIMITERS["tsv"]),
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
}


def _columns(rows: Rows, source: str) -> tuple[tuple[str, ...], Rows]:
    """The columns of the first row, and all rows."""
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        raise DataError(f"there is no row to write to {source}, so its columns are not known")
    return tuple(first), chain([first], iterator)


def _same(columns: tuple[str, ...], row: Mapping[str, Any], number: int, source: str) -> dict[str, Any]:
    """The row in the order of `columns`."""
    if row.keys() != set(columns):
        odd = ", ".join(sorted(row.keys() ^ set(columns)))
        raise DataError(f"{source}: row {number:,} and the first row differ in columns: {odd}; write .jsonl instead")
    return {name: row[name] for name in columns}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | date | time | Decimal):
        return str(value)
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
