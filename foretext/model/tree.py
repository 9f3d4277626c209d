"""Sequences that begin alike, as trees: what they share stands once, and each goes on from there.

    sequences  = [7 8 1], [7 8 2 3], [5 6]          a document with two answers, and a sequence by itself

    tokens     = [7 8 1 2 3 5 6]                    depth first: a token is followed by all that continue it
    row_lengths = [5 2]                             a row of the grid of attention holds one tree
    places     = [0 1 2  0 1 3 4  5 6]              where each token of the batch stands in the tree
    before     = [-1 0 1 1 3 -1 5]                  the token that each one follows; -1 for a first one
    closes     = [5 5 3 5 5 7 7]                    where the tokens that continue it end

Token i sees token j, which is j or comes before it in its sequence, exactly if j <= i < closes[j]. A token's state
depends on nothing but itself and what comes before it, so states, and gradients too, are those of the sequences by
themselves. Ids alone are compared, so whatever begins alike is shared: document and question before the answers of
multiple choice, a document before several questions, a premise before several hypotheses that lie side by side in the
batch. The two orders of a pair share their start token, which is not worth a tree, unless both texts begin alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from foretext.batch import Batch, Ids

LEAST_SHARE = 4  # a sequence joins a tree that holds a 4th of it already …
LEAST_SAVED = 16  # … and trees are made where a 16th of the batch's tokens is saved
SCORES_A_TOKEN = 500  # attention scores that cost as much as the matrix products of one token; a lower bound


@dataclass(frozen=True)
class Tree:
    """The trees of a batch, end to end; see the example above."""

    places: Ids  # (tokens of the batch,)
    before: Ids  # (tokens,)
    closes: Ids  # (tokens,)
    row_lengths: Ids  # (rows,)


def grow(batch: Batch, *, by_example: bool = False) -> Tree | None:
    """The trees of the batch's sequences in their order, or None where they would not make it cheaper.

    A tree costs fewer tokens but a longer row in attention; both are weighed, row by row and for the whole batch. With
    `by_example` nothing is shared between examples and the batch is not weighed: what an example shares follows from it
    alone.
    """
    if batch.sequence_count < 2:
        return None
    shared = shared_with_previous(batch)
    if by_example:
        shared[1:][np.diff(batch.examples) > 0] = 0
        shared, row_lengths = _rows(batch.lengths, shared)
        return _tree(batch.lengths, shared, row_lengths) if shared.any() else None
    if LEAST_SAVED * shared.sum() < len(batch.tokens):
        return None
    shared, row_lengths = _rows(batch.lengths, shared)
    saved = int(shared.sum())
    grid = len(row_lengths) * int(row_lengths.max()) ** 2 - batch.sequence_count * int(batch.lengths.max()) ** 2
    if LEAST_SAVED * saved < len(batch.tokens) or grid > SCORES_A_TOKEN * saved:
        return None
    return _tree(batch.lengths, shared, row_lengths)


def shared_with_previous(batch: Batch) -> Ids:
    """How many ids each sequence has in common with the beginning of the one before it: `(sequences,)`."""
    ends = np.cumsum(batch.lengths)
    sequences = np.split(batch.tokens, ends[:-1])
    shared = np.zeros(len(sequences), dtype=np.int64)
    for index, (one, other) in enumerate(pairwise(sequences), start=1):
        shortest = min(len(one), len(other))
        differs = one[:shortest] != other[:shortest]
        first = int(differs.argmax())
        shared[index] = first if differs[first] else shortest
    return shared


def _rows(lengths: Ids, shared: Ids) -> tuple[Ids, Ids]:
    """Which sequences go on from the one before: what they share, 0 for the first of a row; and the rows' lengths."""
    kept, rows = np.zeros_like(shared), [int(lengths[0])]
    for index in range(1, len(lengths)):
        length, common = int(lengths[index]), int(shared[index])
        longer = rows[-1] + length - common
        scores = longer**2 - rows[-1] ** 2 - length**2  # more than in two rows
        if LEAST_SHARE * common >= length and scores <= SCORES_A_TOKEN * common:
            kept[index], rows[-1] = common, longer
        else:
            rows.append(length)
    return kept, np.array(rows, dtype=np.int64)


def _tree(lengths: Ids, shared: Ids, row_lengths: Ids) -> Tree:
    """`shared` is 0 where a sequence begins a row; the order is depth first because each goes on from the last."""
    count = int(row_lengths.sum())
    before, closes = np.arange(-1, count - 1), np.full(count, count)
    places, path, done = [], np.empty(0, dtype=np.int64), 0
    for length, common in zip(lengths.tolist(), shared.tolist(), strict=True):
        closes[path[common:]] = done
        fresh = np.arange(done, done + length - common)
        if len(fresh):
            before[done] = path[common - 1] if common else -1
        path = np.concatenate([path[:common], fresh])
        places.append(path)
        done += len(fresh)
    return Tree(np.concatenate(places), before, closes, row_lengths)
