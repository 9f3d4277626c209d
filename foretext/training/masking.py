"""Masked next-token prediction: some windows are read both ways, and what is hidden in them is predicted.

    window      = [7 8 9 4 5]        as it stands in the text
    tokens      = [7 m 9 4 m]        as it is read: m, the mask, hides two tokens
    blanks      = [. 8 . . 5]        what it hides; 8 is predicted from the place of 7, 5 from that of 4

So the head and the place that predicts are those of L1; what changes is what is seen. The first token has no place
before it and is never hidden. A mask is the row of the extract token, which pre-training has no other use for and
fine-tuning draws anew, so that a model has the same rows with it and without it.

Source: Charpentier and Samuel 2024, "GPT or BERT: why not both?" (arXiv 2410.24159).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretext.batch import NO_BLANK, Batch, Ids


@dataclass(frozen=True)
class Masking:
    """Which windows of an update are read so and what is hidden there: a function of seed, update and row alone."""

    windows: int  # of an update, over all processes, that are read so
    batch: int  # all windows of an update
    begins: int  # the first update that has them
    updates: int  # of the run
    rate: float  # share of a window's tokens that is hidden, at first
    rate_end: float  # and in the last update
    seed: int
    mask: int  # the id that stands for what is hidden

    def of(self, batch: Batch, update: int, *, rank: int = 0, world: int = 1, order: int = 0) -> Batch:
        """The share of `rank` in the batch of `update`, its windows that are read both ways behind the others.

        `order` is as in `corpus/windows.py`. Before `begins` the batch itself.
        """
        if update < self.begins:
            return batch
        rows = np.arange(batch.sequence_count) + self.batch * rank // world
        masked = self._is_masked(rows)
        windows = np.split(batch.tokens, np.cumsum(batch.lengths)[:-1])
        tokens, blanks = [], []
        for place in np.argsort(masked, kind="stable"):
            window = windows[place]
            hidden = np.zeros(len(window), dtype=bool)
            if masked[place]:
                hidden[self._hidden(len(window), update, int(rows[place]), order)] = True
            tokens.append(np.where(hidden, self.mask, window))
            blanks.append(np.where(hidden, window, NO_BLANK))
        lengths = batch.lengths[np.argsort(masked, kind="stable")]
        return Batch(np.concatenate(tokens), lengths, batch.examples, blanks=np.concatenate(blanks))

    def rate_at(self, update: int) -> float:
        """The share of a window's tokens that is hidden at `update`, which goes from one value to the other evenly."""
        done = (update - self.begins) / max(1, self.updates - 1 - self.begins)
        return self.rate + (self.rate_end - self.rate) * min(1.0, done)

    def _is_masked(self, rows: Ids) -> Ids:
        """1 for the rows that are read both ways, which lie evenly among all of the update's."""
        return (rows + 1) * self.windows // self.batch - rows * self.windows // self.batch

    def _hidden(self, length: int, update: int, row: int, order: int) -> Ids:
        """The places that are hidden in a window: one at least, and never the first."""
        drawn_from = np.random.SeedSequence([self.seed, update, order], spawn_key=(row,))
        numbers = np.random.Philox(drawn_from).random_raw(length - 1)
        count = max(1, round(self.rate_at(update) * (length - 1)))
        return np.argsort(numbers, kind="stable")[:count] + 1
