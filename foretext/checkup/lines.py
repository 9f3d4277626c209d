"""The lines of a file as bytes: how many there are, and which of them are not UTF-8. No other encoding is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.tasks.files.tables import STANDARD, is_path

LINED = {".csv", ".tsv", ".tab", ".jsonl", ".ndjson"}  # formats in which a row begins a line


@dataclass(frozen=True)
class Lines:
    """Lines that are not blank, and what of them is not UTF-8."""

    count: int
    not_utf8: tuple[int, ...] = ()  # numbers of the lines, from 1
    offset: int = 0  # bytes before the first byte that is not UTF-8
    byte: int = 0


def lines_of(data: Any) -> Lines | None:
    """The lines of a file; None of what has no lines, or can be read only once."""
    if not is_path(data) or str(data) == STANDARD or Path(data).suffix.lower() not in LINED or not Path(data).is_file():
        return None
    count = before = offset = byte = 0
    bad: list[int] = []
    with Path(data).open("rb") as file:
        for number, line in enumerate(file, start=1):
            count += not line.isspace()
            try:
                line.decode()
            except UnicodeDecodeError as error:
                if not bad:
                    offset, byte = before + error.start, line[error.start]
                bad.append(number)
            before += len(line)
    return Lines(count, tuple(bad), offset, byte)
