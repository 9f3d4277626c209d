"""What is wrong with a file, row by row: all of it is found before anything is done with the rest."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Any, Literal

from foretext.byte_streams import legacy_reading
from foretext.errors import DataError

MOST_BITS = 14_000  # of a whole number; Python writes none of more than 4,300 digits
SHOWN = 10  # problems that a message names; all are counted


class Problems:
    """Collects the bad rows of one file; `check` raises them together.

    With `stop` the first one is raised at once, for streams that cannot be looked at as a whole. `unit` is what is
    counted: lines of a file, or rows, where they have no lines of their own.
    """

    def __init__(self, source: str, *, stop: bool = False) -> None:
        self.source = source
        self.count = 0
        self.rows = 0  # that are bad: more than problems where a quotation mark swallows rows
        self.unit: Literal["line", "row"] = "line"
        self._stop = stop
        self._first: list[tuple[int, int, str]] = []  # line, order of finding, message

    def add(self, line: int, problem: str, *, column: str | None = None, place: str = "", rows: int = 1) -> None:
        """Notes what is wrong in `line`, and in which column; `place` is what to call the line instead.

        `rows` is how many it makes bad, behind a quotation mark that is not closed as many as there are lines.
        """
        self.count += 1
        self.rows += rows
        place = f"{place or self.place(line)}: " + (f"column {column!r}: " if column is not None else "")
        insort(self._first, (line, self.count, place + problem))
        del self._first[SHOWN:]
        if self._stop:
            self.check()

    def place(self, line: int) -> str:
        """What to call a row: `a.csv:3`, or `a.json, row 3`."""
        return f"{self.source}:{line}" if self.unit == "line" else f"{self.source}, row {line}"

    def named(self) -> list[tuple[str, str]]:
        """The problems with the lowest line numbers, as place and message."""
        return [(self.place(line), message) for line, _, message in self._first]

    @property
    def first(self) -> str:
        """The problem with the lowest line number, or nothing."""
        return self._first[0][2] if self._first else ""

    def check(self) -> None:
        """Nothing, if nothing was found.

        Raises:
            DataError: the problems with the lowest line numbers, and how many there are in all.
        """
        if not self.count:
            return
        messages = [message for _, _, message in self._first]
        if self.count == 1:
            raise DataError(messages[0])
        rest = "" if self.count == len(messages) else f" The first {len(messages)}:"
        raise DataError(
            "\n".join([f"{self.source}: {self.count:,} problems; mend them and try again.{rest}", *messages])
        )


def counted(count: int, noun: str) -> str:
    """A number of things in words: "1 row", "2,000 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def text_problem(text: str) -> str | None:
    """Why a cell is not text that can be worked with, or None.

    Bytes that are not UTF-8 are recognised by the marks that `errors="surrogateescape"` leaves.
    """
    if "\0" in text:
        place = counted(text.index("\0"), "character")
        return f"a NUL byte after {place}; the file is not plain text, or UTF-16 without its mark: save it as UTF-8"
    return _bytes_problem(text)


def cell_problem(cell: Any) -> str | None:
    """The same of a cell that is no part of a text file, or of what is inside it if it is a list or an object."""
    if isinstance(cell, str):
        if "\0" in cell:
            return f"a NUL character after {counted(cell.index(chr(0)), 'character')}, which no text has; take it out"
        return _bytes_problem(cell)
    if isinstance(cell, int):
        return "a whole number has thousands of digits" if cell.bit_length() > MOST_BITS else None
    parts = cell.values() if isinstance(cell, Mapping) else cell if isinstance(cell, list | tuple) else ()
    return next((problem for part in parts if (problem := cell_problem(part))), None)


def byte_problem(error: UnicodeDecodeError) -> str:
    """That bytes are not UTF-8, and where."""
    byte = error.object[error.start]
    place = counted(len(error.object[: error.start].decode("utf-8", "replace")), "character")
    return f"not UTF-8: byte 0x{byte:02X} after {place} ({legacy_reading(byte)}); save the file as UTF-8"


def _bytes_problem(text: str) -> str | None:
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code, place = ord(text[error.start]), f"after {counted(error.start, 'character')}"
        if 0xDC80 <= code <= 0xDCFF:
            byte = code - 0xDC00
            return f"not UTF-8: byte 0x{byte:02X} {place} ({legacy_reading(byte)}); save the file as UTF-8"
        return f"half a surrogate pair (\\u{code:04x}) {place}"
    return None
