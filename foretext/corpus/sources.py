"""The files behind the paths a user gives, and their bytes, decompressed.

What a file is, its name says: `.txt`, `.jsonl`, `.parquet`, the first two also with `.gz`, `.bz2`, `.xz` or `.zst`
behind. How it is compressed, its first bytes say. `-` is standard input: JSON lines if it starts with `{`, else one
text.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast

from foretext.byte_streams import COMPRESSED, decompressed
from foretext.corpus.manifest import SourceRecord
from foretext.corpus.problems import Report
from foretext.errors import DataError

STANDARD_INPUT = "-"
ENDINGS = f".txt, .jsonl (both also {', '.join(COMPRESSED)}) and .parquet"

Format = Literal["text", "jsonl", "parquet"]

_NAME = re.compile(r"\.(?:(txt|jsonl)(?:\.(?:gz|bz2|xz|zst))?|(parquet))$", re.IGNORECASE)
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Source:
    """One file to read; of standard input neither size nor time is known, and its format only once it is open."""

    path: str
    format: Format | None
    bytes: int | None
    modified: int | None  # nanoseconds since 1970

    def record(self) -> SourceRecord:
        """What the manifest keeps of it."""
        return SourceRecord(path=self.path, bytes=self.bytes, modified=self.modified)


def find_sources(paths: Iterable[str | Path], report: Report) -> list[Source]:
    """The files at `paths`: files as given, folders as all the files below them in the order of their names.

    Hidden files and folders are not looked at. Of the others in a folder, files of no known format and folders that
    are links are left out and reported.

    Raises:
        DataError: a path, or a folder below it, does not exist or cannot be read, is of no known format, holds no
            file, or comes twice.
    """
    sources: dict[str, Source] = {}
    for path in paths:
        found = [_source(file) for file in _files(str(path), report)]
        if not found:
            raise DataError(f"no file to read in {path}; what can be read: {ENDINGS}")
        for source in found:
            key = source.path if source.path == STANDARD_INPUT else str(Path(source.path).resolve())
            if key in sources:
                raise DataError(f"{source.path} is given twice; name each file or its folder once")
            sources[key] = source
    return list(sources.values())


@contextmanager
def open_source(source: Source) -> Iterator[tuple[io.BufferedReader, Callable[[], int]]]:
    """The bytes of a source, decompressed, and a function that says how many bytes of the file itself are read so far.

    Raises:
        DataError: the file cannot be read, or its compressed data are damaged or cut off.
    """
    try:
        with _raw(source) as raw:
            position = raw.tell if raw.seekable() else lambda: 0
            yield decompressed(raw, source.path), position
    except OSError as error:
        raise DataError(f"{source.path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _raw(source: Source) -> Iterator[io.BufferedReader]:
    if source.path == STANDARD_INPUT:
        yield cast(io.BufferedReader, sys.stdin.buffer)  # stays open: it is not ours
    else:
        with Path(source.path).open("rb", buffering=_BUFFER) as file:
            yield cast(io.BufferedReader, file)


def _files(path: str, report: Report) -> Iterator[str]:
    if not Path(path).is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for below in (Path(folder) / name for name in folders):
            if below.is_symlink():
                report("linked folder", str(below), "not followed; to have it read, name it itself")
        for name in sorted(names):
            file = str(Path(folder) / name)
            if name.startswith("."):
                continue
            if _NAME.search(name):
                yield file
            else:
                report("file of an unknown format", file, f"not read; what can be read: {ENDINGS}")


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error


def _source(path: str) -> Source:
    if path == STANDARD_INPUT:
        return Source(path, None, None, None)
    match = _NAME.search(path)
    try:
        status = Path(path).stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not match:
        raise DataError(f"{path} is of no known format; what can be read: {ENDINGS}, and text on standard input ('-')")
    kind: dict[str, Format] = {"txt": "text", "jsonl": "jsonl", "parquet": "parquet"}
    return Source(path, kind[(match[1] or match[2]).lower()], status.st_size, status.st_mtime_ns)
