"""What a careful person does with `transformers`' OpenAIGPT on an accelerator, on batches of Foretext's shape.

Padding to the longest of a batch, bf16 autocast, the classifier at the extract token, L3 by cross-entropy over the
tied logits with padding left out, the gradient's norm clipped, fused AdamW. Who calls it groups batches by length.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from foretext_loop import Shape
from torch import Tensor, nn

from foretext.batch import Batch

RATE, CLIP, TEXT_WEIGHT, DROPOUT, IGNORED = 6.25e-5, 1.0, 0.5, 0.1, -100


class TransformersLoop:
    """The model with a head and an optimizer; `update(batch)` trains, `scores(batch)` answers."""

    def __init__(self, shape: Shape, device: str) -> None:
        from transformers import OpenAIGPTConfig, OpenAIGPTModel

        torch.manual_seed(0)
        probability = shape.residual_dropout
        config = OpenAIGPTConfig(
            vocab_size=shape.first_position,
            n_positions=shape.context,
            n_embd=shape.width,
            n_layer=shape.layers,
            n_head=shape.heads,
            resid_pdrop=probability,
            embd_pdrop=probability,
            attn_pdrop=probability,
        )
        self.device = device
        self.body = OpenAIGPTModel(config).to(device)
        self.head = nn.Linear(shape.width, 2).to(device)
        self.parameters = [*self.body.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=RATE, fused=True)

    def update(self, batch: Batch) -> Tensor:
        """One update of L3 = L2 + λ·L1; returns its loss, which nothing has waited for."""
        self.body.train()
        ids, ends, real = self.padded(batch)
        labels = torch.as_tensor(batch.labels).to(self.device)
        with torch.autocast(self.device, torch.bfloat16):
            states = self.body(ids).last_hidden_state
            read = functional.dropout(states[torch.arange(len(ids), device=ids.device), ends], DROPOUT)
            logits = states[:, :-1] @ self.body.tokens_embed.weight.T
            wanted = ids[:, 1:].masked_fill(~real[:, 1:], IGNORED)
            text = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)
            loss = functional.cross_entropy(self.head(read), labels) + TEXT_WEIGHT * text
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()  # type: ignore[no-any-return]

    def scores(self, batch: Batch) -> Tensor:
        """Scores of the classes, `(sequences, 2)`, on the device."""
        self.body.eval()
        ids, ends, _ = self.padded(batch)
        with torch.no_grad(), torch.autocast(self.device, torch.bfloat16):
            states = self.body(ids).last_hidden_state
            return self.head(states[torch.arange(len(ids), device=ids.device), ends])  # type: ignore[no-any-return]

    def padded(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Ids `(sequences, longest)`, the place of each extract token, and which places are tokens."""
        lengths = torch.from_numpy(batch.lengths)
        sequences = torch.from_numpy(batch.tokens).split(lengths.tolist())
        ids = nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
        real = torch.arange(ids.shape[1]) < lengths[:, None]
        return ids.to(self.device), (lengths - 1).to(self.device), real.to(self.device)
