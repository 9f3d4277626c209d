"""The one shape in which the text side hands work to the tensor side: packed sequences of token ids.

Nothing is padded. The ids of all sequences stand end to end; `lengths` says where each ends and `examples` to which
example it belongs: one sequence an example in classification and entailment, two in similarity, one for each
answer in multiple choice. A pre-training batch is the same thing with equal lengths.

    example 0: [7 8 9]            tokens   = [7 8 9 4 5 4 6 6]
    example 1: [4 5] and [4 6 6]  lengths  = [3 2 3]
                                  examples = [0 1 1]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

# How the sequences of an example meet in the task head: it has one; their states are added; one is chosen among them.
Combine = Literal["one", "add", "choose"]
# What a task head learns: a class, the right answer, a score as a soft choice among grades or by least squares, any
# number of labels, or a tag for each token.
Target = Literal["classes", "answers", "grades", "value", "labels", "tags"]
# What a token sees of its own sequence: itself and what comes before it, or all.
Attend = Literal["causal", "both"]
UNTAGGED = -1  # the tag of a token of which none is read
NO_BLANK = -1  # where a token is what it seems

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Sequences of token ids, packed, with what each example is to be taught.

    `labels` is None where there is nothing to learn but the text itself (pre-training, prediction). For classes it is
    int64 `(examples,)`; for multiple choice the index of the right answer, counted within its example; for scores
    float64 `(examples,)`; for sets of labels float64 `(examples, labels)`, 1 for each that is there, else 0.
    """

    tokens: Ids  # (tokens,)
    lengths: Ids  # (sequences,)
    examples: Ids  # (sequences,), ascending from 0 without gaps
    labels: Ids | Floats | None = None  # (examples, …)
    tags: Ids | None = None  # (tokens,), where each token has a label of its own; UNTAGGED where it has none
    weights: Floats | None = None  # (examples,), as how many each counts; None: as one
    # (tokens,), where a mask stands in `tokens` the token that it hides, else NO_BLANK. A sequence with blanks is read
    # both ways, and stands behind all that are not.
    blanks: Ids | None = None

    @property
    def sequence_count(self) -> int:
        """How many sequences there are."""
        return len(self.lengths)

    @property
    def example_count(self) -> int:
        """How many examples there are."""
        return int(self.examples[-1]) + 1 if len(self.examples) else 0

    @property
    def with_blanks(self) -> int:
        """How many sequences have blanks."""
        if self.blanks is None:
            return 0
        starts = np.cumsum(self.lengths) - self.lengths
        return int(np.logical_or.reduceat(self.blanks != NO_BLANK, starts).sum())

    def split(self, examples_each: int) -> list[Batch]:
        """The same batch as consecutive parts of at most `examples_each` examples, for gradient accumulation."""
        token_ends = np.concatenate([[0], np.cumsum(self.lengths)])
        parts = []
        for first in range(0, self.example_count, examples_each):
            low, high = np.searchsorted(self.examples, [first, first + examples_each])
            parts.append(
                Batch(
                    tokens=self.tokens[token_ends[low] : token_ends[high]],
                    lengths=self.lengths[low:high],
                    examples=self.examples[low:high] - first,
                    labels=None if self.labels is None else self.labels[first : first + examples_each],
                    tags=None if self.tags is None else self.tags[token_ends[low] : token_ends[high]],
                    weights=None if self.weights is None else self.weights[first : first + examples_each],
                    blanks=None if self.blanks is None else self.blanks[token_ends[low] : token_ends[high]],
                )
            )
        return parts


def pack(
    sequences: Sequence[Sequence[Sequence[int]]],
    labels: Sequence[Any] | None = None,
    tags: Sequence[Sequence[Sequence[int]]] | None = None,
    weights: Sequence[float] | None = None,
) -> Batch:
    """One batch from the sequences of each example: `sequences[example][sequence][token]`, and so their tags."""
    flat = _flat(sequences)
    owners = np.repeat(np.arange(len(sequences)), [len(example) for example in sequences])
    return Batch(
        tokens=np.concatenate(flat) if flat else np.empty(0, dtype=np.int64),
        lengths=np.array([len(ids) for ids in flat], dtype=np.int64),
        examples=owners.astype(np.int64),
        labels=None if labels is None else np.asarray(labels),
        tags=None if tags is None else np.concatenate(_flat(tags)),
        weights=None if weights is None else np.asarray(weights, dtype=np.float64),
    )


def _flat(sequences: Sequence[Sequence[Sequence[int]]]) -> list[Ids]:
    """The sequences of all examples, one after the other."""
    return [np.asarray(ids, dtype=np.int64) for example in sequences for ids in example]
