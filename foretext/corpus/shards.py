"""Token ids on disk, in the layout of datatrove: flat ids, and where each document ends.

    00000.ds          ids of all documents end to end, little-endian, 16 bits each (32 for a large vocabulary)
    00000.ds.index    for each document the number of tokens up to its end, little-endian, 64 bits

Any program can read them: `numpy.fromfile("00000.ds", "<u2")`, `numpy.fromfile("00000.ds.index", "<u8")`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from foretext.files import atomic_file
from foretext.stores import Place, Stored, ranges, told

Tokens = npt.NDArray[np.unsignedinteger[Any]]
Ends = npt.NDArray[np.uint64]
APlace = TypeVar("APlace", Path, Stored, Place)

ENDS_TYPE = np.dtype("<u8")
LARGEST_16_BIT = 65_535


class ShardRecord(BaseModel):
    """What a manifest says about one shard; `file` is relative to the corpus folder, and lies in it."""

    model_config = ConfigDict(frozen=True)

    file: str
    documents: int = Field(ge=1)
    tokens: int = Field(ge=1)
    sha256: str
    index_sha256: str

    @field_validator("file")
    @classmethod
    def _is_inside(cls, file: str) -> str:
        if "\0" in file or "\\" in file or any(part in ("", ".", "..") for part in file.split("/")):
            raise ValueError(f"{file!r} is no name of a file in the corpus")
        return file


def token_type(ids: int) -> Literal["<u2", "<u4"]:
    """The type on disk of the ids below `ids`, as numpy writes it: 16 bits if they fit, else 32."""
    return "<u2" if ids <= LARGEST_16_BIT else "<u4"


def index_path(shard: APlace) -> APlace:
    """The file with the document ends that belongs to a `.ds` file."""
    return shard.with_name(shard.name + ".index")


def write_shard(path: Path, documents: Sequence[Tokens]) -> tuple[str, str]:
    """The SHA-256 of the ids and of the ends of a shard that now holds `documents`, both files whole or not at all.

    Raises:
        DiskFull: there is no space left.
    """
    digest, ends = hashlib.sha256(), np.cumsum([len(tokens) for tokens in documents], dtype=ENDS_TYPE).tobytes()
    with atomic_file(path) as file:
        for tokens in documents:
            ids = tokens.tobytes()
            file.write(ids)
            digest.update(ids)
    with atomic_file(index_path(path)) as file:
        file.write(ends)
    return digest.hexdigest(), hashlib.sha256(ends).hexdigest()


def map_shard(path: Path, dtype: np.dtype[Any]) -> tuple[Tokens, Ends]:
    """Token ids `(tokens,)` and document ends `(documents,)` of a shard, mapped: only what is looked at is read."""
    return np.memmap(path, dtype, mode="r"), np.memmap(index_path(path), ENDS_TYPE, mode="r")


@dataclass(frozen=True)
class StoredTokens:
    """The token ids of a shard in an object store, of which that is read which is asked for."""

    path: Stored
    dtype: np.dtype[Any]

    def __getitem__(self, part: slice) -> Tokens:
        return read_parts([(self, part.start, part.stop)])[0]


def open_tokens(path: Place, dtype: np.dtype[Any]) -> Tokens | StoredTokens:
    """The token ids of a shard, wherever it lies; slices of them are arrays."""
    return StoredTokens(path, dtype) if isinstance(path, Stored) else np.memmap(path, dtype, mode="r")


def open_ends(path: Place) -> Ends:
    """The document ends of a shard, wherever it lies: mapped, or read.

    Raises:
        DataError, Unreachable: they cannot be read.
    """
    if not isinstance(path, Stored):
        return np.memmap(index_path(path), ENDS_TYPE, mode="r")
    with told():
        return np.frombuffer(index_path(path).read_bytes(), ENDS_TYPE)


def read_parts(parts: Sequence[tuple[Tokens | StoredTokens, int, int]]) -> list[Tokens]:
    """The ids of each part (shard, start, stop); from a store all are asked for together.

    Raises:
        DataError, Unreachable: they cannot be read.
    """
    stored = [
        (tokens.path, start * tokens.dtype.itemsize, stop * tokens.dtype.itemsize)
        for tokens, start, stop in parts
        if isinstance(tokens, StoredTokens)
    ]
    with told():
        found = iter(ranges(stored))
    return [
        np.frombuffer(next(found), tokens.dtype) if isinstance(tokens, StoredTokens) else tokens[start:stop]
        for tokens, start, stop in parts
    ]


def merge(parts: Iterable[tuple[Tokens, Ends]], folder: Path, *, shard_tokens: int) -> Iterator[ShardRecord]:
    """Writes the documents of all parts, in their order, into numbered shards of `folder`; a record of each shard.

    A shard is full when the next document would take it over `shard_tokens`; a document longer than that has a shard
    of its own. So the shards do not depend on how the documents lie in the parts.
    """
    folder.mkdir()
    for number, runs in itertools.groupby(_runs(parts, shard_tokens), key=lambda run: run[0]):
        yield _write(folder / f"{number:05}.ds", ((tokens, ends) for _, tokens, ends in runs))


def _runs(parts: Iterable[tuple[Tokens, Ends]], shard_tokens: int) -> Iterator[tuple[int, Tokens, Ends]]:
    """Documents in a row that go into one shard: its number, their tokens, and their ends counted from the first."""
    number, filled = 0, 0
    for tokens, ends in parts:
        first, start = 0, 0
        while first < len(ends):
            last = int(np.searchsorted(ends, max(start + shard_tokens - filled, 0), side="right"))
            if last <= first and filled:
                number, filled = number + 1, 0
                continue
            last = max(last, first + 1)
            stop = int(ends[last - 1])
            yield number, tokens[start:stop], ends[first:last] - start
            filled += stop - start
            first, start = last, stop


def _write(path: Path, runs: Iterable[tuple[Tokens, Ends]]) -> ShardRecord:
    digest, index_digest = hashlib.sha256(), hashlib.sha256()
    documents = token_count = 0
    with path.open("wb") as file, index_path(path).open("wb") as index_file:
        for tokens, ends in runs:
            ids, index = tokens.tobytes(), (ends + token_count).astype(ENDS_TYPE).tobytes()
            file.write(ids)
            index_file.write(index)
            digest.update(ids)
            index_digest.update(index)
            documents += len(ends)
            token_count += len(tokens)
    return ShardRecord(
        file=f"{path.parent.name}/{path.name}",
        documents=documents,
        tokens=token_count,
        sha256=digest.hexdigest(),
        index_sha256=index_digest.hexdigest(),
    )
