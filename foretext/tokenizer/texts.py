"""Texts from plain files, for `Tokenizer.learn`; the package `corpus` reads every other format."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from foretext.byte_streams import in_utf8, nul_problem
from foretext.errors import DataError
from foretext.paths import at_home

READ = (".txt", ".jsonl")


def text_files(given: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files of one path or several; of a folder, those below it that are read here, by their names."""
    paths = [Path(at_home(str(path))) for path in ([given] if isinstance(given, str | Path) else given)]
    return [file for path in paths for file in (_below(path) if path.is_dir() else [path])]


def _below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in READ and file.is_file())


def read_texts(path: Path) -> Iterator[str]:
    """The text of a `.txt` file, or the field `text` of every line of a `.jsonl` file.

    Raises:
        DataError: the file is missing, of another kind, or not UTF-8, or a line is no object with a text.
    """
    if path.suffix not in READ:
        raise DataError(
            f"{path}: only .txt and .jsonl are read here; `foretext learn-tokenizer` reads packed files and Parquet"
        )
    try:
        with path.open("rb") as file, io.TextIOWrapper(in_utf8(file, str(path)), encoding="utf-8") as text:
            if path.suffix == ".txt":
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
