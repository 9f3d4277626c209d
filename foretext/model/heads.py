"""From the states at the extract tokens to scores of classes, of answers or on a scale, and their loss L2.

One linear layer W_y does all of it; kinds of task differ in how the sequences of an example meet:

    one      an example is one sequence; a score for each class          classification, entailment, regression
    add      an example is two sequences whose states are added          similarity
    choose   an example is one sequence an answer; one score each,       multiple choice
             softmax over the answers of the example

and in what is learned, a small class each: `losses` are L2 of a batch, `decode` what an answer is made of.

Source: Radford et al. 2018, sections 3.2 and 3.3, Figure 1; recipe points 12 and 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from foretext.batch import UNTAGGED, Target
from foretext.model.kernels.dropout import dropout
from foretext.model.sequences import Sequences

if TYPE_CHECKING:
    from foretext.model.settings import HeadSettings

Per = Literal["example", "sequence", "token"]  # what there is a row of outputs for


class TaskHead(nn.Module):
    """W_y with its dropout; new weights are drawn as the decoder's are, the bias is 0."""

    def __init__(self, settings: HeadSettings, width: int) -> None:
        super().__init__()
        self.settings = settings
        self.linear = nn.Linear(width, settings.outputs)
        self.target = TARGETS[settings.target](settings)

    def forward(self, states: Tensor, sequences: Sequences) -> Tensor:
        """Scores from a state of each sequence, `(sequences, width)`, or of each token of all of them.

        Returns `(examples, outputs)`; of answers `(sequences, 1)`: one score each; of tags `(tokens, outputs)`.
        """
        if self.training and self.settings.dropout:
            ones = states.new_ones(sequences.example_count, states.shape[-1])
            mask = dropout(ones, self.settings.dropout, self.training)
            owners = sequences.examples
            if self.settings.reads == "tokens":
                owners = owners.index_select(0, sequences.owners())
            states = states * mask.index_select(0, owners)
        if self.settings.combine == "add":
            states = sequences.by_example(states)
        scores: Tensor = self.linear(states)
        # Halves, as autocast leaves them, are widened: softmax and loss want more digits.
        return scores.float() if scores.dtype.itemsize < 4 else scores

    def loss(self, scores: Tensor, sequences: Sequences) -> Tensor:
        """L2 of the batch with its sign turned: the sum over its examples by weight, to be divided by their number."""
        losses = self.target.losses(scores, sequences)
        return losses.sum() if sequences.weights is None else (losses * sequences.weights).sum()

    def decode(self, scores: Tensor) -> Tensor:
        """What an answer is made of, a row for each example, for each of its answers, or for each of its tokens."""
        return self.target.decode(scores)

    @property
    def per(self) -> Per:
        """What `decode` has a row for."""
        return self.target.per

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        """The sequence that holds each example's right answer, `(examples,)`; None where an example has no answers."""
        return self.target.right_sequences(sequences)


class TargetOfHead(Protocol):
    """What a head learns, and how its scores are read."""

    per: Per

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        """L2 with its sign turned, `(examples,)`; `scores` are those of `TaskHead.forward`."""

    def decode(self, scores: Tensor) -> Tensor:
        """What an answer is made of: a row for each example, sequence or token, as `per` says."""

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        """The sequence that holds each example's right answer, `(examples,)`; None where examples have no answers."""


class Classes:
    """A class for each example: softmax and cross-entropy over `(examples, classes)`."""

    per: Per = "example"

    def __init__(self, settings: HeadSettings) -> None:
        pass

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        return functional.cross_entropy(scores, _labels(sequences), reduction="none")

    def decode(self, scores: Tensor) -> Tensor:
        """The scores themselves, before the softmax: `(examples, classes)`."""
        return scores

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        return None


class Answers:
    """The right one of an example's answers: softmax and cross-entropy over the sequences of each example."""

    per: Per = "sequence"

    def __init__(self, settings: HeadSettings) -> None:
        pass

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        right = self.right_sequences(sequences)
        return -log_softmax_within_examples(scores.squeeze(-1), sequences).index_select(0, right)

    def decode(self, scores: Tensor) -> Tensor:
        """The scores themselves, before the softmax: `(sequences, 1)`."""
        return scores

    def right_sequences(self, sequences: Sequences) -> Tensor:
        counts = torch.bincount(sequences.examples, minlength=sequences.example_count)
        return counts.cumsum(0) - counts + _labels(sequences)


