"""Texts from plain files, for `Tokenizer.learn`; the package `corpus` reads every other format."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from foretext.byte_streams import COMPRESSED, in_utf8, nul_problem
from foretext.errors import DataError
from foretext.paths import at_home

READ = (".txt", ".jsonl")
ELSEWHERE = "only .txt and .jsonl are read here; `foretext learn-tokenizer` reads packed files and Parquet"
NAMED = 10  # of what is left out of a folder

log = logging.getLogger(__name__)


def text_files(given: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files of one path or several; of a folder, those below it that are read here, by their names.

    Of a folder, hidden files and folders are not looked at; what else is left out is said.

    Raises:
        DataError: a folder holds texts that are not read here, compressed or in Parquet, or one that cannot be read.
    """
    paths = [Path(at_home(str(path))) for path in ([given] if isinstance(given, str | Path) else given)]
    return [file for path in paths for file in (_below(path) if path.is_dir() else [path])]


def _below(folder: Path) -> list[Path]:
    files: list[Path] = []
    left_out: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        left_out += [path for path in (Path(place, name) for name in folders) if path.is_symlink()]
        for file in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            if _is_elsewhere(file):
                raise DataError(f"{file}: {ELSEWHERE}")
            (files if file.suffix.lower() in READ else left_out).append(file)
    if left_out:
        named = ", ".join(map(str, left_out[:NAMED])) + (", …" if len(left_out) > NAMED else "")
        log.warning("%d left out of %s, of other formats or linked folders: %s", len(left_out), folder, named)
    return files


def _is_elsewhere(file: Path) -> bool:
    """Whether the command would read it, which knows more formats."""
    name = file.name.lower()
    packed = [Path(name.removesuffix(ending)) for ending in COMPRESSED if name.endswith(ending)]
    return name.endswith(".parquet") or any(path.suffix in READ for path in packed)


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"cannot read {error.filename}: {error.strerror}") from error


def read_texts(path: Path) -> Iterator[str]:
    """The text of a `.txt` file, or the field `text` of every line of a `.jsonl` file.

    Raises:
        DataError: the file is missing, of another kind, or not UTF-8, or a line is no object with a text.
    """
    if path.suffix.lower() not in READ:
        raise DataError(f"{path}: {ELSEWHERE}")
    try:
        with path.open("rb") as file, io.TextIOWrapper(in_utf8(file, str(path)), encoding="utf-8") as text:
            if path.suffix.lower() == ".txt":
                yield _without_nul(text.read(), str(path))
            else:
                for number, line in enumerate(text, start=1):
                    yield _text_of(_without_nul(line, f"{path}:{number}"), f"{path}:{number}")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from error


def _without_nul(text: str, where: str) -> str:
    if "\0" in text:
        raise DataError(f"{where}: {nul_problem(text.encode())}")
    return text


def _text_of(line: str, where: str) -> str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}") from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(f"{where}: no object with a field 'text' that is a string")
    return str(record["text"])
