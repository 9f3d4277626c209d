"""Shards of any size are read in constant memory: 10 GB of them, sparse files, under a limit of 1 GB."""

from __future__ import annotations

import os
import resource
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


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what memory is a process's own is told on Linux")
def test_windows_over_ten_gigabytes_take_no_more_memory_than_over_one(large: Split):
    child = os.fork()
    if not child:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
            windows = Windows(large, context=512, batch=64, seed=1)
            windows.batch(0)
            before = own_memory()
            for update in range(UPDATES):
                assert windows.batch(update).tokens.shape == (64 * 512,)
            assert large.place(*(position * TOKENS * SHARDS // 2 for position in (1, 1))).startswith("00005.ds")
            code = int(own_memory() - before > 16 << 20)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