class Grades:
    """A score as a soft choice among grades `step` apart from `low` on: cross-entropy with shares of two grades."""

    per: Per = "example"

    def __init__(self, settings: HeadSettings) -> None:
        self.outputs, self.low, self.step = settings.outputs, settings.low, settings.step

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        return -(self.soft(_labels(sequences).to(scores.dtype)) * scores.log_softmax(-1)).sum(-1)

    def decode(self, scores: Tensor) -> Tensor:
        """The expected score, then the probability of each grade: `(examples, 1 + grades)`."""
        grades = torch.arange(self.outputs, device=scores.device, dtype=scores.dtype)
        probabilities = scores.softmax(-1)
        expected = probabilities @ (self.low + self.step * grades)
        return torch.cat([expected.unsqueeze(-1), probabilities], dim=-1)

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        return None

    def soft(self, labels: Tensor) -> Tensor:
        """A score between two grades as shares of both: 3.25 on 0 … 5 is 0.75 of grade 3, 0.25 of grade 4."""
        place = ((labels - self.low) / self.step).clamp(0, self.outputs - 1)
        grades = torch.arange(self.outputs, device=labels.device, dtype=labels.dtype)
        return (1 - (place[:, None] - grades).abs()).clamp(min=0)


class Value:
    """A score by least squares, in steps of `step` from `low`."""

    per: Per = "example"

    def __init__(self, settings: HeadSettings) -> None:
        self.low, self.step = settings.low, settings.step

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        wanted = (_labels(sequences).to(scores.dtype) - self.low) / self.step
        return (scores.squeeze(-1) - wanted).square()

    def decode(self, scores: Tensor) -> Tensor:
        """The score, `(examples, 1)`."""
        return scores * self.step + self.low

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        return None


class Labels:
    """Any number of labels for each example: a sigmoid and binary cross-entropy for each of `(examples, labels)`."""

    per: Per = "example"

    def __init__(self, settings: HeadSettings) -> None:
        pass

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        wanted = _labels(sequences).to(scores.dtype)
        return functional.binary_cross_entropy_with_logits(scores, wanted, reduction="none").sum(-1)

    def decode(self, scores: Tensor) -> Tensor:
        """The scores themselves, before the sigmoid: `(examples, labels)`."""
        return scores

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        return None


class Tags:
    """A tag for each token that is read: softmax and cross-entropy, the mean over the tokens of an example."""

    per: Per = "token"

    def __init__(self, settings: HeadSettings) -> None:
        pass

    def losses(self, scores: Tensor, sequences: Sequences) -> Tensor:
        assert sequences.tags is not None, "a batch without tags has no L2"
        read = sequences.tags != UNTAGGED
        owners = sequences.examples.index_select(0, sequences.owners())
        counts = scores.new_zeros(sequences.example_count).index_add(0, owners, read.to(scores.dtype))
        losses = functional.cross_entropy(scores, sequences.tags, reduction="none", ignore_index=UNTAGGED)
        means = losses / counts.clamp(min=1).index_select(0, owners)
        return means.new_zeros(sequences.example_count).index_add(0, owners, means)

    def decode(self, scores: Tensor) -> Tensor:
        """The logarithm of the probability of each tag: `(tokens, tags)`."""
        return scores.log_softmax(-1)

    def right_sequences(self, sequences: Sequences) -> Tensor | None:
        return None


TARGETS: dict[Target, Callable[[HeadSettings], TargetOfHead]] = {
    "classes": Classes,
    "answers": Answers,
    "grades": Grades,
    "value": Value,
    "labels": Labels,
    "tags": Tags,
}


def _labels(sequences: Sequences) -> Tensor:
    assert sequences.labels is not None, "a batch without labels has no L2"
    return sequences.labels


def log_softmax_within_examples(scores: Tensor, sequences: Sequences) -> Tensor:
    """log softmax of `(sequences,)` over the sequences of each example."""
    highest = scores.new_full((sequences.example_count,), -torch.inf)
    highest = highest.scatter_reduce(0, sequences.examples, scores.detach(), "amax")
    shifted = scores - highest.index_select(0, sequences.examples)
    return shifted - sequences.by_example(shifted.exp()).log().index_select(0, sequences.examples)
