"""Rows, wherever they are: a file of CSV, TSV, JSON or Parquet, standard input ("-"), or what is in memory."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, cast, get_args

from foretext.byte_streams import COMPRESSED, decompressed, in_utf8, with_start
from foretext.errors import DataError, SettingsError
from foretext.files import disk_errors
from foretext.tasks.files.delimited import Quoting, Row, delimited, looks_quoted
from foretext.tasks.files.json_rows import json_rows
from foretext.tasks.files.memory import GIVEN, orders_of, read_given
from foretext.tasks.files.parquet import open_parquet
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.separators import IN_WORDS, check_separator, named_separator
from foretext.texts.showing import visible

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
READ_ENDINGS: dict[str, Format] = {**ENDINGS, ".json": "jsonl"}  # an array or lines, which its first mark tells
_WORKBOOK, _ARCHIVE = "is a workbook; save the table as CSV", "is an archive; unpack it"
NOT_READ = {
    ".xlsx": _WORKBOOK,
    ".xls": _WORKBOOK,
    ".ods": _WORKBOOK,
    ".zip": _ARCHIVE,
    ".tar": _ARCHIVE,
    ".7z": _ARCHIVE,
}
DELIMITERS = {"csv": ",", "tsv": "\t"}
STANDARD = "-"
LONGEST_HEADER = 1 << 20  # bytes
AHEAD = 1_024  # rows of JSON that are read before its columns are said


@dataclass(frozen=True)
class TableOptions:
    """How a file is to be read, where its name and content leave it open."""

    format: Format | None = None  # None: by the ending of the file's name
    quoting: Quoting = "auto"  # auto: CSV is quoted, TSV as its content shows
    delimiter: str | None = None  # CSV and TSV: what separates cells, or its name; None: as the format says
    header: bool = True  # CSV and TSV: whether the first row names the columns; otherwise they are "1", "2", ...


@dataclass(frozen=True)
class FileBytes:
    """A file that is in memory: what it is called, and what it holds."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Table:
    """Open rows. `columns` are known before the first row is taken; rows can be taken once."""

    source: str
    columns: tuple[str, ...]  # in JSON, those of the rows that were read ahead, in the order in which they first come
    rows: Iterator[Row]
    format: Format  # of rows in memory, that in which their cells would stay what they are
    quoting: Quoting = "none"  # what was found where it was to be found out
    separator: str = ""  # what separates cells, where that is not what the format says
    in_memory: bool = False
    nameless: tuple[str, ...] = ()  # columns of texts that have no names in memory, in their order: all are texts
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of names in columns whose type has an order

    @property
    def how(self) -> str:
        """How it was read, in words: "TSV, no quoting"."""
        if self.in_memory:
            return "in memory"
        if self.separator:
            return f"{self.format.upper()}, separated by {IN_WORDS.get(self.separator, repr(self.separator))}"
        return self.format.upper() + (", no quoting" if self.format == "tsv" and self.quoting == "none" else "")


@contextmanager
def open_table(
    data: Any, options: TableOptions | None = None, *, problems: Problems | None = None, ahead: int | None = AHEAD
) -> Iterator[Table]:
    """The rows of a file (its path or its bytes) or of what is in memory (`memory.py`), one by one, in bounded memory.

    Bad rows are left out and noted in `problems`, which the caller checks at the end; without it the first bad row
    is an error. Rows of JSON and in memory may differ in keys: `columns` are those of the first `ahead`, None for all
    rows, which are then in memory.

    Raises:
        DataError: the file is missing, empty, no text, its cells are separated by something else than what is said, or
            (without `problems`) it has a bad row.
        SettingsError: its format cannot be told from its name.
    """
    options = options or TableOptions()
    problems = problems or Problems(source_of(data), stop=True)
    if not is_path(data) and not isinstance(data, FileBytes):
        columns, nameless, rows = read_given(data, problems, ahead)
        yield Table(problems.source, columns, rows, "jsonl", in_memory=True, nameless=nameless, orders=orders_of(data))
        return
    kind = format_of(data.name if isinstance(data, FileBytes) else data, options.format, READ_ENDINGS)
    with ExitStack() as stack:
        file = decompressed(stack.enter_context(_opened(data)), problems.source)
        if not file.peek(1):
            raise DataError(f"{problems.source} is empty")
        if kind == "parquet":
            problems.unit = "row"
            columns, rows = open_parquet(stack.enter_context(_seekable(file)), problems)
            yield Table(problems.source, columns, rows, "parquet")
            return
        file = in_utf8(file, problems.source)
        if kind == "jsonl":
            yield _json(stack.enter_context(_as_text(file)), problems, ahead)
            return
        separator = DELIMITERS[kind] if options.delimiter is None else named_separator(options.delimiter)
        if options.header and options.delimiter is None:
            file = _separated(file, separator, problems.source)
        whole: BinaryIO = file
        if separator == "\t" and options.quoting == "auto":
            whole = stack.enter_context(_seekable(file))
        yield _delimited(stack.enter_context(_as_text(whole)), kind, separator, options, problems)


