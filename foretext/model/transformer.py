"""The decoder of the paper: blocks of causal self-attention and a feed-forward layer, normalised after each sum.

Source: Radford et al. 2018, sections 3.1 and 4.1; recipe points 1 and 11.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from foretext.model.dropout import dropout
from foretext.model.sequences import Sequences

if TYPE_CHECKING:
    from foretext.model.settings import ModelSettings

LAYER_NORM_EPSILON = 1e-5  # inside the square root, as in the released code
WRITTEN_OUT_LENGTH = 256  # tokens; up to here attention written out beats torch's kernel on a CPU (docs/log.md)
QUERIES_AT_ONCE = 128  # of attention written out; with fewer, its products get too small


class Attention(nn.Module):
    """Causal self-attention: each token's state from those of its own sequence up to itself.

    In a tree of sequences the same: a token sees those it continues, and none of another branch.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.attention_dropout = settings.attention_dropout
        self.query_key_value = nn.Linear(settings.width, 3 * settings.width)
        self.output = nn.Linear(settings.width, settings.width)

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`, or `(at, width)`; scores are divided by the root of a head's size."""
        grid = sequences.spread(self.query_key_value(states))  # (rows, longest_row, 3 * width)
        query, key, value = (
            part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in grid.chunk(3, dim=-1)
        )  # (rows, heads, longest_row, width / heads)
        mixed = attend(query, key, value, self.attention_dropout if self.training else 0.0, sequences.visible)
        return self.output(picked(sequences.gather(mixed.transpose(1, 2).flatten(2)), at))  # type: ignore[no-any-return]

    def go_on(self, states: Tensor, memory: KeysAndValues) -> Tensor:
        """`forward` for the next tokens of one sequence, `(tokens, width)`; `memory` has those before, then these."""
        query, key, value = self.query_key_value(states).view(len(states), 3, self.heads, -1).permute(1, 2, 0, 3)
        keys, values = memory.add(key, value)  # (heads, tokens so far, width / heads)
        visible = torch.ones(query.shape[1], keys.shape[1], dtype=torch.bool, device=keys.device)
        visible = visible.tril_(keys.shape[1] - query.shape[1])
        mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible)
        return self.output(mixed.transpose(0, 1).flatten(1))  # type: ignore[no-any-return]


class KeysAndValues:
    """What a layer's attention keeps of the tokens it has seen of one sequence, so that each is computed once."""

    def __init__(self, context: int) -> None:
        self.context = context
        self.seen = 0
        self.kept: tuple[Tensor, Tensor] | None = None  # each (heads, context, width / heads)

    def add(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens so far, the new ones `(heads, tokens, width / heads)` behind the others."""
        if self.kept is None:
            heads, _, width = key.shape
            self.kept = key.new_empty(heads, self.context, width), key.new_empty(heads, self.context, width)
        first, self.seen = self.seen, self.seen + key.shape[1]
        for kept, new in zip(self.kept, (key, value), strict=True):
            kept[:, first : self.seen] = new
        keys, values = self.kept
        return keys[:, : self.seen], values[:, : self.seen]


def picked(values: Tensor, at: Tensor | None) -> Tensor:
    """The rows `at` of `values`, or all."""
    return values if at is None else values.index_select(0, at)


def attend(query: Tensor, key: Tensor, value: Tensor, probability: float, visible: Tensor | None = None) -> Tensor:
    """Causal attention with dropout on its weights; all `(rows, heads, longest_row, width / heads)`.

    `visible` `(rows, longest_row, longest_row)` says what each place sees where that is not all up to itself.
    torch's kernel does it all, save on a CPU where the weights written out are faster: with dropout, or at short
    lengths. They are written out for some queries at a time, since half of the square of all of them is the future.
    """
    longest = query.shape[-2]
    if query.device.type != "cpu" or (longest > WRITTEN_OUT_LENGTH and not probability):
        mask = None if visible is None else visible[:, None]
        return functional.scaled_dot_product_attention(
            query, key, value, mask, is_causal=mask is None, dropout_p=probability
        )
    queries, keys, values = (part.flatten(0, 1) for part in (query, key, value))  # (rows * heads, longest_row, …)
    if longest <= QUERIES_AT_ONCE or torch.compiler.is_compiling():  # one program for all lengths
        return _attend(queries, keys, values, probability, visible).view(query.shape)
    parts = []
    for first in range(0, longest, QUERIES_AT_ONCE):
        last = min(longest, first + QUERIES_AT_ONCE)
        seen = None if visible is None else visible[:, first:last, :last]
        parts.append(_attend(queries[:, first:last], keys[:, :last], values[:, :last], probability, seen))
    return torch.cat(parts, dim=1).view(query.shape)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, probability: float, visible: Tensor | None) -> Tensor:
    """`attend` written out, `(rows * heads, length, …)`; the queries are those of the last keys."""
    asking, asked = queries.shape[1], keys.shape[1]
    scores = torch.bmm(queries / math.sqrt(queries.shape[2]), keys.transpose(1, 2))
    if visible is None:
        first = asked - asking  # whatever comes before all of these queries is seen by all of them
        unseen = queries.new_full((1, 1, asking, asking), -torch.inf).triu_(1)
    else:
        seen_by_all = visible.all(1).all(0)  # of each key; a compiled layer does without, since it cannot look
        first = 0 if torch.compiler.is_compiling() else int(seen_by_all.byte().argmin())
        hidden = ~visible[:, None, :, first:]
        unseen = queries.new_zeros(hidden.shape).masked_fill_(hidden, -torch.inf)
    # What is added is constant, so that no gradient has to pass by it.
    scores.detach().view(len(unseen), -1, asking, asked)[..., first:] += unseen
    return torch.bmm(dropout(scores.softmax(-1), probability, True), values)


class FeedForward(nn.Module):
    """Two linear layers with the tanh form of GELU between them, each token by itself."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.expand = nn.Linear(settings.width, settings.hidden)
        self.contract = nn.Linear(settings.hidden, settings.width)

    def forward(self, states: Tensor) -> Tensor:
        return self.contract(functional.gelu(self.expand(states), approximate="tanh"))  # type: ignore[no-any-return]


class Block(nn.Module):
    """norm(x + attention(x)), then norm(n + feed_forward(n))."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.attention = Attention(settings)
        self.attention_norm = nn.LayerNorm(settings.width, eps=LAYER_NORM_EPSILON)
        self.feed_forward = FeedForward(settings)
        self.feed_forward_norm = nn.LayerNorm(settings.width, eps=LAYER_NORM_EPSILON)
        self.residual_dropout = settings.residual_dropout

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`; with `at`, only those tokens' new states, in that order."""
        attended = dropout(self.attention(states, sequences, at), self.residual_dropout, self.training)
        states = self.attention_norm(picked(states, at) + attended)
        fed = dropout(self.feed_forward(states), self.residual_dropout, self.training)
        return self.feed_forward_norm(states + fed)  # type: ignore[no-any-return]

    def memory(self, context: int) -> KeysAndValues:
        """An empty memory for `go_on`."""
        return KeysAndValues(context)

    def go_on(self, states: Tensor, memory: KeysAndValues) -> Tensor:
        """`forward` without dropout for the next tokens of one sequence, `(tokens, width)`."""
        states = self.attention_norm(states + self.attention.go_on(states, memory))
        return self.feed_forward_norm(states + self.feed_forward(states))  # type: ignore[no-any-return]
