"""New text from the language model, a token at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from foretext.errors import SettingsError
from foretext.model.gpt import GPT, refuse_as_language_model
from foretext.neighbours import share_cores

COLDEST = torch.finfo(torch.float32).tiny  # a lower temperature rounds to 0, by which no logit can be divided


def generate(
    model: GPT,
    prompt: Sequence[int],
    *,
    tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[int]:
    """`tokens` ids that go on from `prompt`, one after the other; special tokens and positions are never drawn.

    `temperature` 0 takes the likeliest id each time. `top_k` (0: off) and `top_p` (1: off) leave only the likeliest
    ids to draw from. Once the context is full its older half is dropped, so that every id is drawn with at
    least half a context before it.

    Raises:
        SettingsError: the prompt is empty, or a limit is out of range.
    """
    if not prompt:
        raise SettingsError("the prompt holds no token; give it at least one word")
    if temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
        raise SettingsError("temperature and top-k are 0 or more, top-p is above 0 and at most 1")
    generator = torch.Generator().manual_seed(seed)
    reader, seen = Reader(model.eval()), list(prompt)
    unread = seen
    for _ in range(tokens):
        if len(seen) > reader.context:
            unread = seen = seen[-(reader.context // 2 or 1) :]
            reader = Reader(model)  # every token has another position now
        following = _draw(reader.next_logits(unread), temperature, top_k, top_p, generator)
        unread = [following]
        seen = [*seen, following]
        yield following


class Reader:
    """A model that reads one sequence, a few tokens at a time, and keeps what its layers need of those before."""

    def __init__(self, model: GPT) -> None:
        refuse_as_language_model(model)
        if model.embedding.device.type == "cpu":
            share_cores()
        self.model = model
        self.context = model.settings.context
        self.read = 0
        self.memories = [block.memory(self.context) for block in model.layers]

    def next_logits(self, ids: Sequence[int]) -> Tensor:
        """Logits of the token behind `ids`, which follow what was read before: those of a pass over all of it."""
        with torch.no_grad():
            device = self.model.embedding.device
            positions = torch.arange(self.read, self.read + len(ids), device=device)
            matrix, states = self.model.embed(torch.tensor(ids, device=device), positions)
            for block, memory in zip(self.model.layers, self.memories, strict=True):
                states = block.go_on(states, memory)
            self.read += len(ids)
            last = self.model.finished(states[-1])
            logits: Tensor = (last @ matrix[: self.model.settings.vocabulary].T).float().cpu()
            return logits


def _draw(logits: Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> int:
    if temperature < COLDEST:
        return int(logits.argmax())
    below = logits - logits.max()  # first: a logit divided by a low temperature may be too large for a float
    probabilities, order = (below / temperature).softmax(-1).sort(descending=True)
    outside = probabilities.cumsum(-1) - probabilities >= top_p  # the one that crosses top_p stays in
    if top_k:
        outside[top_k:] = True
    drawn = torch.multinomial(probabilities.masked_fill(outside, 0.0), 1, generator=generator)
    return int(order[drawn])
