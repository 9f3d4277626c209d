"""Which examples an update sees: a pure function of seed and update number, so a resume needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretext.batch import Batch, pack
from foretext.errors import DataError
from foretext.tasks.examples import Encoded

BATCH = 32  # Radford et al. 2018, section 4.1
FAMILY_IDS = 8  # examples whose first ids are these lie side by side, so that the model reads what they share once
TOKENS_PER_BATCH = 8_192  # where nothing is learned: some 400 sentences, or 16 sequences of the paper's context


@dataclass(frozen=True)
class EpochBatches:
    """Random batches of `batch` examples; each epoch is a new shuffle of all of them.

    The last partial batch of an epoch is dropped (recipe point 2); or, with `last_batch` "spread", the epoch is cut
    into one batch more, all of nearly one size. With fewer examples than one batch, all of them are the one, smaller,
    batch of an epoch.

    Raises:
        DataError: there are no examples.
    """

    encoded: Sequence[Encoded]
    batch: int = BATCH
    seed: int = 0
    last_batch: Literal["drop", "spread"] = "drop"

    def __post_init__(self) -> None:
        if not self.encoded:
            raise DataError("there is nothing to train on: no examples")

    @property
    def examples_per_update(self) -> int:
        """`batch`, or all examples where there are fewer; the largest where sizes differ."""
        return min(self.batch, len(self.encoded))

    @property
    def updates_per_epoch(self) -> int:
        """Batches in the examples, 1 at least."""
        return updates_per_epoch(len(self.encoded), self.batch, self.last_batch)

    def indices(self, update: int, order: int = 0) -> list[int]:
        """Which examples update `update` (from 0) sees; each `order` shuffles them otherwise."""
        epoch, place = divmod(update, self.updates_per_epoch)
        used = len(self.encoded)
        if self.last_batch == "drop":
            used = self.updates_per_epoch * self.examples_per_update
        first, end = (used * part // self.updates_per_epoch for part in (place, place + 1))
        shuffled = _shuffle(len(self.encoded), self.seed, epoch, order)
        return [int(index) for index in shuffled[first:end]]

    def at(self, update: int, rank: int = 0, world: int = 1, order: int = 0) -> Batch:
        """The batch of update `update`; of `world` processes, the share of process `rank`.

        The shares of all ranks, end to end, are the batch of a single process.
        """
        indices = self.indices(update, order)
        low, high = (len(indices) * part // world for part in (rank, rank + 1))
        return packed([self.encoded[index] for index in indices[low:high]])


def updates_per_epoch(examples: int, batch: int, last_batch: Literal["drop", "spread"]) -> int:
    """How many batches `EpochBatches` makes of so many examples."""
    whole, left = divmod(examples, min(batch, examples))
    return whole + bool(left and last_batch == "spread")


def length_sorted(
    encoded: Sequence[Encoded], tokens_per_batch: int = TOKENS_PER_BATCH
) -> Iterator[tuple[list[int], Batch]]:
    """All examples as batches of similar length, longest first, each with the indices of its examples.

    Examples that begin alike (questions about one document, hypotheses about one premise) are a family, which has the
    length of its longest. A batch holds at most `tokens_per_batch` tokens, or one example that is longer.
    """
    families: dict[tuple[int, ...], list[int]] = {}
    for index, item in enumerate(encoded):
        families.setdefault(tuple(item.sequences[0][:FAMILY_IDS]), []).append(index)

    def longest(family: list[int]) -> int:
        return max(len(ids) for index in family for ids in encoded[index].sequences)

    in_order = sorted(families.values(), key=longest, reverse=True)
    order = [index for family in in_order for index in sorted(family, key=lambda one: encoded[one].sequences[0])]
    indices: list[int] = []
    tokens = 0
    for index in order:
        size = sum(map(len, encoded[index].sequences))
        if indices and tokens + size > tokens_per_batch:
            yield indices, packed([encoded[place] for place in indices])
            indices, tokens = [], 0
        indices.append(index)
        tokens += size
    if indices:
        yield indices, packed([encoded[place] for place in indices])


def packed(encoded: Sequence[Encoded]) -> Batch:
    """The examples as one packed batch; without labels if any of them has none."""
    labels = [item.label for item in encoded if item.label is not None]
    tags = [item.tags for item in encoded if item.tags is not None]
    weights = [item.weight for item in encoded]
    return pack(
        [item.sequences for item in encoded],
        labels if len(labels) == len(encoded) else None,
        tags if len(tags) == len(encoded) else None,
        weights if any(weight != 1 for weight in weights) else None,
    )


@lru_cache(maxsize=2)
def _shuffle(count: int, seed: int, epoch: int, order: int) -> npt.NDArray[np.int64]:
    """The order of `count` examples in an epoch."""
    drawn_from = [seed, epoch, *([order] if order else [])]
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(drawn_from)))
    return generator.permutation(count)
