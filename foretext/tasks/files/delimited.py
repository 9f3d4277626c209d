"""CSV and TSV to rows, with the line on which each row truly begins, quoted line breaks or not."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from foretext.errors import DataError
from foretext.tasks.files.problems import Problems, counted, text_problem

Quoting = Literal["auto", "minimal", "none"]

LONGEST_CELL = 1 << 24  # characters; a cell this long is a quotation mark that was never closed


@dataclass(frozen=True)
class Row:
    """One row: its cells by column name, and the line it begins on; where rows have no lines, its number from 1."""

    values: dict[str, Any]
    line: int


def delimited(
    file: TextIO, *, delimiter: str, quoted: bool, header: bool, problems: Problems
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The columns of an open file, and its good rows; the bad ones go to `problems`, the header's repetitions too.

    Without a header the columns are called "1", "2", … `file` is opened with `newline=""` and
    `errors="surrogateescape"`, so that bytes that are not UTF-8 can be reported with their line.

    Raises:
        DataError: there is no row at all, or the header is not a header.
    """
    records = _filled(_records(file, delimiter, quoted, problems), problems)
    first = next(records, None)
    if first is None:
        problems.check()
        raise DataError(f"{problems.source} is empty: it holds no row")
    line, cells = first
    if header:
        columns = _header(cells, line, problems.source)
        return columns, _rows(records, columns, problems)
    columns = tuple(str(number) for number in range(1, len(cells) + 1))
    return columns, _rows(_chain(first, records), columns, problems)


def looks_quoted(file: TextIO, delimiter: str) -> bool:
    """Whether a TSV uses quotation marks around cells, from all of it; `file` is back at its beginning afterwards.

    It does if only so every row has as many cells as the first. If rows are even both with and without, it does if
    the first row is quoted, or if every cell that begins with a mark has a doubled mark inside: programs that quote
    only where they must do so for no other reason.
    """
    widths, marked, doubled, first_row_marked = set(), 0, 0, False
    for number, line in enumerate(file):
        cells = line.rstrip("\r\n").split(delimiter)
        begins = [cell for cell in cells if cell.startswith('"')]
        marked += len(begins)
        doubled += sum('""' in cell for cell in begins)
        first_row_marked |= number == 0 and len(begins) == len(cells)
        if line.strip():
            widths.add(len(cells))
    file.seek(0)
    if not marked or not _even_when_quoted(file, delimiter):
        return False
    return len(widths) > 1 or first_row_marked or doubled == marked


def _even_when_quoted(file: TextIO, delimiter: str) -> bool:
    try:
        widths = {len(cells) for cells in _reader(file, delimiter, True) if cells}
    except csv.Error:
        widths = set()
    file.seek(0)
    return len(widths) == 1


def _reader(file: TextIO, delimiter: str, quoted: bool) -> Any:
    csv.field_size_limit(LONGEST_CELL)  # the default, 131,072, is less than a long document
    return csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=quoted)


def _records(file: TextIO, delimiter: str, quoted: bool, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on."""
    reader = _reader(file, delimiter, quoted)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(line, _in_plain_words(error, delimiter), rows=max(1, reader.line_num - line + 1))


def _filled(records: Iterator[tuple[int, list[str]]], problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The records that are not empty lines; an empty line with something behind it is a problem."""
    empty: list[int] = []
    for line, cells in records:
        if not cells:
            empty.append(line)
            continue
        for gap in empty:
            problems.add(gap, "an empty line between rows")
        empty.clear()
        yield line, cells


def _header(cells: list[str], line: int, source: str) -> tuple[str, ...]:
    times = Counter(cells)
    for cell in cells:
        problem = text_problem(cell)
        if problem:
            raise DataError(f"{source}:{line}: the header: {problem}")
        if times[cell] > 1:
            raise DataError(
                f"{source}:{line}: the header names {cell!r} twice; rename one, or say --no-header if this is a row"
            )
    return tuple(cells)


def _rows(records: Iterator[tuple[int, list[str]]], columns: tuple[str, ...], problems: Problems) -> Iterator[Row]:
    for line, cells in records:
        if again := _header_again(cells, columns):
            problems.add(line, again)
            continue
        if len(cells) != len(columns):
            problems.add(line, f"{counted(len(cells), 'cell')}, but the first row has {len(columns)}")
            continue
        wrong = next(((name, p) for name, cell in zip(columns, cells, strict=True) if (p := text_problem(cell))), None)
        if wrong:
            problems.add(line, wrong[1], column=wrong[0])
            continue
        yield Row(dict(zip(columns, cells, strict=True)), line)


def _header_again(cells: list[str], columns: tuple[str, ...]) -> str | None:
    """Why a row is no row but a header, as stands in the middle of files that were put together; None if it is one.

    Of a single column it is not sure: "text" may be a text.
    """
    if len(columns) < 2 or len(cells) != len(columns):
        return None
    names, again = ([cell.strip().lstrip("\ufeff").lower() for cell in some] for some in (columns, cells))
    if names == again:
        return "the header stands here again, as in a file put together of several; take this line out"
    if sorted(names) == sorted(again):
        return "the header stands here again in another order, as do the rows below it; mend this before you join files"
    return None


def _chain(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _in_plain_words(error: csv.Error, delimiter: str) -> str:
    if "field limit" in str(error):
        return (
            f"a cell that begins in this row has more than {LONGEST_CELL:,} characters: a quotation mark that is never "
            "closed, or a text to be cut into several"
        )
    if "unexpected end of data" in str(error):
        return "a quotation mark opens a cell that begins in this row and is never closed"
    if "expected after" in str(error):
        return (
            'text behind a closing quotation mark; double the marks inside a cell (""), '
            "or say --quoting none if the file does not quote"
        )
    return f"not readable: {error}"
