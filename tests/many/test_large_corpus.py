"""Training on ten times the memory that there is: 10 GB of shards, sparse files, in a process that may have 1 GB.

The limit is on the memory that is the process's own (RLIMIT_DATA); pages of a mapped file are the system's, which takes
them back when it needs them. The hashes of 10 GB are left aside: they are taken a block at a time.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from foretext.corpus.manifest import NAME, read_manifest
from foretext.corpus.shards import ENDS_TYPE, ShardRecord, index_path
from foretext.corpus.verification import Verification
from foretext.files import write_json
from foretext.recipes import pretrain as recipe
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings

SHARDS, TOKENS = 10, 1 << 29  # of 2 bytes each: ten files of 1 GiB
LIMIT = 1 << 30


@pytest.fixture
def large(corpus: Path, tmp_path: Path) -> Path:
    """The small corpus with 10 GiB to train on, which take hardly any disk."""
    folder = tmp_path / "large"
    shutil.copytree(corpus, folder)
    manifest, shards = read_manifest(folder), []
    for number in range(SHARDS):
        path = folder / "train" / f"large-{number:05}.ds"
        with path.open("wb") as file:
            file.truncate(2 * TOKENS)
        np.array([TOKENS], ENDS_TYPE).tofile(index_path(path))
        name = f"train/{path.name}"
        shards.append(ShardRecord(file=name, documents=1, tokens=TOKENS, sha256="", index_sha256=""))
    tokens = sum(shard.tokens for shard in (*manifest.splits["valid"], *shards))
    documents = sum(shard.documents for shard in (*manifest.splits["valid"], *shards))
    counts = manifest.counts.model_copy(update={"tokens": tokens, "documents": documents, "empty": 0})
    splits = {**manifest.splits, "train": shards}
    write_json(folder / NAME, manifest.model_copy(update={"counts": counts, "splits": splits}).model_dump(mode="json"))
    return folder


def own_memory() -> int:
    """Bytes of memory that are this process's own."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) * 1024


def trained(shard: Path, runs: list[PretrainSettings]) -> tuple[list[int], int]:
    """For a process of its own: the updates of each run, and the memory that is its own behind them."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    with pytest.raises(MemoryError):  # what the limit is for
        np.fromfile(shard, "<u2")
    recipe.Verification = lambda corpus, *, trust: Verification(corpus, trust=True)
    return [pretrain(settings).updates for settings in runs], own_memory()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what memory is a process's own is told on Linux")
def test_ten_gigabytes_are_trained_on_in_one_from_a_folder_and_from_a_store(
    large: Path, pretraining: Callable[..., PretrainSettings], tmp_path: Path
):
    places = {"here": str(large), "stored": f"file://{large}"}
    runs = [pretraining(tmp_path / name, corpus=place, updates=10, batch=64) for name, place in places.items()]
    # A new process, not a copy of this one, whose memory would count.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        updates, memory = pool.submit(trained, large / "train" / "large-00000.ds", runs).result()
    assert updates == [10, 10]
    assert memory < LIMIT
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in places]
    assert models[0] == models[1]
