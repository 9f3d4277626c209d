"""A file of rows, whatever its format: CSV, TSV, JSON lines, Parquet; a path, or "-" for standard input."""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn, get_args

from foretext.errors import DataError, SettingsError
from foretext.files import disk_errors
from foretext.tasks.files.delimited import Quoting, Row, delimited, looks_quoted
from foretext.tasks.files.parquet import open_parquet
from foretext.tasks.files.problems import Problems, text_problem

Format = Literal["csv", "tsv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
DELIMITERS = {"csv": ",", "tsv": "\t"}
STANDARD = "-"


@dataclass(frozen=True)
class TableOptions:
    """How a file is to be read, where its name and content leave it open."""

    format: Format | None = None  # None: by the ending of the file's name
    quoting: Quoting = "auto"  # auto: CSV is quoted, TSV as its content shows
    header: bool = True  # CSV and TSV: whether the first row names the columns; otherwise they are "1", "2", ...


@dataclass(frozen=True)
class Table:
    """An open file of rows. `columns` are known before the first row is taken; rows can be taken once."""

    source: str
    columns: tuple[str, ...]  # in JSON lines, those of the first row
    rows: Iterator[Row]
    format: Format
    quoting: Quoting = "none"  # what was found where it was to be found out


@contextmanager
def open_table(
    path: Path | str, options: TableOptions | None = None, *, problems: Problems | None = None
) -> Iterator[Table]:
    """The rows of a file, one after the other, with bounded memory.

    Bad rows are left out and noted in `problems`, which the caller checks at the end; without it the first bad row
    is an error.

    Raises:
        DataError: the file is missing, empty, no text, or (without `problems`) has a bad row.
        SettingsError: its format cannot be told from its name.
    """
    options = options or TableOptions()
    kind = format_of(path, options.format)
    problems = problems or Problems(source_of(path), stop=True)
    with ExitStack() as stack:
        file = stack.enter_context(_opened(path))
        if not file.peek(1):
            raise DataError(f"{problems.source} is empty")
        if kind == "parquet":
            columns, rows = open_parquet(stack.enter_context(_seekable(file)), problems.source)
            yield Table(problems.source, columns, rows, "parquet")
            return
        _refuse_utf16(file, problems.source)
        if kind == "jsonl":
            yield _json_lines(stack.enter_context(_as_text(file)), problems)
            return
        if kind == "tsv" and options.quoting == "auto":
            file = stack.enter_context(_seekable(file))
        yield _delimited(stack.enter_context(_as_text(file)), kind, options, problems)


def format_of(path: Path | str, given: Format | None = None) -> Format:
    """The format of a file: the one given, else by the ending of its name.

    Raises:
        SettingsError: it has an unknown ending, or is standard input.
    """
    if given is not None:
        return given
    ending = Path(path).suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    what = source_of(path) + (" has no file name" if str(path) == STANDARD else f" ends in {ending or 'nothing'!r}")
    raise SettingsError(f"{what}: name it {', '.join(ENDINGS)}, or say --format {'|'.join(FORMATS)}")


def source_of(path: Path | str) -> str:
    """What to call a file in messages."""
    return "standard input" if str(path) == STANDARD else str(path)


@contextmanager
def _opened(path: Path | str) -> Iterator[Any]:
    if str(path) == STANDARD:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(path).open("rb"))
        except FileNotFoundError:
            raise DataError(f"there is no file {path}") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        yield file


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """`file`, or where it is a pipe, a temporary copy on disk of what comes out of it."""
    if file.seekable():
        yield file
        return
    with disk_errors(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


@contextmanager
def _as_text(file: BinaryIO) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()  # whoever opened the file closes it


def _refuse_utf16(file: Any, source: str) -> None:
    if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{source} is UTF-16; save it as UTF-8")


def _delimited(text: io.TextIOWrapper, kind: Format, options: TableOptions, problems: Problems) -> Table:
    delimiter, quoting = DELIMITERS[kind], options.quoting
    if quoting == "auto":
        quoting = "minimal" if kind == "csv" or looks_quoted(text, delimiter) else "none"
    columns, rows = delimited(
        text, delimiter=delimiter, quoted=quoting == "minimal", header=options.header, problems=problems
    )
    return Table(problems.source, columns, rows, kind, quoting)


def _json_lines(text: io.TextIOWrapper, problems: Problems) -> Table:
    rows = _json_rows(text, problems)
    first = next(rows, None)
    if first is None:
        problems.check()
        raise DataError(f"{problems.source} is empty: it holds no row")
    return Table(problems.source, tuple(first.values), _chain(first, rows), "jsonl")


def _json_rows(text: io.TextIOWrapper, problems: Problems) -> Iterator[Row]:
    empty: list[int] = []
    for line, content in enumerate(text, start=1):
        if not content.strip():
            empty.append(line)
            continue
        for gap in empty:
            problems.add(gap, "an empty line between rows")
        empty.clear()
        try:
            yield Row(_json_object(content), line)
        except ValueError as problem:
            problems.add(line, str(problem))


def _json_object(content: str) -> dict[str, Any]:
    """The object that a line holds; a `ValueError` says why there is none."""
    if problem := text_problem(content):
        raise ValueError(problem)
    try:
        values = json.loads(content, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(values, dict):
        raise ValueError("not a JSON object: a row is {...} with a value for each column")
    return values


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name} is not a number that JSON knows")


def _chain(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest
