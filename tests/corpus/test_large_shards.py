"""Shards of any size are read in constant memory: 10 GB of them, sparse files, under a limit of 1 GB."""

from __future__ import annotations

import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from foretext.corpus import Windows
from foretext.corpus.corpus import Split
from foretext.corpus.shards import ENDS_TYPE, ShardRecord, index_path

SHARDS, TOKENS = 10, 1 << 29  # of 2 bytes each: ten files of 1 GiB
LIMIT = 1 << 30
UPDATES = 100  # of 64 windows of 512, from all over the files


@pytest.fixture
def large(tmp_path: Path) -> Split:
    """A split of 10 GiB, which takes hardly any disk."""
    shards = []
    for number in range(SHARDS):
        path = tmp_path / f"{number:05}.ds"
        with path.open("wb") as file:
            file.truncate(2 * TOKENS)
        np.array([TOKENS], ENDS_TYPE).tofile(index_path(path))
        shards.append(ShardRecord(file=path.name, documents=1, tokens=TOKENS, sha256="", index_sha256=""))
    return Split(tmp_path, tuple(shards), np.dtype("<u2"), ids=60)


def own_memory() -> int:
    """Bytes of memory that are this process's own, which the system cannot take from it."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) * 1024


def read_through(large: Split) -> tuple[int, list[tuple[int, ...]], str]:
    """How much more memory windows of the whole split take than the first, their shapes, and where one place lies."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    windows = Windows(large, context=512, batch=64, seed=1)
    windows.batch(0)
    before = own_memory()
    shapes = [windows.batch(update).tokens.shape for update in range(UPDATES)]
    place = large.place(*(position * TOKENS * SHARDS // 2 for position in (1, 1)))
    return own_memory() - before, shapes, place


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what memory is a process's own is told on Linux")
def test_windows_over_ten_gigabytes_take_no_more_memory_than_over_one(large: Split):
    # A new process, not a copy of this one, whose memory would count.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        more, shapes, place = pool.submit(read_through, large).result()
    assert more <= 16 << 20
    assert shapes == [(64 * 512,)] * UPDATES
    assert place.startswith("00005.ds")
