"""JSON to rows: an object a line, or one array of objects, which is read piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TextIO

from foretext.tasks.files.delimited import Row
from foretext.tasks.files.json_value import DECODER, json_value, refusal
from foretext.tasks.files.problems import Problems, text_problem

PIECE = 1 << 16  # characters read at a time
LONGEST_OBJECT = 1 << 24  # characters; what is longer is an object that never ends
NO_OBJECT = "not a JSON object: a row is {...} with a value for each column"


def json_rows(text: TextIO, problems: Problems) -> Iterator[Row]:
    """The rows of an open file; the bad ones go to `problems`.

    A file whose first mark is `[` is an array: its rows are counted from 1, and messages say row for line.
    """
    start, empty = text.read(1), 0
    while start.isspace():
        empty += start == "\n"
        start = text.read(1)
    if start == "[":
        problems.unit = "row"
        return _of_array(text, problems)
    first = [start + text.readline(LONGEST_OBJECT)] if start else []
    return _of_lines(chain(first, iter(lambda: text.readline(LONGEST_OBJECT), "")), problems, empty)


def _of_lines(lines: Iterable[str], problems: Problems, empty_before: int) -> Iterator[Row]:
    empty = list(range(1, empty_before + 1))
    for line, content in enumerate(lines, start=empty_before + 1):
        if not content.strip():
            empty.append(line)
            continue
        for gap in empty:
            problems.add(gap, "an empty line between rows")
        empty.clear()
        if len(content) >= LONGEST_OBJECT and not content.endswith("\n"):
            problems.add(line, f"a line that goes on behind {LONGEST_OBJECT:,} characters; nothing behind is read")
            return
        try:
            yield Row(_object_of(content), line)
        except ValueError as problem:
            problems.add(line, str(problem))


def _object_of(content: str) -> dict[str, Any]:
    """The object that a line holds; a `ValueError` says why there is none."""
    if problem := text_problem(content):
        raise ValueError(problem)
    values = json_value(content)
    if not isinstance(values, dict):
        raise ValueError(NO_OBJECT)
    return values


def _of_array(text: TextIO, problems: Problems) -> Iterator[Row]:
    """The objects of an array whose `[` is read already; where it is torn, or no JSON, nothing behind is read."""
    pieces, number = _Pieces(text), 1
    if pieces.next_mark() == "]":
        return
    while True:
        try:
            value, written = pieces.value()
        except ValueError as problem:
            problems.add(number, str(problem))
            return
        if wrong := text_problem(written):
            problems.add(number, wrong)
        elif not isinstance(value, dict):
            problems.add(number, NO_OBJECT)
        else:
            yield Row(value, number)
        mark = pieces.next_mark()
        pieces.skip()
        if mark != ",":
            break
        number += 1
    if mark != "]":
        instead = repr(mark) if mark else "the file ends"
        problems.add(number, f"the array is torn behind this row: {instead} where , or ] should stand")
    elif behind := pieces.next_mark():
        problems.add(number, f"{behind!r} stands behind the end of the array, which is the last row's")


class _Pieces:
    """The values of a JSON text one after the other, of which no more is in memory than the next one needs."""

    def __init__(self, text: TextIO) -> None:
        self._text, self._held, self._ended = text, "", False

    def next_mark(self) -> str:
        """The next character that is no white space, which stays; nothing at the end."""
        while not (held := self._held.lstrip()) and not self._ended:
            self._more(PIECE)
        self._held = held
        return held[:1]

    def skip(self) -> None:
        """Passes over one character."""
        self._held = self._held[1:]

    def value(self) -> tuple[Any, str]:
        """The next value, and how it is written; a `ValueError` says why there is none."""
        self.next_mark()
        while True:
            try:
                found, end = DECODER.raw_decode(self._held)
            except json.JSONDecodeError as error:
                if self._ended or len(self._held) > LONGEST_OBJECT:
                    raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1} of the row") from None
                self._more(max(PIECE, len(self._held)))
                continue
            except (ValueError, RecursionError) as error:
                raise ValueError(refusal(error)) from None
            written, self._held = self._held[:end], self._held[end:]
            return found, written

    def _more(self, size: int) -> None:
        piece = self._text.read(size)
        self._held, self._ended = self._held + piece, not piece
