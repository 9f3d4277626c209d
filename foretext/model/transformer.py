"""The decoder of the paper: blocks of causal self-attention and a feed-forward layer, normalised after each sum.

The settings of its form may ask for what decoders have learned since; each of them departs from the paper.

Source: Radford et al. 2018, sections 3.1 and 4.1; recipe points 1 and 11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from foretext.model.kernels.attention import attend, for_queries
from foretext.model.kernels.dropout import dropout
from foretext.model.kernels.relu2 import relu2
from foretext.model.kernels.rotary import rotated
from foretext.model.norms import RMSNorm, norm
from foretext.model.sequences import Group, Sequences

if TYPE_CHECKING:
    from foretext.model.settings import Activation, Biases, ModelSettings


Part = Literal["query_key_value", "attention_output", "feed_forward"]  # of a block: a matrix, or several

# Which parts of a block have biases.
BIASES: dict[Biases, tuple[Part, ...]] = {
    "all": ("query_key_value", "attention_output", "feed_forward"),
    "attention": ("query_key_value", "attention_output"),
    "query_key_value": ("query_key_value",),
    "feed_forward": ("feed_forward",),
    "none": (),
}


def linear(settings: ModelSettings, part: Part, inputs: int, outputs: int) -> nn.Linear:
    """A new linear layer of a part of a block."""
    return nn.Linear(inputs, outputs, bias=part in BIASES[settings.biases])


class Attention(nn.Module):
    """Causal self-attention, softmax(Q Kᵀ / √d) V: each token's state from those of its own sequence up to itself.

    In a sequence that is read both ways, from all of it.

    In a tree of sequences the same: a token sees those it continues, and none of another branch. Rotary positions are
    those in its own sequence.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads, self.head_size = settings.attention_heads, settings.head_size
        self.placing = Placing(settings)
        self.attention_dropout = settings.attention_dropout
        self.query_key_value = linear(settings, "query_key_value", settings.width, sum(self.heads) * self.head_size)
        self.output = linear(settings, "attention_output", settings.heads * self.head_size, settings.width)

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`, or `(at, width)`; scores are divided by the root of a head's size."""
        values = self.placing(self.query_key_value(states), sequences.positions, sequences.previous)
        grids = zip(sequences.spread(values), sequences.groups, strict=True)
        mixed = sequences.gather([self._mixed(grid, group) for grid, group in grids])
        return self.output(picked(mixed, at))  # type: ignore[no-any-return]

    def _mixed(self, grid: Tensor, group: Group) -> Tensor:
        """The mixtures `(rows, longest, heads * head)` of a group's rows `(rows, longest, all heads * head)`."""
        heads = grid.view(*grid.shape[:2], -1, self.head_size).transpose(1, 2)  # (rows, all heads, longest, head)
        query, key, value = torch.split(heads, self.heads, dim=1)
        probability = self.attention_dropout if self.training else 0.0
        mixed = attend(query, key, value, probability, group.visible, both_ways=group.both_ways)
        return mixed.transpose(1, 2).flatten(2)

    def go_on(self, states: Tensor, memory: KeysAndValues) -> Tensor:
        """`forward` for the next tokens of one sequence, `(tokens, width)`; `memory` has those before, then these."""
        positions = torch.arange(memory.seen, memory.seen + len(states), device=states.device)
        values = self.placing(self.query_key_value(states), positions, memory.previous)
        heads = values.view(len(states), -1, self.head_size).transpose(0, 1)  # (all heads, tokens, head)
        query, key, value = torch.split(heads, self.heads)
        kept = memory.add(key, value)
        keys, values = (for_queries(part, self.heads[0]) for part in kept)  # (heads, tokens so far, head)
        visible = torch.ones(query.shape[1], keys.shape[1], dtype=torch.bool, device=keys.device)
        visible = visible.tril_(keys.shape[1] - query.shape[1])
        mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible)
        return self.output(mixed.transpose(0, 1).flatten(1))  # type: ignore[no-any-return]


class Placing(nn.Module):
    """Queries and keys as they meet in attention: normalised head by head, shifted, then turned by rotary positions.

    Each where the form asks for it; the order is that of Qwen3, which shifts none. A shifted key has the position of
    the token that it is given to.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads, self.head_size = settings.attention_heads, settings.head_size
        self.context = settings.context
        self.shifted = settings.shifted_key_heads
        self.rotary_base = settings.rotary_base if settings.positions == "rotary" else None
        self.turned = settings.turned
        self.query_norm, self.key_norm = (
            RMSNorm(self.head_size, eps=settings.norm_epsilon) if settings.query_key_norm == "rms" else None
            for _ in range(2)
        )

    def forward(self, values: Tensor, positions: Tensor, previous: Callable[[Tensor], Tensor]) -> Tensor:
        """Queries, keys and values of tokens at these positions, `(tokens, all heads * head)`.

        `previous` gives for each token what the one before it has, 0 where none is.
        """
        if self.rotary_base is None and self.query_norm is None and not self.shifted:
            return values
        heads = values.view(len(values), -1, self.head_size)
        if self.query_norm is None and not self.shifted:  # queries and keys in one pass
            first = sum(self.heads[:2])
            return torch.cat([self._turned(heads[:, :first], positions), heads[:, first:]], dim=1).flatten(1)
        query, key, value = torch.split(heads, self.heads, dim=1)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.shifted:
            key = torch.cat([previous(key[:, : self.shifted]), key[:, self.shifted :]], dim=1)
        if self.rotary_base is not None:
            query, key = self._turned(query, positions), self._turned(key, positions)
        return torch.cat([query, key, value], dim=1).flatten(1)

    def _turned(self, heads: Tensor, positions: Tensor) -> Tensor:
        """Queries or keys `(tokens, heads, head)`, the first `turned` numbers of a head turned."""
        assert self.rotary_base is not None
        if self.turned == self.head_size:
            return rotated(heads, positions, self.rotary_base, context=self.context)
        first = rotated(heads[..., : self.turned], positions, self.rotary_base, context=self.context)
        return torch.cat([first, heads[..., self.turned :]], dim=-1)


class KeysAndValues:
    """What a layer's attention keeps of the tokens it has seen of one sequence, so that each is computed once."""

    def __init__(self, context: int) -> None:
        self.context = context
        self.seen = 0
        self.kept: tuple[Tensor, Tensor] | None = None  # each (heads, context, head)
        self.last: Tensor | None = None  # of what `previous` was given, the last token's

    def previous(self, values: Tensor) -> Tensor:
        """`values` `(tokens, …)` of the token before each of the next ones; 0 for the first of all."""
        before = torch.zeros_like(values[:1]) if self.last is None else self.last
        self.last = values[-1:]
        return torch.cat([before, values[:-1]])

    def add(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens so far, the new ones `(heads, tokens, head)` behind the others."""
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


def gelu(values: Tensor) -> Tensor:
    """The tanh form of GELU."""
    return functional.gelu(values, approximate="tanh")


# Of what the first matrix gives, or the gate's where there is one (SwiGLU: Shazeer 2020).
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": gelu,
    "gelu_erf": functional.gelu,
    "relu": functional.relu,
    "relu2": relu2,
    "silu": functional.silu,
    "swiglu": functional.silu,
}


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, each token by itself; a gate may stand beside the first."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.expand = linear(settings, "feed_forward", settings.width, settings.hidden)
        gated = settings.activation == "swiglu"
        self.gate = linear(settings, "feed_forward", settings.width, settings.hidden) if gated else None
        self.contract = linear(settings, "feed_forward", settings.hidden, settings.width)
        self.activation = settings.activation

    def forward(self, states: Tensor) -> Tensor:
        """The states after the layer, `(tokens, width)`."""
        first = self.expand if self.gate is None else self.gate
        hidden = ACTIVATIONS[self.activation](first(states))
        return self.contract(hidden if self.gate is None else hidden * self.expand(states))  # type: ignore[no-any-return]


class Block(nn.Module):
    """norm(x + attention(x)), then norm(n + feed_forward(n)).

    With the norms before: x + attention(norm(x)), then n + feed_forward(norm(n)); with the branches beside each other
    x + attention(norm(x)) + feed_forward(other_norm(x)).
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.attention = Attention(settings)
        self.attention_norm = norm(settings)
        self.feed_forward = FeedForward(settings)
        self.feed_forward_norm = norm(settings)
        self.norms_before = settings.norm_at == "before"
        self.beside = settings.branches == "beside"
        self.residual_dropout = settings.residual_dropout

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`; with `at`, only those tokens' new states, in that order."""
        attended = self.attention(self._before(self.attention_norm, states), sequences, at)
        attended = dropout(attended, self.residual_dropout, self.training)
        given = picked(states, at)
        states = self._after(self.attention_norm, given + attended)
        fed = self.feed_forward(self._before(self.feed_forward_norm, given if self.beside else states))
        return self._after(self.feed_forward_norm, states + dropout(fed, self.residual_dropout, self.training))

    def memory(self, context: int) -> KeysAndValues:
        """An empty memory for `go_on`."""
        return KeysAndValues(context)

    def go_on(self, states: Tensor, memory: KeysAndValues) -> Tensor:
        """`forward` without dropout for the next tokens of one sequence, `(tokens, width)`."""
        attended = self.attention.go_on(self._before(self.attention_norm, states), memory)
        given, states = states, self._after(self.attention_norm, states + attended)
        fed = self.feed_forward(self._before(self.feed_forward_norm, given if self.beside else states))
        return self._after(self.feed_forward_norm, states + fed)

    def add_nothing(self) -> None:
        """Sets the last matrices of attention and feed-forward layer to 0, and no other: two in a row never learn."""
        with torch.no_grad():
            self.attention.output.weight.zero_()
            self.feed_forward.contract.weight.zero_()

    def _before(self, norm: nn.Module, states: Tensor) -> Tensor:
        return norm(states) if self.norms_before else states

    def _after(self, norm: nn.Module, states: Tensor) -> Tensor:
        return states if self.norms_before else norm(states)
