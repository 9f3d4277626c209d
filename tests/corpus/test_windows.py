"""Windows are a pure function of seed, update, rank and world size, and know no border."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foretext.corpus.corpus import Split
from foretext.corpus.shards import map_shard, merge, write_shard
from foretext.corpus.windows import Windows, sequential_windows
from foretext.errors import DataError, SettingsError

MakeSplit = Callable[..., Split]


@pytest.fixture
def make_split(tmp_path: Path) -> MakeSplit:
    """A split that holds the numbers from 0, in documents of these lengths, in shards of so many tokens."""

    def make(lengths: list[int], shard_tokens: int = 1000) -> Split:
        ends = np.cumsum(lengths)
        documents = [np.arange(end - length, end, dtype="<u2") for end, length in zip(ends, lengths, strict=True)]
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        write_shard(folder / "part.ds", documents)
        records = merge([map_shard(folder / "part.ds", np.dtype("<u2"))], folder / "train", shard_tokens=shard_tokens)
        return Split(folder, tuple(records), np.dtype("<u2"))

    return make


def test_a_batch_has_contiguous_windows_of_the_context_length(make_split: MakeSplit) -> None:
    batch = Windows(make_split([50, 50]), context=8, batch=5, seed=1).batch(3)
    assert batch.lengths.tolist() == [8] * 5
    assert batch.examples.tolist() == [0, 1, 2, 3, 4]
    assert (np.diff(batch.tokens.reshape(5, 8), axis=1) == 1).all()


def test_the_same_update_always_gives_the_same_batch(make_split: MakeSplit) -> None:
    split = make_split([100])
    first, second = (Windows(split, context=8, batch=5, seed=1) for _ in range(2))
    second.batch(9)
    assert first.batch(3).tokens.tolist() == second.batch(3).tokens.tolist()


def test_another_seed_or_update_gives_other_windows(make_split: MakeSplit) -> None:
    split = make_split([10_000])
    one, other = (Windows(split, context=8, batch=5, seed=seed) for seed in (1, 2))
    assert one.starts(3) != other.starts(3)
    assert one.starts(3) != one.starts(4)


def test_the_starts_of_a_seed_stay_the_same_from_version_to_version(make_split: MakeSplit) -> None:
    assert Windows(make_split([1000]), context=8, batch=4, seed=7).starts(42) == [563, 313, 185, 497]


def test_another_order_gives_other_windows_of_the_same_update(make_split: MakeSplit) -> None:
    windows = Windows(make_split([10_000]), context=8, batch=5, seed=1)
    drawn = [windows.starts(3, order) for order in range(3)]
    assert drawn[0] == windows.starts(3)
    assert len({tuple(starts) for starts in drawn}) == 3
    assert windows.batch(3, order=2).tokens.reshape(5, 8)[:, 0].tolist() == drawn[2]


def test_where_a_window_stands_is_told_by_shard_document_and_token(make_split: MakeSplit) -> None:
    """Shards of 20 tokens, documents of 7: two in each shard, and the last has one."""
    split = make_split([7] * 5, shard_tokens=20)
    assert split.place(0, 7) == "train/00000.ds, document 1 from token 0"
    assert split.place(9, 14) == "train/00000.ds, document 2 from token 2"
    assert split.place(5, 9) == "train/00000.ds, documents 1 to 2 from token 5"
    assert split.place(16, 21) == "train/00001.ds, document 1 from token 2"
    assert split.place(12, 16) == "train/00000.ds, document 2 from token 5 and on into the next shard"
    assert split.place(30, 35) == "train/00002.ds, document 1 from token 2"


def test_the_origins_of_an_update_are_those_of_its_windows(make_split: MakeSplit) -> None:
    split = make_split([7] * 20, shard_tokens=20)
    windows = Windows(split, context=8, batch=3, seed=1)
    assert windows.origins(4, 1) == [split.place(start, start + 8) for start in windows.starts(4, 1)]


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_the_ranks_together_have_the_windows_of_one_process(make_split: MakeSplit, world: int) -> None:
    windows = Windows(make_split([100]), context=8, batch=6, seed=1)
    parts = [windows.batch(5, rank=rank, world=world).tokens for rank in range(world)]
    assert np.concatenate(parts).tolist() == windows.batch(5).tokens.tolist()


def test_windows_do_not_depend_on_how_the_corpus_is_cut_into_shards(make_split: MakeSplit) -> None:
    whole, cut = make_split([7] * 20), make_split([7] * 20, shard_tokens=20)
    assert (len(whole.shards), len(cut.shards)) == (1, 10)
    for update in range(5):
        batches = [Windows(split, context=30, batch=4, seed=1).batch(update) for split in (whole, cut)]
        assert batches[0].tokens.tolist() == batches[1].tokens.tolist()


def test_every_start_is_equally_likely(make_split: MakeSplit) -> None:
    windows = Windows(make_split([14]), context=5, batch=1000, seed=1)
    counts = np.bincount([start for update in range(10) for start in windows.starts(update)])
    assert len(counts) == 10
    assert ((counts > 880) & (counts < 1120)).all()  # four standard deviations around 1,000


def test_a_corpus_of_one_window_gives_that_window(make_split: MakeSplit) -> None:
    assert Windows(make_split([8]), context=8, batch=1, seed=1).batch(0).tokens.tolist() == list(range(8))


def test_a_corpus_smaller_than_one_window_is_an_error_that_says_so(make_split: MakeSplit) -> None:
    with pytest.raises(DataError, match="7 tokens to train on, fewer than one window of 8"):
        Windows(make_split([7]), context=8, batch=1, seed=1)


@pytest.mark.parametrize("world", [2, 3, 6])
def test_the_shares_of_all_processes_are_the_batch_of_one_though_they_are_uneven(
    make_split: MakeSplit, world: int
) -> None:
    windows = Windows(make_split([100]), context=8, batch=4, seed=1)
    shares = [windows.batch(0, rank=rank, world=world) for rank in range(world)]
    assert np.concatenate([share.tokens for share in shares]).tolist() == windows.batch(0).tokens.tolist()
    assert max(share.example_count for share in shares) - min(share.example_count for share in shares) <= 1


@pytest.mark.parametrize("shard_tokens", [11, 1000])
def test_sequential_windows_cover_every_token_once(make_split: MakeSplit, shard_tokens: int) -> None:
    batches = list(sequential_windows(make_split([10, 10, 13], shard_tokens), 4, batch=3))
    assert np.concatenate([batch.tokens for batch in batches]).tolist() == list(range(33))
    assert [batch.lengths.tolist() for batch in batches] == [[4, 4, 4], [4, 4, 4], [4, 4, 1]]


def test_a_limit_spreads_whole_windows_over_the_split(make_split: MakeSplit) -> None:
    batches = list(sequential_windows(make_split([33]), 4, limit=13))
    assert [batch.tokens[0] for batch in batches] == [0]
    assert batches[0].tokens.reshape(3, 4)[:, 0].tolist() == [0, 12, 24]


def test_an_empty_split_has_no_windows(make_split: MakeSplit) -> None:
    assert list(sequential_windows(Split(Path(), (), np.dtype("<u2")), 4)) == []


def span_twice(window: np.ndarray) -> np.ndarray:
    """The longest beginning of a window that stands in it again, behind itself."""
    for count in range(len(window) // 2, 0, -1):
        for start in range(count, len(window) - count + 1):
            if np.array_equal(window[:count], window[start : start + count]):
                return window[:count]
    return window[:0]


def test_of_the_share_that_is_asked_for_a_span_stands_twice_and_the_rest_is_as_it_was(make_split: MakeSplit) -> None:
    split = make_split([10_000])
    plain, repeated = (Windows(split, context=64, batch=400, seed=1, repeat_share=share) for share in (0.0, 0.25))
    pairs = zip(*(windows.batch(3).tokens.reshape(400, 64) for windows in (plain, repeated)), strict=True)
    changed = [(one, other) for one, other in pairs if not np.array_equal(one, other)]
    assert 70 <= len(changed) <= 130  # 100 expected, deviation 8.7
    in_order = 0
    for one, other in changed:
        span = span_twice(other)
        assert 8 <= len(span) <= 32
        assert set(other.tolist()) <= set(one.tolist())
        in_order += bool((np.diff(span) == 1).all())
    assert 0.3 * len(changed) <= in_order <= 0.7 * len(changed)


def test_spans_are_repeated_alike_whatever_the_number_of_ranks_and_otherwise_in_another_order(
    make_split: MakeSplit,
) -> None:
    windows = Windows(make_split([1000]), context=32, batch=6, seed=1, repeat_share=1.0)
    whole = windows.batch(5)
    parts = [windows.batch(5, rank=rank, world=3).tokens for rank in range(3)]
    assert np.array_equal(np.concatenate(parts), whole.tokens)
    assert whole.lengths.tolist() == [32] * 6
    assert not np.array_equal(windows.batch(5, order=1).tokens, whole.tokens)


def test_a_window_too_short_for_two_spans_is_refused(make_split: MakeSplit) -> None:
    split = make_split([100])
    with pytest.raises(SettingsError, match="a --context of 15 has no room for two; give 16 or more"):
        Windows(split, context=15, batch=5, seed=1, repeat_share=1.0)
    for window in Windows(split, context=16, batch=5, seed=1, repeat_share=1.0).batch(3).tokens.reshape(5, 16):
        assert len(span_twice(window)) == 8
