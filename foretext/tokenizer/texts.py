"""Texts from plain files, for `Tokenizer.learn`; the package `corpus` reads every other format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from foretext.errors import DataError


def read_texts(path: Path) -> Iterator[str]:
    """The text of a `.txt` file, or the field `text` of every line of a `.jsonl` file.

    Raises:
        DataError: the file is missing, of another kind, or not UTF-8, or a line is no object with a text.
    """
    if path.suffix not in (".txt", ".jsonl"):
        raise DataError(
            f"{path}: only .txt and .jsonl are read here; `foretext learn-tokenizer` reads folders, packed files and "
            "Parquet"
        )
    try:
        if path.suffix == ".txt":
            yield path.read_text(encoding="utf-8")
        else:
            with path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):
                    yield _text_of(line, f"{path}:{number}")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from error


def _text_of(line: str, where: str) -> str:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON: {error}") from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(f"{where}: no object with a field 'text' that is a string")
    return str(record["text"])
