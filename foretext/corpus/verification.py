"""Whether the files of a corpus are those that `prepare` wrote: hashes, ids and document ends, beside training.

Sizes are looked at when a corpus is opened, which costs nothing. What takes reading every byte is done here.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from foretext.corpus.manifest import SPLITS, Manifest
from foretext.corpus.shards import ENDS_TYPE, ShardRecord, index_path
from foretext.errors import DataError, ForetextError, Unreachable
from foretext.stores import Place, Stored, told

if TYPE_CHECKING:
    from foretext.corpus.corpus import Corpus

SOON = 2.0  # seconds that a training waits before it begins: of a corpus of 1 GB, all is read by then
PATIENCE = 10.0  # seconds that a checkpoint waits; a scheduler that ends a run gives it more than that
_BLOCK = 1 << 20
_REST = 3.0  # times as long as a block took, so that training beside it keeps its cores
_LOWEST_PRIORITY = 19


def verify_shard(
    folder: Place,
    shard: ShardRecord,
    dtype: np.dtype[np.void],
    *,
    ids: int,
    rest: Callable[[float], None] | None = None,
) -> None:
    """Nothing if a shard's two files are those of the manifest; `rest` is called with the seconds that a block took.

    Raises:
        DataError: a hash is another, an id is not below `ids`, or document ends do not rise to the last token.
    """
    path = folder / shard.file
    if _digest(path, lambda block: _check_ids(path, _numbers(block, dtype), ids), rest) != shard.sha256:
        raise _damaged(path, "its SHA-256 is not the manifest's")
    index = index_path(path)
    ends: list[int] = [0]
    if _digest(index, lambda block: _check_ends(index, _numbers(block, ENDS_TYPE), ends), rest) != shard.index_sha256:
        raise _damaged(index, "its SHA-256 is not the manifest's")
    if ends[-1] != shard.tokens:
        raise _damaged(index, f"its last document ends at {ends[-1]:,} of {shard.tokens:,} tokens")


def verify_corpus(folder: Place, manifest: Manifest, *, rest: Callable[[float], None] | None = None) -> None:
    """Nothing if all files of a corpus are those of its manifest.

    Raises:
        DataError: one is not; it is named.
    """
    for name in SPLITS:
        for shard in manifest.splits[name]:
            verify_shard(folder, shard, manifest.plan.token_type, ids=manifest.plan.vocabulary, rest=rest)


class Verification:
    """A corpus being verified by a thread of the lowest priority; whoever learns from it asks whether it is sound.

    Of the processes that share a machine one does it, since they `trust` that it ends them all where it is not.
    """

    def __init__(self, corpus: Corpus, *, trust: bool = False) -> None:
        self._corpus = corpus
        self._hurry = threading.Event()  # somebody waits
        self._done = threading.Event()
        self._error: BaseException | None = None
        if trust:
            self._done.set()
            return
        threading.Thread(target=self._run, name="corpus verification", daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Whether all is read."""
        return self._done.is_set()

    def check(self) -> None:
        """Nothing, as long as all that was read so far is sound.

        Raises:
            DataError: a file is damaged, or cannot be read.
            Unreachable: the store in which it lies cannot be reached.
        """
        if isinstance(self._error, ForetextError | OSError) and not isinstance(self._error, Unreachable):
            raise DataError(f"{self._error}; what was learned from it, checkpoints too, is not to be trusted")
        if self._error is not None:
            raise self._error

    def wait(self, seconds: float | None = None) -> None:
        """Waits until all is read, at most so many seconds if given, and checks.

        Raises:
            DataError: a file is damaged.
        """
        self._hurry.set()
        self._done.wait(seconds)
        self._hurry.clear()
        self.check()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # a matter of Linux, where a thread has a priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        try:
            verify_corpus(self._corpus.folder, self._corpus.manifest, rest=self._rest)
        except BaseException as error:  # whatever it is, the corpus is not known to be sound
            self._error = error
        finally:
            self._done.set()

    def _rest(self, seconds: float) -> None:
        self._hurry.wait(_REST * seconds)


def _digest(path: Place, look: Callable[[bytes], None], rest: Callable[[float], None] | None) -> str:
    """The SHA-256 of a file, of which `look` sees every block."""
    digest = hashlib.sha256()
    for block in _blocks(path):
        started = time.perf_counter()
        digest.update(block)
        look(block)
        if rest is not None:
            rest(time.perf_counter() - started)
    return digest.hexdigest()


def _blocks(path: Place) -> Iterator[bytes]:
    """What a file holds, one part after another."""
    if isinstance(path, Stored):
        with told():
            yield from path.blocks()
        return
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _numbers(block: bytes, dtype: np.dtype[Any]) -> np.ndarray:
    """The numbers in a block; part of one behind them is left out, which the hash tells of."""
    return np.frombuffer(block, dtype, len(block) // dtype.itemsize)


def _check_ids(path: Place, tokens: np.ndarray, ids: int) -> None:
    if len(tokens) and int(tokens.max()) >= ids:
        raise _damaged(path, f"it holds the id {int(tokens.max()):,}, and the tokenizer has {ids:,} pieces")


def _check_ends(path: Place, ends: np.ndarray, before: list[int]) -> None:
    """Checks that document ends rise, from block to block: `before` holds the last one."""
    whole = np.concatenate([np.array(before, ENDS_TYPE), ends])
    if (whole[1:] <= whole[:-1]).any():
        raise _damaged(path, "the ends of its documents do not rise")
    before[0] = int(whole[-1])


def _damaged(path: Place, why: str) -> DataError:
    return DataError(f"{path} is damaged: {why}; prepare the corpus again")
