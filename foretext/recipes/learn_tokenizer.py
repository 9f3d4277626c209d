"""Raw text becomes a tokenizer: the vocabulary that a model's inputs are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.corpus import Problems
from foretext.corpus.problems import refuse
from foretext.corpus.readers import read_sources
from foretext.corpus.sources import find_sources
from foretext.errors import SettingsError
from foretext.leftovers import remove_leftovers
from foretext.locks import held
from foretext.progress import progress
from foretext.recipes.settings.learn_tokenizer import LearnTokenizerSettings
from foretext.tokenizer import Tokenizer, count_words
from foretext.tokenizer.learning import refuse_too_large
from foretext.tokenizer.storage import FILE_NAME

_MEGABYTE = 1e6


@dataclass(frozen=True)
class Learned:
    """The tokenizer, where it lies, and what it was learned from."""

    tokenizer: Tokenizer
    folder: Path
    documents: int
    characters: int
    stopped: bool  # at `max_megabytes`, with input left unread
    words: int
    different_words: int
    problems: Problems

    def lines(self) -> list[str]:
        return [
            f"{self.tokenizer.size:,} pieces learned from {self.words:,} words ({self.different_words:,} different)",
            f"read: {self.documents:,} documents, {self.characters:,} characters"
            + (", then stopped at --max-megabytes; the rest was not read" if self.stopped else ""),
            *self.problems.lines(),
            f"saved in {self.folder}, fingerprint {self.tokenizer.fingerprint[:12]}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "fingerprint": self.tokenizer.fingerprint,
            "size": self.tokenizer.size,
            "words": self.words,
            "different_words": self.different_words,
            "documents": self.documents,
            "characters": self.characters,
            "stopped": self.stopped,
            "problems": dict(self.problems.counts),
        }


def learn_tokenizer(settings: LearnTokenizerSettings) -> Learned:
    """The tokenizer that `settings.out` now holds: words are counted in one pass, then merges are learned.

    Raises:
        DataError: an input is missing or wrong, or there are no words in any.
        InUse: another process is at work in `out`.
        SettingsError: `out` holds a tokenizer already, or `size` is too large, or too small for the characters of the
            texts.
        DiskFull: there is no space left.
    """
    refuse_too_large(settings.size)
    with held(settings.out):
        _refuse_another(settings.out)
        remove_leftovers(settings.out, (FILE_NAME,))
        return _learned(settings)


def _learned(settings: LearnTokenizerSettings) -> Learned:
    problems = Problems()
    reading = _Reading(settings, problems)
    words = count_words(reading.texts(), settings.mode)
    with progress(f"learn {settings.size:,} pieces from {len(words):,} different words", 1, unit="vocabulary") as bar:
        source = f"learned from {', '.join(Path(name).name for name in settings.inputs)}"
        tokenizer = Tokenizer.learn_from_counts(words, settings.size, mode=settings.mode, source=source)
        bar.advance()
    tokenizer.save(settings.out)
    return Learned(
        tokenizer=tokenizer,
        folder=settings.out,
        documents=reading.documents,
        characters=reading.characters,
        stopped=reading.stopped,
        words=words.total(),
        different_words=len(words),
        problems=problems,
    )


class _Reading:
    """The texts of all inputs, up to the limit, with a bar while they are read and counts afterwards."""

    def __init__(self, settings: LearnTokenizerSettings, problems: Problems) -> None:
        self.settings = settings
        self.problems = problems
        self.documents = 0
        self.characters = 0
        self.stopped = False
        self._shown = 0.0

    def texts(self) -> Iterator[str]:
        settings = self.settings
        report = refuse if settings.strict else self.problems.add
        sources = find_sources(settings.inputs, report)
        megabytes = settings.max_megabytes or _total_megabytes(source.bytes for source in sources)
        with progress("count words", megabytes, unit="MB") as bar:
            for document in read_sources(sources, field=settings.field, report=report):
                text = self._within_limit(document.text)
                if text is None:
                    return
                yield text
                done = self.characters if settings.max_megabytes else document.position
                bar.advance(done / _MEGABYTE - self._shown)
                self._shown = done / _MEGABYTE

    def _within_limit(self, text: str) -> str | None:
        """What of `text` may still be read; None if the limit was reached before."""
        if self.settings.max_megabytes is not None:
            left = round(self.settings.max_megabytes * _MEGABYTE) - self.characters
            self.stopped = not left or len(text) > left
            text = text[:left]
            if not left:
                return None
        self.documents += 1
        self.characters += len(text)
        return text


def _total_megabytes(sizes: Iterable[int | None]) -> float | None:
    """The sum of sizes in bytes, in megabytes; None where one is not known."""
    known = list(sizes)
    return None if None in known else sum(size or 0 for size in known) / _MEGABYTE


def _refuse_another(out: Path) -> None:
    if (out / FILE_NAME).exists():
        raise SettingsError(
            f"{out} holds a tokenizer already, and models may depend on it; remove it or give another --out"
        )
