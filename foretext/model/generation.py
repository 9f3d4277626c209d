"""New text from the language model, a token at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from foretext.batch import pack
from foretext.errors import SettingsError
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences


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
    context, seen = model.settings.context, list(prompt)
    model.eval()
    for _ in range(tokens):
        if len(seen) > context:
            seen = seen[-(context // 2 or 1) :]
        following = _draw(_next_logits(model, seen), temperature, top_k, top_p, generator)
        seen.append(following)
        yield following


def _next_logits(model: GPT, ids: Sequence[int]) -> Tensor:
    with torch.no_grad():
        hidden = model(Sequences.of(pack([[ids]]), model.embedding.device))
        logits = hidden.states[-1] @ hidden.matrix[: model.settings.vocabulary].T
        following: Tensor = logits.float().cpu()
        return following


def _draw(logits: Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    probabilities, order = (logits / temperature).softmax(-1).sort(descending=True)
    outside = probabilities.cumsum(-1) - probabilities >= top_p  # the one that crosses top_p stays in
    if top_k:
        outside[top_k:] = True
    drawn = torch.multinomial(probabilities.masked_fill(outside, 0.0), 1, generator=generator)
    return int(order[drawn])
