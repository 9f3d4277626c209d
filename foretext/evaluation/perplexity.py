"""How well a language model predicts text: the mean negative log-likelihood of a token, and its exponential."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from foretext.batch import Batch, pack
from foretext.group import ALONE, Group
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


def perplexity(model: GPT, batches: Iterable[Batch], group: Group = ALONE) -> Perplexity:
    """The mean over all predicted tokens of `batches`; the softmax runs over the vocabulary alone (recipe point 9).

    The processes of `group` share the batches, and all get the result that one alone gets, to the bit.
    """
    device = model.embedding.device
    found: list[tuple[int, float, int]] = []  # of a batch its number, its sum and how many tokens it predicts
    with model.evaluating(), torch.no_grad():
        for number, batch, counts in group.shared(batches):
            sequences = Sequences.of(batch, device)
            values = next_token_log_probabilities(model, sequences)
            if counts:
                found.append((number, float(values.double().sum()), len(values)))
    total, count = 0.0, 0
    for _, value, tokens in sorted(each for mine in group.gathered_json(found) for each in mine):
        total, count = total - value, count + tokens
    return Perplexity(total / max(1, count), count)


@dataclass(frozen=True)
class Window:
    """Tokens that the model reads at once, of which it predicts the last `scored`."""

    ids: Sequence[int]
    scored: int


def sliding_windows(ids: Sequence[int], *, context: int, stride: int) -> Iterator[Window]:
    """Windows in which every token but the first is predicted once, and stands as far back as it can.

    ids = [0 1 2 3 4 5 6]     context 4, stride 2
    [0 1 2 3]                 predicts 1 2 3
        [2 3 4 5]             predicts 4 5
          [3 4 5 6]           predicts 6

    So a token has `context - stride` tokens before it at least, or all there are.

    Raises:
        ValueError: `stride` is not between 1 and `context - 1`.
    """
    if not 1 <= stride < context:
        raise ValueError(f"stride {stride} should be 1 to {context - 1}")
    end = min(len(ids), context)
    if end > 1:
        yield Window(ids[:end], end - 1)
    while end < len(ids):
        scored = min(stride, len(ids) - end)
        end += scored
        yield Window(ids[end - context : end], scored)


def log_likelihood(model: GPT, windows: Sequence[Window]) -> float:
    """The sum of log P over the tokens that `windows` predict; the softmax runs over the vocabulary alone."""
    sequences = Sequences.of(pack([[list(window.ids)] for window in windows]), model.embedding.device)
    ends = np.cumsum([len(window.ids) for window in windows])
    places = [np.arange(end - window.scored, end) for window, end in zip(windows, ends, strict=True)]
    targets = torch.from_numpy(np.concatenate(places)).to(model.embedding.device)
    with model.evaluating(), torch.no_grad():
        hidden = model(sequences, at=targets - 1)
        vocabulary = hidden.matrix[: model.settings.vocabulary]
        values = token_log_probabilities(hidden.states, vocabulary, sequences.tokens[targets])
    return float(values.double().sum())


def next_token_log_probabilities(model: GPT, sequences: Sequences) -> torch.Tensor:
    """log P of every token but the first of each sequence, in order: `(tokens - sequences,)`."""
    hidden = model(sequences)
    has_next = torch.ones_like(sequences.tokens, dtype=torch.bool)
    has_next[sequences.ends] = False
    sources = has_next.nonzero().squeeze(1)
    vocabulary = hidden.matrix[: model.settings.vocabulary]
    return token_log_probabilities(hidden.states[sources], vocabulary, sequences.tokens[sources + 1])
