"""A language model and text become one number: how well the model predicts the text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from foretext.batch import pack
from foretext.checkpoints.model_at_update import load_at_update
from foretext.checkpoints.saved_model import SavedModel
from foretext.corpus import Problems, read_documents
from foretext.errors import DataError
from foretext.evaluation.perplexity import perplexity as measure
from foretext.model.devices import find_device
from foretext.notebook import shows_itself
from foretext.progress import progress
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.tokenizer.unknown import UnknownCount

BATCH = 16  # windows at a time


@shows_itself
@dataclass(frozen=True, repr=False)
class Measured:
    """Perplexity a token depends on the vocabulary; perplexity a word can be compared between models."""

    perplexity: float
    loss: float
    perplexity_per_word: float
    documents: int
    words: int
    tokens: int
    problems: dict[str, int]
    unknown_tokens: int

    def lines(self) -> list[str]:
        return [
            f"perplexity {self.perplexity:.2f} a token ({self.loss:.4f} nats), {self.perplexity_per_word:.1f} a word",
            f"{self.documents:,} documents, {self.words:,} words, {self.tokens:,} tokens predicted",
            *(f"{count:,} x {problem}" for problem, count in self.problems.items()),
        ]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def perplexity(settings: PerplexitySettings) -> Measured:
    """The perplexity of the texts, in windows of the context that cover every token once.

    Each document is read by itself; the first token of a window is given, not predicted. Words are what stands between
    white space.

    Raises:
        DataError: an input is missing or wrong, there is no text in any, or more than half of it is unknown to the
            model and `allow_unknown` is off.
        SettingsError: no checkpoint of `update` was kept.
    """
    return perplexity_from(load_at_update(settings.model, settings.update), settings)


def perplexity_from(saved: SavedModel, settings: PerplexitySettings) -> Measured:
    """The same from a model in memory."""
    problems = Problems()
    model, context = saved.gpt.to(find_device(settings.device)), saved.gpt.settings.context
    loss, tokens, words, documents, unknown = 0.0, 0, 0, 0, UnknownCount(saved.tokenizer)
    read = read_documents(settings.inputs, field=settings.field, strict=settings.strict, problems=problems)
    with progress("reading", None, unit="tokens") as bar:
        for document in read:
            ids = saved.tokenizer.encode(document.text)
            unknown.add(ids, document.text)
            windows = [ids[first : first + context] for first in range(0, len(ids), context)]
            batches = (pack([[window] for window in windows[k : k + BATCH]]) for k in range(0, len(windows), BATCH))
            found = measure(model, batches)
            loss, tokens = loss + found.loss * found.tokens, tokens + found.tokens
            words, documents = words + len(document.text.split()), documents + 1
            bar.advance(len(ids))
    source = ", ".join(settings.inputs)
    if not tokens:
        raise DataError(f"there is nothing to predict in {source}: no text of two tokens")
    if not words:
        raise DataError(f"there is nothing to predict in {source}: white space alone, no word")
    unknown.found().say(source, allowed=settings.allow_unknown)
    return Measured(
        perplexity=math.exp(min(loss / tokens, 700.0)),
        loss=loss / tokens,
        perplexity_per_word=math.exp(min(loss / words, 700.0)),
        documents=documents,
        words=words,
        tokens=tokens,
        problems=dict(problems.counts),
        unknown_tokens=unknown.found().unknown,
    )