def iterate_rows(data: Any, options: TableOptions | None = None) -> Iterator[Row]:
    """The rows of a file or of what is in memory with bounded memory; the first bad one is a `DataError`."""
    with open_table(data, options) as table:
        yield from table.rows


def is_path(data: Any) -> bool:
    """Whether `data` says where a file is, and is not itself what is to be read."""
    return isinstance(data, str | PurePath)


def format_of(
    path: Path | str, given: Format | None = None, endings: Mapping[str, Format] = MappingProxyType(ENDINGS)
) -> Format:
    """The format of a file: the one given, else by the ending of its name; one that is read may be compressed.

    Raises:
        SettingsError: it has an unknown ending, or is standard input.
    """
    if given is not None:
        return given
    name = Path(path)
    if endings is READ_ENDINGS and name.suffix.lower() in COMPRESSED:
        name = name.with_suffix("")
    ending = name.suffix.lower()
    if ending in endings:
        return endings[ending]
    if endings is READ_ENDINGS and ending in NOT_READ:
        raise SettingsError(f"{source_of(path)} {NOT_READ[ending]}")
    what = source_of(path) + (" has no file name" if str(path) == STANDARD else f" ends in {ending or 'nothing'!r}")
    say = "--format" if endings is READ_ENDINGS else "--out-format"
    raise SettingsError(f"{what}: name it {', '.join(endings)}, or say {say} {'|'.join(FORMATS)}")


def source_of(data: Any) -> str:
    """What to call a file, or what is in memory, in messages."""
    if isinstance(data, FileBytes):
        return visible(data.name)
    if not is_path(data):
        return GIVEN
    return "standard input" if str(data) == STANDARD else visible(str(data))


@contextmanager
def _opened(path: Path | str | FileBytes) -> Iterator[io.BufferedReader]:
    if isinstance(path, FileBytes):
        yield io.BufferedReader(cast(io.RawIOBase, io.BytesIO(path.content)))
        return
    if str(path) == STANDARD:
        yield cast(io.BufferedReader, sys.stdin.buffer)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(path).open("rb"))
        except FileNotFoundError:
            raise DataError(f"there is no file {source_of(path)}") from None
        except OSError as error:
            raise DataError(f"{source_of(path)} cannot be read: {error.strerror}") from error
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


def _separated(file: io.BufferedReader, expected: str, source: str) -> io.BufferedReader:
    """The file as it was, if what is expected separates the cells of its header."""
    start = file.tell() if file.seekable() else None
    lines = [file.readline(LONGEST_HEADER), file.readline(LONGEST_HEADER)]
    check_separator(source, [line.decode("utf-8", "replace") for line in lines], expected)
    if start is None:
        return with_start(b"".join(lines), file)
    file.seek(start)
    return file


def _delimited(
    text: io.TextIOWrapper, kind: Format, separator: str, options: TableOptions, problems: Problems
) -> Table:
    quoting = options.quoting
    if quoting == "auto":
        quoting = "minimal" if separator != "\t" or looks_quoted(text, separator) else "none"
    columns, rows = delimited(
        text, delimiter=separator, quoted=quoting == "minimal", header=options.header, problems=problems
    )
    said = "" if separator == DELIMITERS[kind] else separator
    return Table(problems.source, columns, rows, kind, quoting, said)


def _json(text: io.TextIOWrapper, problems: Problems, ahead: int | None) -> Table:
    """The rows of JSON, of which so many are read before the columns are said."""
    rows = json_rows(text, problems)
    first = deque(islice(rows, ahead))
    if not first:
        problems.check()
        raise DataError(f"{problems.source} is empty: it holds no row")
    columns = dict.fromkeys(name for row in first for name in row.values)
    return Table(problems.source, tuple(columns), _chain(first, rows), "jsonl")


def _chain(first: deque[Row], rest: Iterator[Row]) -> Iterator[Row]:
    while first:
        yield first.popleft()
    yield from rest
