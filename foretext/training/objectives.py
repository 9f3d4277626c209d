"""What training makes small: L1 over text, L2 over labels, and L3 = L2 + λ·L1; in text also what a mask hides.

Signs are turned: the paper maximises log-likelihoods, these are means of negative ones. An objective is a module, so
that engine and precision wrap the whole of what one update computes. Its parts are divided by the counts of the
*whole* batch, so micro-batches of any size add up to the same loss and gradient.

Source: Radford et al. 2018, equations 1 to 5; points 9 and 10 of its recipe, which docs/paper-map.md numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foretext.model.gpt import GPT, Hidden
from foretext.model.kernels.likelihood import weighted_cross_entropy
from foretext.model.sequences import Sequences
from foretext.training.plan import Plan


@dataclass(frozen=True)
class Counts:
    """Of the whole batch an update sees, over all micro-batches and processes."""

    sequences: int
    examples: int
    tokens: int = 0
    with_blanks: int = 0  # of the sequences


class LanguageModelling(nn.Module):
    """L1: predict each next token; the softmax runs over the vocabulary alone.

    In sequences with blanks, which are read both ways, what is hidden is predicted instead.
    """

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, sequences: Sequences, counts: Counts) -> dict[str, Tensor]:
        """`loss`, the share that these sequences have in the batch's L1.

        In a batch with blanks the mean over all sequences; `causal_loss` and `masked_loss` are the means over either.
        """
        hidden, compiled = self.model(sequences), self.model.compiled is not None
        rows = self.model.settings.vocabulary
        loss = language_model_loss(hidden, sequences, counts, rows=rows, compiled=compiled)
        if not counts.with_blanks:
            return {"loss": loss}
        masked = masked_loss(hidden, sequences, counts, rows=rows, compiled=compiled)
        parts = {"masked_loss": masked.detach() * (counts.sequences / counts.with_blanks)}
        if causal := counts.sequences - counts.with_blanks:
            parts["causal_loss"] = loss.detach() * (counts.sequences / causal)
        return {"loss": loss + masked, **parts}


class FineTuning(nn.Module):
    """L3 = L2 + λ·L1; with λ = 0 no logits over the vocabulary are computed at all.

    The plan says λ, over which rows the softmax of L1 runs, and whose answers count in it.
    """

    def __init__(self, model: GPT, plan: Plan) -> None:
        super().__init__()
        self.model = model
        assert not (plan.language_model_weight and plan.attend == "both"), "what is seen is not predicted"
        self.language_model_weight = plan.language_model_weight
        self.rows = plan.softmax_rows or model.settings.output_rows
        self.right_answers_only = plan.answer_losses == "right"

    def forward(self, sequences: Sequences, counts: Counts) -> dict[str, Tensor]:
        """`loss`, the share that these sequences have in the batch's L3, and its parts `task_loss` and `text_loss`."""
        hidden = self.model(sequences, softmax=self.language_model_weight > 0)
        assert self.model.head is not None, "fine-tuning needs a head"
        task = self.model.head.loss(self.model.scores(hidden, sequences), sequences) / counts.examples
        if not self.language_model_weight:
            return {"loss": task, "task_loss": task.detach()}
        counted = self.model.head.right_sequences(sequences) if self.right_answers_only else None
        text = language_model_loss(
            hidden, sequences, counts, rows=self.rows, counted=counted, compiled=self.model.compiled is not None
        )
        total = task + self.language_model_weight * text
        return {"loss": total, "task_loss": task.detach(), "text_loss": text.detach()}


Objective = LanguageModelling | FineTuning


def language_model_loss(
    hidden: Hidden,
    sequences: Sequences,
    counts: Counts,
    *,
    rows: int,
    counted: Tensor | None = None,
    compiled: bool = False,
) -> Tensor:
    """L1: the mean over a sequence's targets, then over the batch's sequences; every token but the first is a target.

    `rows` is how many rows of the matrix the softmax runs over; `counted` are the sequences that count, one
    an example, where not all do. Examples that have weights count by them. A sequence of one token has no target and
    counts as a loss of 0. A token that is in several sequences is computed once and counts for each of them. Nothing
    here makes the host wait for an accelerator, save `counted`.
    """
    exact = torch.promote_types(hidden.matrix.dtype, torch.float32)  # the matrix may be in halves
    places, weights = _targets(sequences, counts, counted, exact)
    states = hidden.states.index_select(0, sequences.before(places))
    targets = sequences.tokens.index_select(0, places)
    matrix = hidden.matrix if rows == len(hidden.matrix) else hidden.matrix[:rows]  # a slice's gradient is a copy
    return weighted_cross_entropy(states, matrix, targets, weights, compiled=compiled)


def masked_loss(hidden: Hidden, sequences: Sequences, counts: Counts, *, rows: int, compiled: bool = False) -> Tensor:
    """The mean over a sequence's blanks, then over the batch's sequences: each is predicted from the place before it.

    Source: Charpentier and Samuel 2024 (arXiv 2410.24159), section 3.
    """
    exact = torch.promote_types(hidden.matrix.dtype, torch.float32)
    blanks = sequences.blanks
    if blanks is None:
        return hidden.states.new_zeros((), dtype=exact)
    states = hidden.states.index_select(0, blanks.places - 1)
    weights = 1.0 / (blanks.counts.to(exact) * counts.sequences)
    matrix = hidden.matrix if rows == len(hidden.matrix) else hidden.matrix[:rows]
    return weighted_cross_entropy(states, matrix, blanks.hidden, weights, compiled=compiled)


def _targets(sequences: Sequences, counts: Counts, counted: Tensor | None, exact: torch.dtype) -> tuple[Tensor, Tensor]:
    """The indices of the targets of L1, and what each weighs: 1 / (targets of its sequence · sequences that count).

    Where examples have weights, that many times as much.
    """
    among = counts.sequences if counted is None else counts.examples
    weights = 1.0 / ((sequences.lengths - 1).to(exact) * among)
    if sequences.weights is not None:
        weights = weights * sequences.weights.to(exact).index_select(0, sequences.examples)
    if counted is None:
        return sequences.predicted(weights)
    weights = torch.zeros_like(weights).index_copy(0, counted, weights.index_select(0, counted))
    places, weights = sequences.predicted(weights)
    of_counted = weights.nonzero().squeeze(1)
    return places[of_counted], weights[of_counted]
