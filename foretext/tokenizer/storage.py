"""Vocabularies on disk: our own tokenizer.json, and the two files that OpenAI released with the paper."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.errors import ModelError
from foretext.files import load_json, write_json
from foretext.stores import Place
from foretext.tokenizer.cleaning import CLEANING_VERSION
from foretext.tokenizer.pieces import Merge
from foretext.tokenizer.rules import Rules

FILE_NAME = "tokenizer.json"
FORMAT = "foretext tokenizer 1"
OPENAI_PIECES = "encoder_bpe_40000.json"
OPENAI_MERGES = "vocab_40000.bpe"


@dataclass(frozen=True)
class Vocabulary:
    """All that decides which ids a text gets, and a word about where it comes from."""

    pieces: tuple[str, ...]  # in the order of their ids
    merges: tuple[Merge, ...]  # in the order in which they are tried
    mode: str = "paper"
    cleaning: int = CLEANING_VERSION
    source: str = ""
    rules: Rules | None = None  # of mode "imported" alone

    def fingerprint(self) -> str:
        """SHA-256 of everything but `source`, as 64 hex digits: equal for equal ids, whatever the file is called."""
        content: list[Any] = [self.mode, self.cleaning, self.pieces, self.merges]
        if self.rules is not None:
            content.append(self.rules.to_json())
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def write_vocabulary(vocabulary: Vocabulary, folder: Path) -> None:
    """`vocabulary` as tokenizer.json in `folder`, whole or not at all."""
    write_json(
        folder / FILE_NAME,
        {
            "format": FORMAT,
            "mode": vocabulary.mode,
            "cleaning": vocabulary.cleaning,
            "source": vocabulary.source,
            "fingerprint": vocabulary.fingerprint(),
            **({} if vocabulary.rules is None else {"rules": vocabulary.rules.to_json()}),
            "pieces": vocabulary.pieces,
            "merges": [f"{left} {right}" for left, right in vocabulary.merges],
        },
    )


def read_vocabulary(folder: Place) -> Vocabulary:
    """The vocabulary in `folder`/tokenizer.json.

    Raises:
        ModelError: the file is missing, truncated, not one of ours, or changed since it was written.
    """
    path = folder / FILE_NAME
    data = read_json_file(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        theirs = isinstance(data, dict) and "model" in data
        theirs_hint = "it looks like one of Hugging Face's; `foretext import hf` reads the model that it belongs to"
        hint = theirs_hint if theirs else f"there is no format {FORMAT!r} in it"
        raise ModelError(f"{path} is not a tokenizer file of Foretext: {hint}")
    vocabulary = Vocabulary(
        pieces=tuple(_strings(data, "pieces", path)),
        merges=tuple(_merge(line, path) for line in _strings(data, "merges", path)),
        mode=str(data.get("mode")),
        cleaning=data.get("cleaning", 0),
        source=str(data.get("source", "")),
        rules=Rules.from_json(data["rules"], where=str(path)) if data.get("rules") is not None else None,
    )
    if data.get("fingerprint") != vocabulary.fingerprint():
        raise ModelError(f"{path} does not match its own fingerprint: it was damaged or edited; take a fresh copy")
    return vocabulary


def read_openai(folder: Path) -> Vocabulary:
    """The vocabulary released with the paper, from encoder_bpe_40000.json and vocab_40000.bpe.

    Raises:
        ModelError: a file is missing or damaged.
    """
    ids = read_json_file(folder / OPENAI_PIECES)
    if not isinstance(ids, dict) or not _counts_from_zero(list(ids.values())):
        raise ModelError(f"{folder / OPENAI_PIECES} must map every piece to its id, from 0 without gaps")
    path = folder / OPENAI_MERGES
    _version, *merges = _read(path).removesuffix("\n").split("\n")
    return Vocabulary(
        pieces=tuple(sorted(ids, key=lambda piece: int(ids[piece]))),
        merges=tuple(_merge(line, path) for line in merges),
        source="released by OpenAI with Radford et al. 2018 (MIT)",
    )


def _counts_from_zero(numbers: list[Any]) -> bool:
    return all(type(number) is int for number in numbers) and sorted(numbers) == list(range(len(numbers)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModelError(f"there is no {path.name} in {path.parent}") from None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8 text: {error}") from error


def read_json_file(path: Place) -> Any:
    """What the JSON file says.

    Raises:
        ModelError: it is missing, damaged or truncated.
    """
    try:
        return load_json(path)
    except FileNotFoundError:
        raise ModelError(f"there is no {path.name} in {path.parent}") from None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8 text: {error}") from error
    except ValueError as error:
        raise ModelError(f"{path} is damaged or truncated: {error}") from error


def _strings(data: dict[str, Any], key: str, path: Place) -> list[str]:
    values = data.get(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ModelError(f"{path} is damaged: {key!r} must be a list of strings")
    return values


def _merge(line: str, path: Place) -> Merge:
    """The two pieces of a merge as it stands in a file, with one space between."""
    left, _space, right = line.partition(" ")
    if not left or not right or " " in right:
        raise ModelError(f"{path} is damaged: {line!r} is not a merge of two pieces")
    return left, right
