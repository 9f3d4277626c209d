"""The lines of a file as they are read, decompressed: which of them are not UTF-8. No other encoding is guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.byte_streams import decompressed, in_utf8
from foretext.tasks.files.tables import STANDARD, is_path


@dataclass(frozen=True)
class Lines:
    """Lines that are not blank, and what of them is not UTF-8."""

    count: int
    not_utf8: tuple[int, ...] = ()  # numbers of the lines, from 1
    beyond_ascii: int = 0  # lines that are UTF-8 and have characters beyond ASCII
    offset: int = 0  # bytes before the first byte that is not UTF-8
    byte: int = 0


def lines_of(data: Any) -> Lines | None:
    """The lines of a file of text; None of what can be read only once."""
    if not is_path(data) or str(data) == STANDARD or not Path(data).is_file():
        return None
    with Path(data).open("rb") as file:
        return _looked_at(in_utf8(decompressed(file, str(data)), str(data)))


def _looked_at(lines: Iterable[bytes]) -> Lines:
    count = beyond_ascii = before = offset = byte = 0
    bad: list[int] = []
    for number, line in enumerate(lines, start=1):
        count += not line.isspace()
        try:
            beyond_ascii += not line.decode().isascii()
        except UnicodeDecodeError as error:
            if not bad:
                offset, byte = before + error.start, line[error.start]
            bad.append(number)
        before += len(line)
    return Lines(count, tuple(bad), beyond_ascii, offset, byte)
