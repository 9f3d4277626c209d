"""What training makes small: L1 over text, L2 over labels, and L3 = L2 + λ·L1.

Signs are turned: the paper maximises log-likelihoods, these are means of negative ones. An objective is a module, so
that engine and precision wrap the whole of what one update computes. Its parts are divided by the counts of the
*whole* batch, so micro-batches of any size add up to the same loss and gradient.

Source: Radford et al. 2018, equations 1 to 5; recipe points 9 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foretext.model.gpt import GPT, Hidden
from foretext.model.likelihood import weighted_cross_entropy
from foretext.model.sequences import Sequences


@dataclass(frozen=True)
class Counts:
    """Of the whole batch an update sees, over all micro-batches and processes."""

    sequences: int
    examples: int


class LanguageModelling(nn.Module):
    """L1: predict each next token; the softmax runs over the vocabulary alone."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, sequences: Sequences, counts: Counts) -> dict[str, Tensor]:
        hidden = self.model(sequences)
        loss = language_model_loss(hidden, sequences, counts, rows=self.model.settings.vocabulary)
        return {"loss": loss}


class FineTuning(nn.Module):
    """L3 = L2 + λ·L1; with λ = 0 no logits over the vocabulary are computed at all."""

    def __init__(self, model: GPT, language_model_weight: float) -> None:
        super().__init__()
        self.model = model
        self.language_model_weight = language_model_weight

    def forward(self, sequences: Sequences, counts: Counts) -> dict[str, Tensor]:
        hidden = self.model(sequences)
        assert self.model.head is not None, "fine-tuning needs a head"
        task = self.model.head.loss(self.model.scores(hidden, sequences), sequences) / counts.examples
        if not self.language_model_weight:
            return {"loss": task, "task_loss": task.detach()}
        text = language_model_loss(hidden, sequences, counts, rows=self.model.settings.rows)
        total = task + self.language_model_weight * text
        return {"loss": total, "task_loss": task.detach(), "text_loss": text.detach()}


def language_model_loss(hidden: Hidden, sequences: Sequences, counts: Counts, *, rows: int) -> Tensor:
    """L1: the mean over a sequence's targets, then over the batch's sequences; every token but the first is a target.

    `rows` is how many rows of the embedding matrix the softmax runs over. A sequence of one token has no target and
    counts as a loss of 0.
    """
    has_next = torch.ones_like(sequences.tokens, dtype=torch.bool)
    has_next[sequences.ends] = False
    sources = has_next.nonzero().squeeze(1)
    targets = sequences.tokens[sources + 1]
    target_counts = torch.repeat_interleave(
        sequences.lengths - 1, sequences.lengths - 1, output_size=len(sources)
    )  # (targets,)
    weights = 1.0 / (target_counts.to(hidden.matrix.dtype) * counts.sequences)
    return weighted_cross_entropy(hidden.states.index_select(0, sources), hidden.matrix[:rows], targets, weights)
