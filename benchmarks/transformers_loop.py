"""What a careful person does with `transformers`' OpenAIGPT, on batches of Foretext's shape.

Padding to the longest of a batch, bf16 autocast or fp32, the classifier at the extract token, L3 by cross-entropy over
the tied logits with padding left out, the gradient's norm clipped, fused AdamW. Multiple choice is the library's own
double-headed model. Who calls it groups batches by length.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from foretext_loop import Shape
from torch import Tensor, nn

from foretext.batch import Batch

CHOICES = 4
RATE, CLIP, TEXT_WEIGHT, DROPOUT, IGNORED = 6.25e-5, 1.0, 0.5, 0.1, -100


class TransformersLoop:
    """The model with a head and an optimizer; `update(batch)` trains, `scores(batch)` answers."""

    def __init__(self, shape: Shape, device: str) -> None:
        from transformers import OpenAIGPTModel

        self.device = device
        self.body = OpenAIGPTModel(configuration(shape)).to(device)
        self.head = nn.Linear(shape.width, 2).to(device)
        self.parameters = [*self.body.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=RATE, fused=True)

    def update(self, batch: Batch, autocast: bool = True, examples_at_once: int = 0) -> Tensor:
        """One update of L3 = L2 + λ·L1; returns its loss, which nothing has waited for.

        With `examples_at_once` the gradient is added up over parts of the batch, where it takes too much memory whole.
        """
        self.body.train()
        parts = batch.split(examples_at_once or batch.example_count)
        losses = [self._gradient(part, autocast, part.example_count / batch.example_count) for part in parts]
        step(self.optimizer, self.parameters)
        return torch.stack(losses).sum()

    def _gradient(self, batch: Batch, autocast: bool, share: float) -> Tensor:
        ids, ends, real = padded(batch, self.device)
        labels = torch.as_tensor(batch.labels).to(self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=autocast):
            states = self.body(ids).last_hidden_state
            read = functional.dropout(states[torch.arange(len(ids), device=ids.device), ends], DROPOUT)
            logits = states[:, :-1] @ self.body.tokens_embed.weight.T
            wanted = ids[:, 1:].masked_fill(~real[:, 1:], IGNORED)
            text = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)
            loss = (functional.cross_entropy(self.head(read), labels) + TEXT_WEIGHT * text) * share
        loss.backward()
        return loss.detach()  # type: ignore[no-any-return]

    def scores(self, batch: Batch) -> Tensor:
        """Scores of the classes, `(sequences, 2)`, on the device."""
        self.body.eval()
        ids, ends, _ = padded(batch, self.device)
        with torch.no_grad(), torch.autocast(self.device, torch.bfloat16):
            states = self.body(ids).last_hidden_state
            return self.head(states[torch.arange(len(ids), device=ids.device), ends])  # type: ignore[no-any-return]


class TransformersClassifier:
    """Any `AutoModelForSequenceClassification` with an optimizer; λ > 0 has it learn the text as well."""

    def __init__(self, model: Any, text_weight: float) -> None:
        self.model, self.text_weight = model, text_weight
        self.parameters = list(model.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=RATE, fused=True)

    def update(self, batch: Batch, autocast: bool = True, examples_at_once: int = 0) -> None:
        """One update of L2, or of L3 by the logits of all that is no padding."""
        self.model.train()
        for part in batch.split(examples_at_once or batch.example_count):
            ids, _, real = padded(part, "cpu")
            ids = ids.masked_fill(~real, self.model.config.pad_token_id)
            labels = torch.as_tensor(part.labels)
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                found = self.model(ids, attention_mask=real.long(), labels=labels, output_hidden_states=self._reads)
                loss = found.loss
                if self._reads:
                    logits = found.hidden_states[-1][:, :-1] @ self.model.get_input_embeddings().weight.T
                    wanted = ids[:, 1:].masked_fill(~real[:, 1:], IGNORED)
                    text = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)
                    loss = loss + self.text_weight * text
            (loss * (part.example_count / batch.example_count)).backward()
        step(self.optimizer, self.parameters)

    @property
    def _reads(self) -> bool:
        return self.text_weight > 0


class TransformersChoice:
    """`OpenAIGPTDoubleHeadsModel` with an optimizer, for batches of which each example has `CHOICES` answers."""

    def __init__(self, shape: Shape, device: str) -> None:
        from transformers import OpenAIGPTDoubleHeadsModel

        self.device = device
        self.model = OpenAIGPTDoubleHeadsModel(configuration(shape)).to(device)
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=RATE, fused=True)

    def update(self, batch: Batch, autocast: bool, examples_at_once: int) -> None:
        """One update of L3, its gradient added up over so many examples at a time."""
        self.model.train()
        for part in batch.split(examples_at_once):
            ids, ends, real = self._by_example(part)
            labels, wanted = torch.as_tensor(part.labels).to(self.device), ids.masked_fill(~real, IGNORED)
            with torch.autocast(self.device, torch.bfloat16, enabled=autocast):
                found = self.model(ids, mc_token_ids=ends, labels=wanted, mc_labels=labels)
            share = part.example_count / batch.example_count
            ((found.mc_loss + TEXT_WEIGHT * found.loss) * share).backward()
        step(self.optimizer, self.parameters)

    def scores(self, batch: Batch, autocast: bool, examples_at_once: int) -> Tensor:
        """Scores of the answers, `(examples, CHOICES)`."""
        self.model.eval()
        found = []
        for part in batch.split(examples_at_once):
            ids, ends, _ = self._by_example(part)
            with torch.no_grad(), torch.autocast(self.device, torch.bfloat16, enabled=autocast):
                found.append(self.model(ids, mc_token_ids=ends).mc_logits.float())
        return torch.cat(found)

    def _by_example(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        ids, ends, real = padded(batch, self.device)
        shape = (batch.example_count, CHOICES, -1)
        return ids.view(shape), ends.view(shape[:2]), real.view(shape)


def configuration(shape: Shape) -> Any:
    """The library's settings for a model of this shape; new weights then follow from seed 0."""
    from transformers import OpenAIGPTConfig

    torch.manual_seed(0)
    probability = shape.residual_dropout
    return OpenAIGPTConfig(
        vocab_size=shape.first_position,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        resid_pdrop=probability,
        embd_pdrop=probability,
        attn_pdrop=probability,
    )


def step(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    nn.utils.clip_grad_norm_(parameters, CLIP)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def padded(batch: Batch, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Ids `(sequences, longest)`, the position of each extract token, and which positions are tokens."""
    lengths = torch.from_numpy(batch.lengths)
    sequences = torch.from_numpy(batch.tokens).split(lengths.tolist())
    ids = nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    real = torch.arange(ids.shape[1]) < lengths[:, None]
    return ids.to(device), (lengths - 1).to(device), real.to(device)
