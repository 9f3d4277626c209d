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
from typing import Literal

import numpy as np

from foretext.batch import Batch, Ids

# Among which sequences prefixes are shared: those of one example, or all of a batch.
SharePrefixes = Literal["no", "in_examples", "in_batches"]

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
    row_sequences: Ids  # (rows,), how many sequences a row holds


def grow(batch: Batch, *, share_prefixes: SharePrefixes = "in_batches") -> Tree | None:
    """The trees of the batch's sequences in their order, or None where they would not make it cheaper.

    A tree costs fewer tokens but a longer row in attention; both are weighed, row by row and for the whole batch. With
    "in_examples" a tree holds sequences of one example, and whether it is made follows from that example alone.
    """
    if share_prefixes == "no" or batch.sequence_count < 2:
        return None
    shared = shared_with_previous(batch)
    if share_prefixes == "in_examples":
        shared[np.flatnonzero(np.diff(batch.examples, prepend=-1))] = 0
        shared = _kept(batch.lengths, shared)
        saved, tokens = (np.bincount(batch.examples, values)[batch.examples] for values in (shared, batch.lengths))
        shared = np.where(LEAST_SAVED * saved >= tokens, shared, 0)
    else:
        shared = _kept(batch.lengths, shared)
        shared = shared if _pays(batch.lengths, shared) else np.zeros_like(shared)
    return _tree(batch.lengths, shared) if shared.any() else None


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


def _kept(lengths: Ids, shared: Ids) -> Ids:
    """What of it to share: 0 where a sequence had better begin a row, which so goes for the first."""
    kept, row = np.zeros_like(shared), 0
    for index, (length, common) in enumerate(zip(lengths.tolist(), shared.tolist(), strict=True)):
        longer = row + length - common
        scores = longer**2 - row**2 - length**2  # more than in two rows
        if common and LEAST_SHARE * common >= length and scores <= SCORES_A_TOKEN * common:
            kept[index], row = common, longer
        else:
            row = length
    return kept


def _pays(lengths: Ids, shared: Ids) -> bool:
    """Whether a batch saves enough tokens, and costs no more by the longer rows of its grid."""
    saved, rows = int(shared.sum()), _row_lengths(lengths, shared)
    scores = len(rows) * int(rows.max()) ** 2 - len(lengths) * int(lengths.max()) ** 2
    return LEAST_SAVED * saved >= int(lengths.sum()) and scores <= SCORES_A_TOKEN * saved


def _row_lengths(lengths: Ids, shared: Ids) -> Ids:
    rows: Ids = np.add.reduceat(lengths - shared, np.flatnonzero(shared == 0))
    return rows


def _tree(lengths: Ids, shared: Ids) -> Tree:
    """`shared` is 0 where a sequence begins a row; the order is depth first because each goes on from the last."""
    count = int((lengths - shared).sum())
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
    row_sequences = np.bincount(np.cumsum(shared == 0) - 1)
    return Tree(np.concatenate(places), before, closes, _row_lengths(lengths, shared), row_sequences)
