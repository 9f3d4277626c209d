"""A prepared corpus, opened: two splits, each one long row of token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from foretext.batch import Ids
from foretext.corpus.manifest import SPLITS, Manifest, read_manifest
from foretext.corpus.shards import ENDS_TYPE, ShardRecord, open_ends, open_tokens, read_parts
from foretext.corpus.verification import verify_corpus
from foretext.errors import DataError, FingerprintMismatch, UnknownName
from foretext.notebook import shows_itself
from foretext.stores import Place, Stored, place_at, sizes, told

_SHOWN = 12  # hex digits of a fingerprint in a message


@dataclass(frozen=True)
class Split:
    """The tokens of all documents of a split end to end, over all its shards."""

    folder: Place
    shards: tuple[ShardRecord, ...]
    dtype: np.dtype[Any]
    ids: int = 1 << 32  # all ids are below it

    @property
    def is_stored(self) -> bool:
        """Whether it lies in an object store, to read from which takes its time."""
        return isinstance(self.folder, Stored)

    @property
    def token_count(self) -> int:
        """How many tokens it has."""
        return int(self._ends[-1]) if self.shards else 0

    @property
    def document_count(self) -> int:
        """How many documents it has."""
        return sum(shard.documents for shard in self.shards)

    def read(self, start: int, stop: int) -> Ids:
        """The ids from `start` up to `stop`, `(stop - start,)`; positions count over the whole split.

        Raises:
            DataError: an id is none of the tokenizer's.
            Unreachable: the store in which the corpus lies cannot be reached.
        """
        return self.read_all([(start, stop)])[0]

    def read_all(self, spans: Sequence[tuple[int, int]]) -> list[Ids]:
        """The ids of each span; an object store is asked for all of them at once.

        Raises:
            DataError, Unreachable: as `read` does.
        """
        parts = [list(self._parts(start, stop)) for start, stop in spans]
        found = iter(read_parts([(self._tokens[shard], low, high) for span in parts for shard, low, high in span]))
        return [self._joined([(next(found).astype(np.int64), shard, low) for shard, low, _ in span]) for span in parts]

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Where the tokens from `start` up to `stop` lie: a shard, and from where to where in it."""
        assert 0 <= start <= stop <= self.token_count, (start, stop, self.token_count)
        while start < stop:
            shard = int(np.searchsorted(self._ends, start, side="right"))
            first = int(self._ends[shard]) - self.shards[shard].tokens
            end = min(stop, int(self._ends[shard]))
            yield shard, start - first, end - first
            start = end

    def _joined(self, parts: list[tuple[Ids, int, int]]) -> Ids:
        for ids, shard, low in parts:
            self._check_ids(ids, shard, low)
        return np.concatenate([ids for ids, _, _ in parts]) if parts else np.empty(0, np.int64)

    def place(self, start: int, stop: int) -> str:
        """Where the tokens from `start` up to `stop` stand, in words: `train/00000.ds, document 12 from token 345`."""
        shard = int(np.searchsorted(self._ends, start, side="right"))
        before = int(self._ends[shard]) - self.shards[shard].tokens
        ends = open_ends(self.folder / self.shards[shard].file)
        start, last = start - before, min(stop - before, self.shards[shard].tokens) - 1
        first, final = (int(np.searchsorted(ends, token, side="right")) for token in (start, last))
        token = start - (int(ends[first - 1]) if first else 0)
        which = f"document {first + 1:,}" if first == final else f"documents {first + 1:,} to {final + 1:,}"
        on = " and on into the next shard" if stop > int(self._ends[shard]) else ""
        return f"{self.shards[shard].file}, {which} from token {token:,}{on}"

    def documents(self) -> Iterator[Ids]:
        """The ids of one document after another."""
        for number, shard in enumerate(self.shards):
            tokens = self._tokens[number]
            start = 0
            for end in open_ends(self.folder / shard.file).tolist():
                ids = tokens[start:end].astype(np.int64)
                self._check_ids(ids, number, start)
                yield ids
                start = end

    def _check_ids(self, part: Ids, shard: int, position: int) -> None:
        if int(part.max(initial=0)) >= self.ids:
            at = int((part >= self.ids).argmax())
            raise DataError(
                f"{self.folder / self.shards[shard].file} is damaged: token {position + at:,} has the id {part[at]:,}, "
                f"and the tokenizer has {self.ids:,} pieces; prepare the corpus again"
            )

    @cached_property
    def _ends(self) -> Ids:
        return np.cumsum([shard.tokens for shard in self.shards], dtype=np.int64)

    @cached_property
    def _tokens(self) -> list[Any]:
        return [open_tokens(self.folder / shard.file, self.dtype) for shard in self.shards]


