"""A packed batch as tensors, with what the decoder needs to find its way in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foretext.batch import Batch


@dataclass(frozen=True)
class Sequences:
    """Token ids of all sequences end to end, and where each sequence lies.

    lengths   = [3 2]
    positions = [0 1 2 0 1]     place of each token in its own sequence
    slots     = [0 1 2 3 4]     place of each token in a (sequences, longest) grid, row by row; a grid place
                                that is no token exists only inside attention
    ends      = [2 4]           the last token of each sequence, the extract token in fine-tuning
    """

    tokens: Tensor  # (tokens,)
    positions: Tensor  # (tokens,)
    slots: Tensor  # (tokens,)
    ends: Tensor  # (sequences,)
    lengths: Tensor  # (sequences,)
    examples: Tensor  # (sequences,)
    labels: Tensor | None  # (examples,)
    longest: int
    example_count: int

    @classmethod
    def of(cls, batch: Batch, device: torch.device | str = "cpu") -> Sequences:
        """`batch` on `device`.

        Raises:
            ValueError: a sequence is empty.
        """
        lengths = batch.lengths
        if not len(lengths) or lengths.min() < 1:
            raise ValueError("every sequence of a batch needs at least one token")
        longest = int(lengths.max())
        ends = np.cumsum(lengths)
        positions = np.arange(len(batch.tokens)) - np.repeat(ends - lengths, lengths)
        slots = positions + np.repeat(np.arange(len(lengths)) * longest, lengths)

        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)

        return cls(
            tokens=tensor(batch.tokens),
            positions=tensor(positions),
            slots=tensor(slots),
            ends=tensor(ends - 1),
            lengths=tensor(lengths),
            examples=tensor(batch.examples),
            labels=None if batch.labels is None else tensor(batch.labels),
            longest=longest,
            example_count=batch.example_count,
        )

    @property
    def sequence_count(self) -> int:
        return len(self.lengths)

    @property
    def even(self) -> bool:
        """Whether all sequences have one length, so that the grid has no empty place."""
        return self.sequence_count * self.longest == len(self.tokens)

    def spread(self, values: Tensor) -> Tensor:
        """`(tokens, …)` laid out as `(sequences, longest, …)`, zero where there is no token."""
        shape = (self.sequence_count, self.longest, *values.shape[1:])
        if self.even:
            return values.view(shape)
        grid = values.new_zeros((self.sequence_count * self.longest, *values.shape[1:]))
        return grid.index_copy(0, self.slots, values).view(shape)

    def gather(self, grid: Tensor) -> Tensor:
        """`(sequences, longest, …)` back to `(tokens, …)`: the inverse of `spread`."""
        flat = grid.reshape(self.sequence_count * self.longest, *grid.shape[2:])
        return flat if self.even else flat.index_select(0, self.slots)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of `values` `(tokens, …)` over the tokens of each sequence: `(sequences, …)`."""
        owners = torch.repeat_interleave(self.lengths, output_size=len(self.tokens))
        total = values.new_zeros((self.sequence_count, *values.shape[1:])).index_add(0, owners, values)
        return total / self.lengths[:, None]

    def by_example(self, values: Tensor) -> Tensor:
        """The sum of `values` `(sequences, …)` over the sequences of each example: `(examples, …)`."""
        total = values.new_zeros((self.example_count, *values.shape[1:]))
        return total.index_add(0, self.examples, values)
