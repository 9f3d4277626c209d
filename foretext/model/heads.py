"""From the states at the extract tokens to scores of classes, of answers or on a scale, and their loss L2.

One linear layer W_y does all of it; kinds of task differ in how the sequences of an example meet:

    one      an example is one sequence; a score for each class          classification, entailment, regression
    add      an example is two sequences whose states are added          similarity
    choose   an example is one sequence an answer; one score each,       multiple choice
             softmax over the answers of the example

Source: Radford et al. 2018, sections 3.2 and 3.3, Figure 1; recipe points 12 and 16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from foretext.model.kernels.dropout import dropout
from foretext.model.sequences import Sequences

if TYPE_CHECKING:
    from foretext.model.settings import HeadSettings


class TaskHead(nn.Module):
    """W_y with its dropout; new weights are drawn as the decoder's are, the bias is 0."""

    def __init__(self, settings: HeadSettings, width: int) -> None:
        super().__init__()
        self.settings = settings
        self.linear = nn.Linear(width, settings.outputs)

    def forward(self, states: Tensor, sequences: Sequences) -> Tensor:
        """Scores from a state of each sequence, `(sequences, width)`.

        Returns `(examples, outputs)`; for `choose`, `(sequences,)`: one score an answer.
        """
        if self.training and self.settings.dropout:
            ones = states.new_ones(sequences.example_count, states.shape[-1])
            mask = dropout(ones, self.settings.dropout, self.training)
            states = states * mask.index_select(0, sequences.examples)
        if self.settings.combine == "add":
            states = sequences.by_example(states)
        scores = self.linear(states)
        if scores.dtype.itemsize < 4:  # halves, as autocast leaves them: softmax and loss want more digits
            scores = scores.float()
        return scores.squeeze(-1) if self.settings.combine == "choose" else scores  # type: ignore[no-any-return]

    def loss(self, scores: Tensor, sequences: Sequences) -> Tensor:
        """L2 of the batch with its sign turned: the sum over its examples, to be divided by their number."""
        labels = sequences.labels
        assert labels is not None, "a batch without labels has no L2"
        if self.settings.target == "value":
            wanted = (labels.to(scores.dtype) - self.settings.low) / self.settings.step
            return (scores.squeeze(-1) - wanted).square().sum()
        if self.settings.target == "grades":
            return -(self._soft_grades(labels.to(scores.dtype)) * scores.log_softmax(-1)).sum()
        if self.settings.combine == "choose":
            return -_log_softmax_within_examples(scores, sequences).index_select(0, right_answers(sequences)).sum()
        return functional.cross_entropy(scores, labels, reduction="sum")

    def probabilities(self, scores: Tensor, sequences: Sequences) -> Tensor:
        """Probabilities of classes or grades `(examples, outputs)`, or of answers `(sequences,)`."""
        if self.settings.combine == "choose":
            return _log_softmax_within_examples(scores, sequences).exp()
        return scores.softmax(-1)

    def values(self, scores: Tensor) -> Tensor:
        """Predicted scores on the scale of the labels, `(examples,)`; for grades the expected one."""
        if self.settings.target == "value":
            return scores.squeeze(-1) * self.settings.step + self.settings.low
        grades = torch.arange(self.settings.outputs, device=scores.device, dtype=scores.dtype)
        return scores.softmax(-1) @ (self.settings.low + self.settings.step * grades)

    def _soft_grades(self, labels: Tensor) -> Tensor:
        """A score between two grades as shares of both: 3.25 on 0 … 5 is 0.75 of grade 3, 0.25 of grade 4."""
        place = ((labels - self.settings.low) / self.settings.step).clamp(0, self.settings.outputs - 1)
        grades = torch.arange(self.settings.outputs, device=labels.device, dtype=labels.dtype)
        return (1 - (place[:, None] - grades).abs()).clamp(min=0)


def right_answers(sequences: Sequences) -> Tensor:
    """The index of the sequence that holds each example's right answer, `(examples,)`; the labels say which it is."""
    assert sequences.labels is not None, "without labels no answer is right"
    counts = torch.bincount(sequences.examples, minlength=sequences.example_count)
    return counts.cumsum(0) - counts + sequences.labels


def _log_softmax_within_examples(scores: Tensor, sequences: Sequences) -> Tensor:
    """log softmax of `(sequences,)` over the sequences of each example."""
    highest = scores.new_full((sequences.example_count,), -torch.inf)
    highest = highest.scatter_reduce(0, sequences.examples, scores.detach(), "amax")
    shifted = scores - highest.index_select(0, sequences.examples)
    return shifted - sequences.by_example(shifted.exp()).log().index_select(0, sequences.examples)
