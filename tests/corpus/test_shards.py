"""Shards are plain arrays that any program can read, and full ones do not depend on how the work was divided."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretext.corpus.shards import merge, token_type
from foretext.files import sha256


def parts(lengths: list[int], cuts: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Documents of these lengths, of the numbers from 0, in parts that are cut before these documents."""
    bounds = sorted({0, len(lengths), *(cut for cut in cuts if cut < len(lengths))})
    ends = np.concatenate([[0], np.cumsum(lengths)])
    found = []
    for low, high in pairwise(bounds):
        tokens = np.arange(ends[low], ends[high], dtype="<u2")
        found.append((tokens, (ends[low + 1 : high + 1] - ends[low]).astype("<u8")))
    return found


def test_a_shard_is_read_by_numpy_alone(tmp_path: Path) -> None:
    (record,) = merge(parts([3, 2], []), tmp_path / "train", shard_tokens=100)
    assert np.fromfile(tmp_path / "train/00000.ds", "<u2").tolist() == [0, 1, 2, 3, 4]
    assert np.fromfile(tmp_path / "train/00000.ds.index", "<u8").tolist() == [3, 5]
    assert (record.file, record.documents, record.tokens) == ("train/00000.ds", 2, 5)
    assert record.sha256 == sha256(tmp_path / "train/00000.ds")
    assert record.index_sha256 == sha256(tmp_path / "train/00000.ds.index")


def test_a_full_shard_ends_with_a_document_and_a_longer_document_has_its_own(tmp_path: Path) -> None:
    records = list(merge(parts([2, 2, 9, 1, 4, 5], []), tmp_path / "train", shard_tokens=5))
    assert [(record.documents, record.tokens) for record in records] == [(2, 4), (1, 9), (2, 5), (1, 5)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), cuts=st.lists(st.integers(1, 11), max_size=4))
def test_shards_do_not_depend_on_how_documents_lie_in_parts(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    one = [shard.model_dump(exclude={"file"}) for shard in merge(parts(lengths, []), folder / "a", shard_tokens=10)]
    cut = [shard.model_dump(exclude={"file"}) for shard in merge(parts(lengths, cuts), folder / "b", shard_tokens=10)]
    assert one == cut
    assert all(shard["tokens"] <= 10 for shard in one)


@pytest.mark.parametrize(("ids", "dtype"), [(300, "<u2"), (65_535, "<u2"), (65_536, "<u4")])
def test_ids_have_32_bits_where_16_do_not_hold_them(ids: int, dtype: str) -> None:
    assert token_type(ids) == dtype
