"""Windows of token ids to learn from and to score, without any state: nothing to save for a resume but the update.

Training takes random contiguous windows, as the paper does (section 4.1); scoring takes every token once.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import numpy as np

from foretext.batch import Batch, Ids
from foretext.corpus.corpus import Split
from foretext.errors import DataError, SettingsError

SHORTEST_REPEATED = 8  # tokens of a span that a window has twice
_RAW_BITS = 64


class Windows:
    """Batches of random windows over a split, each a pure function of (seed, update, rank, world size).

    Every start is as likely as any other, across the borders of documents and shards. The batch is the same whatever
    the number of ranks: they divide it among them.

    Raises:
        DataError: the split is shorter than one window.
        SettingsError: spans are to be repeated, and a window is too short for two.
    """

    def __init__(self, split: Split, *, context: int, batch: int, seed: int, repeat_share: float = 0.0) -> None:
        if split.token_count < context:
            raise DataError(
                f"the corpus {split.folder} has {split.token_count:,} tokens to train on, fewer than one window of "
                f"{context:,}; give it more text, or train with a smaller --context"
            )
        if repeat_share and context < 2 * SHORTEST_REPEATED:
            raise SettingsError(
                f"--repeat-share {repeat_share:g} repeats spans of {SHORTEST_REPEATED} tokens or more, and a --context "
                f"of {context} has no room for two; give {2 * SHORTEST_REPEATED} or more, or --repeat-share 0"
            )
        self._split, self._context, self._size, self._seed = split, context, batch, seed
        self._repeat_share = repeat_share
        self._start_count = split.token_count - context + 1
        self._coming: dict[tuple[int, int, int, int], Future[list[Ids]]] = {}  # what is being read ahead

    def batch(self, update: int, *, rank: int = 0, world: int = 1, order: int = 0) -> Batch:
        """The windows that `rank` of `world` processes learns from at `update`, of `context` tokens each.

            starts of update 7   [41 3 88 20 7]
            rank 0 of 2          [41 3]
            rank 1 of 2              [88 20 7]

        Each `order` draws other windows.
        """
        low, high = (self._size * part // world for part in (rank, rank + 1))
        windows = self._asked(update, order, low, high)
        if self._repeat_share:
            windows = [self._repeated(one, update, order, low + row) for row, one in enumerate(windows)]
        return _batch(windows)

    def _asked(self, update: int, order: int, low: int, high: int) -> list[Ids]:
        """The windows of an update from `low` up to `high`; from a store, those of the next are asked for meanwhile."""
        if low == high or not self._split.is_stored:
            return self._read(update, order, low, high)
        coming = self._coming.pop((update, order, low, high), None)
        found = self._read(update, order, low, high) if coming is None else coming.result()
        self._coming = {(update + 1, order, low, high): self._reader.submit(self._read, update + 1, order, low, high)}
        return found

    def _read(self, update: int, order: int, low: int, high: int) -> list[Ids]:
        starts = self.starts(update, order)[low:high]
        return self._split.read_all([(start, start + self._context) for start in starts])

    @cached_property
    def _reader(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "reading ahead")

    def _repeated(self, window: Ids, update: int, order: int, row: int) -> Ids:
        """Of the share of windows that is asked for: one in which a span of its tokens stands twice; others as given.

            0 1 2 3 4 5 6 7 8 9   ▶   0 1 2 | 3 4 | 0 1 2 | 5 6

        One half of the spans is text, the other is of the window's tokens in any order, which nothing but the first
        time foretells.
        """
        generator = np.random.Philox(np.random.SeedSequence([self._seed, update, order, row, 1]))
        chance, length, gap, kind = (int(raw) for raw in generator.random_raw(4))
        half = len(window) // 2
        if chance >= self._repeat_share * 2**_RAW_BITS:
            return window
        count = SHORTEST_REPEATED + (length * (half - SHORTEST_REPEATED + 1) >> _RAW_BITS)
        between = gap * (len(window) - 2 * count + 1) >> _RAW_BITS
        span = window[:count] if kind & 1 else window[np.argsort(generator.random_raw(len(window)))][:count]
        rest = window[count : len(window) - count]
        return np.concatenate([span, rest[:between], span, rest[between:]])

    def origins(self, update: int, order: int = 0) -> list[str]:
        """Where each window of an update stands: shard, document counted from 1, and the token it begins with there."""
        return [self._split.place(start, start + self._context) for start in self.starts(update, order)]

    def starts(self, update: int, order: int = 0) -> list[int]:
        """Where the windows of an update start, over all ranks.

        Made from the raw 64-bit numbers of Philox, which numpy promises to keep, while it may change how it draws
        from a range. The high half of number × count is even over the range but for one part in 2**64 / count.
        """
        drawn_from = [self._seed, update, *([order] if order else [])]
        generator = np.random.Philox(np.random.SeedSequence(drawn_from))
        return [(int(raw) * self._start_count) >> _RAW_BITS for raw in generator.random_raw(self._size)]


def sequential_windows(split: Split, context: int, limit: int | None = None, *, batch: int = 16) -> Iterator[Batch]:
    """Windows end to end over a split, at most `batch` at a time: every token once, the last window may be shorter.

    With a `limit` in tokens, only as many whole windows as it holds (one at least), spread evenly over the split.
    """
    count = -(-split.token_count // context)
    wanted = count if limit is None else min(count, max(1, limit // context))
    numbers = [index * count // wanted for index in range(wanted)]
    for first in range(0, wanted, batch):
        starts = [number * context for number in numbers[first : first + batch]]
        yield _batch(split.read_all([(start, min(start + context, split.token_count)) for start in starts]))


def _batch(windows: list[Ids]) -> Batch:
    return Batch(
        tokens=np.concatenate(windows) if windows else np.empty(0, dtype=np.int64),
        lengths=np.array([len(window) for window in windows], dtype=np.int64),
        examples=np.arange(len(windows), dtype=np.int64),
    )