@shows_itself
@dataclass(frozen=True, repr=False)
class Corpus:
    """A folder that `prepare` made, here or in an object store; `Corpus.open(folder)` checks it."""

    folder: Place
    manifest: Manifest

    @classmethod
    def open(cls, folder: str | Place, *, verify: bool = False) -> Corpus:
        """The corpus in `folder`, its files present and of the right size; with `verify` every byte is checked too.

        `folder` may be the URL of one in an object store, as `s3://bucket/corpus`.

        Raises:
            DataError: there is no corpus, it is not complete, or a file is damaged.
            Unreachable: the store in which it lies cannot be reached.
        """
        folder = place_at(folder)
        manifest = read_manifest(folder)
        _check_sizes(folder, manifest)
        if verify:
            verify_corpus(folder, manifest)
        return cls(folder, manifest)

    def split(self, name: str) -> Split:
        """The `train` or the `valid` split; the latter may be empty."""
        if name not in SPLITS:
            raise UnknownName("split", name, SPLITS)
        plan = self.manifest.plan
        return Split(self.folder, tuple(self.manifest.splits[name]), plan.token_type, plan.vocabulary)

    def check_tokenizer(self, fingerprint: str) -> None:
        """Nothing, if the corpus was made with the tokenizer of this fingerprint.

        Raises:
            FingerprintMismatch: it was made with another; both are named.
        """
        own = self.manifest.plan.tokenizer
        if fingerprint != own:
            raise FingerprintMismatch(
                f"the corpus {self.folder} was made with the tokenizer {own[:_SHOWN]}…, "
                f"the tokenizer here is {fingerprint[:_SHOWN]}…; "
                f"use the one in the corpus folder, or prepare the corpus with this one"
            )

    def say_unknown(self, *, allowed: bool) -> None:
        """Warns where its tokenizer had no piece for part of the text.

        Raises:
            DataError: it had none for more than half of it, and that is not `allowed`.
        """
        if self.manifest.unknown is not None:
            self.manifest.unknown.found().say(str(self.folder), allowed=allowed)

    @property
    def fingerprint(self) -> str:
        """A SHA-256 of the content: corpora with the same one give the same windows."""
        return self.manifest.fingerprint

    def lines(self) -> list[str]:
        """What to tell the user about the corpus."""
        counts = self.manifest.counts
        lines = [f"{counts.documents:,} documents, {counts.characters:,} characters, {counts.tokens:,} tokens"]
        for name in SPLITS:
            split = self.split(name)
            shape = f"{split.document_count:,} documents, {split.token_count:,} tokens, {len(split.shards):,} shards"
            lines.append(f"{name}: {shape}")
        if counts.empty:
            lines.append(f"{counts.empty:,} documents without a token, left out")
        if counts.pieces:
            lines.append(f"{counts.pieces:,} documents are pieces of longer ones")
        return [*lines, *self.manifest.problems.lines(), f"corpus saved in {self.folder}"]

    def to_json(self) -> dict[str, Any]:
        """The same as data: the manifest, and where it lies."""
        return {"folder": str(self.folder), "fingerprint": self.fingerprint, **self.manifest.model_dump(mode="json")}


def _check_sizes(folder: Place, manifest: Manifest) -> None:
    wanted: dict[str, int] = {}
    for shard in (shard for name in SPLITS for shard in manifest.splits[name]):
        wanted[shard.file] = shard.tokens * manifest.plan.token_type.itemsize
        wanted[f"{shard.file}.index"] = shard.documents * ENDS_TYPE.itemsize
    if isinstance(folder, Stored):
        with told():
            found = sizes([folder / name for name in wanted])
    else:
        found = [_size_here(folder, folder / name) for name in wanted]
    for (name, size), there in zip(wanted.items(), found, strict=True):
        if there != size:
            raise DataError(
                f"{folder / name} is damaged: {there:,} bytes instead of {size:,}; prepare the corpus again"
            )


def _size_here(folder: Path, file: Path) -> int:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{file} is a link to {file.resolve()}, out of the corpus; put the file itself there")
    try:
        return file.stat().st_size
    except OSError as error:
        raise DataError(f"{file} belongs to the corpus but cannot be read: {error.strerror}") from error
