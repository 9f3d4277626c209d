"""Pieces of newer decoders that are no options of Foretext: put into its classes here, to see what they would bring.

Each is a context in which models are made, trained and read with it; models made inside can only be read inside.
What they brought at 2.0M tokens is in docs/log.md. Their words and sources:

value residuals    each layer's values are mixed with the first layer's, by two learned numbers (Zhou et al. 2024)
shortcut           before each layer a learned share of h_0 is added to the states (modded-nanogpt, nanochat)
capped logits      logits z become c · tanh(z / c), so that none is beyond c (Gemma 2; c = 15 in nanochat)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from foretext.model.gpt import GPT
from foretext.model.kernels import likelihood
from foretext.model.transformer import Block, Placing

CAP = 15.0


@contextmanager
def value_residuals() -> Iterator[None]:
    """Values (a + ½) v + (b + ½) v₁ in each layer but the first, a and b learned and 0 at first."""
    first: list[Tensor] = []
    make, place, embed = Placing.__init__, Placing.forward, GPT.embed

    def made(self: Placing, settings: Any) -> None:
        make(self, settings)
        self.shares = nn.Parameter(torch.zeros(2))

    def forward(self: Placing, values: Tensor, *given: Any) -> Tensor:
        query_key, value = torch.tensor_split(values, [sum(self.heads[:2]) * self.head_size], dim=-1)
        if first:
            value = (self.shares[0] + 0.5) * value + (self.shares[1] + 0.5) * first[0]
        else:
            first.append(value)
        return place(self, torch.cat([query_key, value.to(query_key.dtype)], dim=-1), *given)

    def embedded(self: GPT, *given: Any, **named: Any) -> Any:
        first.clear()
        return embed(self, *given, **named)

    with (
        patch.object(Placing, "__init__", made),
        patch.object(Placing, "forward", forward),
        patch.object(GPT, "embed", embedded),
    ):
        yield


@contextmanager
def shortcut() -> Iterator[None]:
    """States (1 + a) x + b h_0 before each block, a and b learned and 0 at first."""
    start: list[Tensor] = []
    make, embed, read = Block.__init__, GPT.embed, Block.forward

    def made(self: Block, settings: Any) -> None:
        make(self, settings)
        self.shares = nn.Parameter(torch.zeros(2))

    def forward(self: Block, states: Tensor, *given: Any) -> Tensor:
        return read(self, (1 + self.shares[0]) * states + self.shares[1] * start[0], *given)

    def embedded(self: GPT, *given: Any, **named: Any) -> Any:
        matrix, states = embed(self, *given, **named)
        start[:] = [states]
        return matrix, states

    with (
        patch.object(Block, "__init__", made),
        patch.object(Block, "forward", forward),
        patch.object(GPT, "embed", embedded),
    ):
        yield


@contextmanager
def capped_logits() -> Iterator[None]:
    """The softmax over c · tanh(z / c), in training with its gradient, and in scoring."""
    plain = likelihood._cross_entropy

    def cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return plain(CAP * (logits.float() / CAP).tanh(), targets)

    def loss_and_gradient(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        bent = (logits.float() / CAP).tanh()
        losses, exponentials, totals = plain(CAP * bent, targets)
        gradient = exponentials.mul_((weights / totals)[:, None])
        gradient.scatter_add_(1, targets[:, None], -weights[:, None])
        logits.copy_(gradient * (1 - bent.square()))
        return (losses * weights).sum()

    with (
        patch.object(likelihood, "_cross_entropy", cross_entropy),
        patch.object(likelihood, "_loss_and_gradient", loss_and_gradient),
    ):
        yield
