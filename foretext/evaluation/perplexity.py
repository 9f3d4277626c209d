"""How well a language model predicts text: the mean negative log-likelihood of a token, and its exponential."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from foretext.batch import Batch
from foretext.model.gpt import GPT
from foretext.model.kernels.likelihood import token_log_probabilities
from foretext.model.sequences import Sequences


@dataclass(frozen=True)
class Perplexity:
    """`loss` is in nats a token; `perplexity` is e to its power."""

    loss: float
    tokens: int  # predicted: the first of each sequence is only read

    @property
    def perplexity(self) -> float:
        """e to the power of the loss: 1 for a text that is certain."""
        return math.exp(min(self.loss, 700.0))  # e^700 is near the largest float


def perplexity(model: GPT, batches: Iterable[Batch]) -> Perplexity:
    """The mean over all predicted tokens of `batches`; the softmax runs over the vocabulary alone (recipe point 9)."""
    device = model.embedding.device
    total, count = 0.0, 0
    with model.evaluating(), torch.no_grad():
        for batch in batches:
            sequences = Sequences.of(batch, device)
            values = next_token_log_probabilities(model, sequences)
            total, count = total - float(values.double().sum()), count + len(values)
    return Perplexity(total / max(1, count), count)


def next_token_log_probabilities(model: GPT, sequences: Sequences) -> torch.Tensor:
    """log P of every token but the first of each sequence, in order: `(tokens - sequences,)`."""
    hidden = model(sequences)
    has_next = torch.ones_like(sequences.tokens, dtype=torch.bool)
    has_next[sequences.ends] = False
    sources = has_next.nonzero().squeeze(1)
    vocabulary = hidden.matrix[: model.settings.vocabulary]
    return token_log_probabilities(hidden.states[sources], vocabulary, sequences.tokens[sources + 1])
