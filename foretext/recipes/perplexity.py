"""A language model and text become one number: how well the model predicts the text."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from foretext.checkpoints.model_at_update import load_at_update
from foretext.checkpoints.saved_model import SavedModel
from foretext.corpus import Problems, read_documents
from foretext.corpus.manifest import ProblemRecord
from foretext.corpus.sources import STANDARD_INPUT
from foretext.errors import DataError, SettingsError
from foretext.evaluation.perplexity import Window, log_likelihood, sliding_windows
from foretext.model.devices import find_device
from foretext.notebook import shows_itself
from foretext.progress import progress
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.tasks.files.problems import counted
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.unknown import UnknownCount

BATCH = 16  # windows at a time
LARGEST = 700.0  # e to this power is near the largest float

log = logging.getLogger(__name__)


@shows_itself
@dataclass(frozen=True, repr=False)
class Measured:
    """How well text is predicted: what a token costs depends on the vocabulary; words, characters and bytes compare.

    `perplexity` and `loss`, in nats, are a token's.
    """

    perplexity: float
    loss: float
    perplexity_per_word: float
    perplexity_per_character: float
    perplexity_per_byte: float
    bits_per_byte: float
    documents: int
    words: int
    characters: int
    bytes: int
    tokens: int  # that were predicted
    stride: int
    problems: dict[str, int]  # how many of each kind
    first_problems: list[str]  # in words, with file and line
    unknown_tokens: int

    def lines(self) -> list[str]:
        sizes = {"document": self.documents, "word": self.words, "character": self.characters, "byte": self.bytes}
        return [
            f"perplexity {self.perplexity:.2f} a token ({self.loss:.4f} nats), {self.perplexity_per_word:.1f} a word, "
            f"{self.perplexity_per_character:.3f} a character, {self.perplexity_per_byte:.3f} a byte",
            f"{self.bits_per_byte:.4f} bits a byte",
            f"{', '.join(counted(count, noun) for noun, count in sizes.items())}; "
            f"{counted(self.tokens, 'token')} predicted, windows moving on by {self.stride:,}",
            *ProblemRecord(counts=self.problems, first=self.first_problems).lines(),
        ]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def perplexity(settings: PerplexitySettings) -> Measured:
    """The perplexity of the texts, each token predicted once, in windows that slide over each document by itself.

    A document is read as it follows on another in pre-training, behind a line break, so that its first token is
    predicted too. Words are what stands between white space; characters and bytes, in UTF-8, are those of the text as
    it was read.

    Raises:
        DataError: an input is missing or wrong, there is no text in any, or more than half of it is unknown to the
            model and `allow_unknown` is off.
        SettingsError: no checkpoint of `update` was kept, or `stride` is too long for the model's context.
    """
    return perplexity_from(load_at_update(settings.model, settings.update), settings)


@dataclass
class _Reading:
    """Documents to windows, with what was read of them so far."""

    tokenizer: Tokenizer
    context: int
    stride: int
    unknown: UnknownCount
    documents: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0
    tokens: int = 0
    problems: Problems = field(default_factory=Problems)

    def windows(self, settings: PerplexitySettings) -> Iterator[Window]:
        """The windows of all documents, one after the other."""
        before = self.tokenizer.opening
        read = read_documents(settings.inputs, field=settings.field, strict=settings.strict, problems=self.problems)
        for document in read:
            ids = self.tokenizer.encode(document.text)
            self.unknown.add(ids, document.text)
            self.documents += document.piece <= 1
            self.words += len(document.text.split())
            self.characters += len(document.text)
            self.bytes += len(document.text.encode())
            self.tokens += len(ids)
            yield from sliding_windows([*before, *ids], context=self.context, stride=self.stride)


def perplexity_from(saved: SavedModel, settings: PerplexitySettings) -> Measured:
    """The same from a model in memory."""
    model, context = saved.gpt.to(find_device(settings.device)), saved.gpt.settings.context
    stride = _stride(settings.stride, context)
    reading = _Reading(saved.tokenizer, context, stride, UnknownCount(saved.tokenizer))
    loss, predicted = 0.0, 0
    with progress("reading", None, unit="tokens") as bar:
        for windows in _batches(reading.windows(settings)):
            scored = sum(window.scored for window in windows)
            loss, predicted = loss - log_likelihood(model, windows), predicted + scored
            bar.advance(scored)
    source = ", ".join("standard input" if name == STANDARD_INPUT else name for name in settings.inputs)
    _check(reading, predicted, source)
    reading.unknown.found().say(source, allowed=settings.allow_unknown)
    loss /= predicted

    def cost(of: int) -> float:
        """The nats of one of so many equal parts of the text."""
        return loss * reading.tokens / of

    return Measured(
        perplexity=_exp(loss),
        loss=loss,
        perplexity_per_word=_exp(cost(reading.words)),
        perplexity_per_character=_exp(cost(reading.characters)),
        perplexity_per_byte=_exp(cost(reading.bytes)),
        bits_per_byte=cost(reading.bytes) / math.log(2),
        documents=reading.documents,
        words=reading.words,
        characters=reading.characters,
        bytes=reading.bytes,
        tokens=predicted,
        stride=stride,
        problems=dict(reading.problems.counts),
        first_problems=list(reading.problems.first),
        unknown_tokens=reading.unknown.found().unknown,
    )


def _stride(asked: int | None, context: int) -> int:
    """By how much windows move on.

    Raises:
        SettingsError: it is as long as the context, of which one token at least is read only.
    """
    if asked is not None and asked >= context:
        raise SettingsError(
            f"--stride {asked} is too long: the model reads {context} tokens at once and predicts at most "
            f"{context - 1} of them; give 1 to {context - 1}"
        )
    return asked or context // 2


def _batches(windows: Iterator[Window]) -> Iterator[list[Window]]:
    batch: list[Window] = []
    for window in windows:
        batch.append(window)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _check(reading: _Reading, predicted: int, source: str) -> None:
    """Says what could not be predicted.

    Raises:
        DataError: that is all there is.
    """
    if not reading.words or not reading.tokens:
        what = "white space alone, no word" if reading.tokens else "no text"
        raise DataError(f"there is nothing to predict in {source}: {what}")
    if not predicted:
        raise DataError(
            f"there is nothing to predict in {source}: no text of two tokens, and the vocabulary has no piece for a "
            "line break, behind which the first could be predicted"
        )
    if predicted < reading.tokens:
        log.warning(
            "%s, the first of each text, could not be predicted, since the vocabulary has no piece for a line break; "
            "where costs are given by word, character or byte, such a token counts as the mean of the others",
            counted(reading.tokens - predicted, "token"),
        )


def _exp(nats: float) -> float:
    return math.exp(min(nats, LARGEST))
