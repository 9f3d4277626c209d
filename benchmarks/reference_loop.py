"""What people train a small GPT with: a GPT-2 in plain PyTorch, in the way that nanoGPT made common.

Linear layers, `scaled_dot_product_attention` with its dropout, norms before each layer and one at the end, logits by
the embedding matrix, `cross_entropy` over all of them, bf16 autocast, the gradient's norm clipped, fused AdamW that
decays matrices only. Written here from that description; `pretrain.py` and `gpu.py` measure against it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

RATE, BETAS, DECAY, CLIP, DEVIATION = 2.5e-4, (0.9, 0.95), 0.1, 1.0, 0.02


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, states: Tensor) -> Tensor:
        batch, length, width = states.shape
        query, key, value = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.inputs(states).split(width, dim=2)
        )
        probability = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=probability, is_causal=True)
        return functional.dropout(
            self.output(mixed.transpose(1, 2).reshape(batch, length, width)), self.dropout, self.training
        )


class Block(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.first, self.attention = nn.LayerNorm(width), Attention(width, heads, dropout)
        self.second = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, states: Tensor) -> Tensor:
        states = states + self.attention(self.first(states))
        return states + self.feed_forward(self.second(states))  # type: ignore[no-any-return]


class GPT2(nn.Module):
    def __init__(self, *, layers: int, width: int, heads: int, context: int, vocabulary: int, dropout: float) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.logits = nn.Linear(width, vocabulary, bias=False)
        self.logits.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=DEVIATION)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        states = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        states = self.dropout(states)
        for block in self.blocks:
            states = block(states)
        logits = self.logits(self.norm(states))
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


class ReferenceLoop:
    """The model with its optimizer; `update(ids)` takes windows `(batch, context + 1)` and does one update."""

    def __init__(self, *, device: str = "cpu", compiled: bool = False, bf16: bool = True, **sizes: Any) -> None:
        torch.manual_seed(0)
        self.device, self.bf16 = device, bf16
        self.model = GPT2(**sizes).to(device)
        self.run = torch.compile(self.model) if compiled else self.model
        matrices = [parameter for parameter in self.model.parameters() if parameter.dim() > 1]
        vectors = [parameter for parameter in self.model.parameters() if parameter.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}],
            lr=RATE,
            betas=BETAS,
            fused=True,
        )

    def update(self, ids: Tensor) -> Tensor:
        """One update; returns its loss, which nothing has waited for."""
        if self.device == "cuda":
            ids = ids.pin_memory()
        ids = ids.to(self.device, non_blocking=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            loss = self.run(ids[:, :-1], ids[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()  # type: ignore[no-any-return]
