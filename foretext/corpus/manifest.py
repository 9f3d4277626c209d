"""What is known about a prepared corpus: how it was made, from what, and every file of it with its hash."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from foretext.corpus.shards import ShardRecord, token_type
from foretext.errors import DataError
from foretext.files import load_json
from foretext.stores import Place, Stored
from foretext.tokenizer.unknown import KEPT, Unknown

NAME = "manifest.json"
VERSION = 1

_REMOVING = ("dedup", "clean", "filters", "minhash")  # the fields of a plan by which something is left out

SplitName = Literal["train", "valid"]
SPLITS: tuple[SplitName, ...] = ("train", "valid")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Plan(_Record):
    """What the content of a corpus follows from, the text itself left out."""

    tokenizer: str
    """Fingerprint of the tokenizer."""
    vocabulary: int
    """Pieces of the tokenizer, special tokens not counted."""
    dtype: Literal["<u2", "<u4"]
    """Type of the ids in the shards, as numpy writes it."""
    line_breaks: Literal["keep", "paragraphs"]
    """Whether every line break counts, or only those between paragraphs."""
    separator_id: int | None
    """The id behind every document; None for nothing."""
    field: str
    validation: float
    strict: bool
    shard_tokens: int
    document_characters: int
    """Documents longer than this were cut."""
    dedup: bool = False
    """Whether copies of other documents were left out."""
    clean: bool = False
    """Whether damage was repaired and repeated passages were left out."""
    filters: tuple[str, ...] = ()
    """The filters that a document had to pass, in their order."""
    minhash: bool = False
    """Whether of documents that are alike by MinHash one was kept."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_done(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The plan as it is kept: what is not done is not named, so that corpora of before there was a choice stay."""
        named: dict[str, Any] = handler(self)
        return {name: value for name, value in named.items() if value or name not in _REMOVING}

    @model_validator(mode="after")
    def _ids_fit(self) -> Plan:
        if token_type(self.vocabulary) > self.dtype:
            raise ValueError(f"the ids of {self.vocabulary:,} pieces do not fit into the type {self.dtype}")
        if self.separator_id is not None and not 0 <= self.separator_id < self.vocabulary:
            raise ValueError(f"the separator {self.separator_id} is no id of {self.vocabulary:,} pieces")
        return self

    @property
    def removes(self) -> bool:
        """Whether documents, or parts of them, may have been left out."""
        return any(getattr(self, name) for name in _REMOVING)

    @property
    def token_type(self) -> np.dtype[Any]:
        """The type of the ids in the shards."""
        return np.dtype(self.dtype)


class SourceRecord(_Record):
    """One file the text came from; of standard input neither size nor time is known."""

    path: str
    bytes: int | None
    modified: int | None
    """Nanoseconds since 1970."""


class UnknownRecord(_Record):
    """How many of the tokens the vocabulary has no piece for, line breaks left out, and the commonest characters."""

    tokens: int = 0
    unknown: int = 0
    characters: dict[str, int] = {}

    @classmethod
    def of(cls, found: Unknown) -> UnknownRecord:
        """What is kept of a count."""
        return cls(tokens=found.tokens, unknown=found.unknown, characters=dict(found.characters))

    def __add__(self, other: UnknownRecord) -> UnknownRecord:
        characters = Counter(self.characters) + Counter(other.characters)
        return UnknownRecord(
            tokens=self.tokens + other.tokens, unknown=self.unknown + other.unknown, characters=characters
        )

    def commonest(self) -> UnknownRecord:
        """The same with the commonest characters alone, the commonest first."""
        kept = sorted(self.characters.items(), key=lambda item: (-item[1], item[0]))[:KEPT]
        return self.model_copy(update={"characters": dict(kept)})

    def found(self) -> Unknown:
        """The count."""
        return Unknown(self.tokens, self.unknown, self.characters)


class Counts(_Record):
    """How much text was read and what became of it."""

    documents: int = 0
    empty: int = 0
    """Documents without a token; they are in no shard."""
    pieces: int = 0
    """How many of the documents are pieces of longer ones."""
    characters: int = 0
    tokens: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class ProblemRecord(_Record):
    """What was wrong with the input: counts by kind, the first ones in words."""

    counts: dict[str, int]
    first: list[str]

    def lines(self) -> list[str]:
        """What to tell the user: a line of counts, then the first problems; nothing if there are none."""
        total = sum(self.counts.values())
        if not total:
            return []
        counts = ", ".join(f"{count:,} × {kind}" for kind, count in sorted(self.counts.items()))
        which = f" the first {len(self.first)} of {total:,}" if total > len(self.first) else ""
        return [f"problems in the input: {counts};{which}".rstrip(";") + ":", *(f"  {line}" for line in self.first)]


class Manifest(_Record):
    """The content of `manifest.json`."""

    version: int = VERSION
    plan: Plan
    sources: list[SourceRecord]
    counts: Counts
    problems: ProblemRecord
    unknown: UnknownRecord | None = None
    """None where nobody counted: a corpus of an earlier version."""
    splits: dict[SplitName, list[ShardRecord]]
    removed: dict[str, int] | None = None
    """What was left out or changed of the documents, by reason, where that was asked for."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_done(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        named: dict[str, Any] = handler(self)
        return {name: value for name, value in named.items() if value is not None or name != "removed"}

    @model_validator(mode="after")
    def _fits_together(self) -> Manifest:
        shards = [shard for split in self.splits.values() for shard in split]
        documents, tokens = sum(shard.documents for shard in shards), sum(shard.tokens for shard in shards)
        if (documents, tokens) != (self.counts.documents - self.counts.empty, self.counts.tokens):
            raise ValueError("its shards and its counts are of different numbers of documents or tokens")
        if len({shard.file for shard in shards}) < len(shards):
            raise ValueError("a shard is in it twice")
        if self.splits.keys() != set(SPLITS):
            raise ValueError("it lacks a split")
        return self

    @property
    def fingerprint(self) -> str:
        """A SHA-256 that two corpora share when they hold the same ids in the same order, cut into the same shards."""
        shards = {name: [shard.model_dump() for shard in self.splits[name]] for name in SPLITS}
        content = json.dumps([self.plan.tokenizer, self.plan.dtype, shards], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def read_manifest(folder: Place) -> Manifest:
    """The manifest of a corpus folder.

    Raises:
        DataError: there is none, or it is damaged, or of a version that this program does not know.
    """
    path = folder / NAME
    try:
        content = load_json(path)
        if isinstance(content, dict) and content.get("version", VERSION) != VERSION:
            raise DataError(
                f"{path} is of version {content['version']}, this program reads version {VERSION}; "
                f"install a newer foretext, or prepare the corpus again"
            )
        return Manifest.model_validate(content)
    except FileNotFoundError:
        raise DataError(f"{folder} is no prepared corpus: {_why_not(folder)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(f"{path} is damaged: {place}: {first['msg']}; prepare the corpus again") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}; prepare the corpus again") from error


def unfinished(folder: Path) -> Path:
    """Where the parts of a corpus lie until it is complete."""
    if folder.name in ("", ".."):  # `.`, say, is no name to add to
        folder = folder.resolve()
    return folder.with_name(folder.name + ".unfinished")


def _why_not(folder: Place) -> str:
    if isinstance(folder, Stored):
        return f"there is no {NAME} in it"
    if unfinished(folder).is_dir():
        return "its preparation was interrupted; run the same `foretext prepare` again and it goes on"
    if not folder.exists():
        return "there is no such folder; `foretext prepare` makes one"
    return f"it has no {NAME}; `foretext prepare` makes a corpus from text"
