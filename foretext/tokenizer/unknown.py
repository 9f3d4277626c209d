"""How much of a text the vocabulary has no piece for: counted wherever text becomes ids, said, and refused past half.

A vocabulary of characters reads each character that it lacks as the one piece `<unk>`, so that a text in another script
becomes a row of one sign, which is easily predicted and means nothing. Mode `bytes` knows every text. An imported
vocabulary may lack single bytes: a character with such a byte is counted as unknown, though no token stands for it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from foretext.errors import DataError

WARNED_FROM = 0.01  # share of unknown tokens; English text read by a vocabulary of English has far fewer
REFUSED_FROM = 0.5
SHOWN = 5  # characters that a message names
KEPT = 100  # different characters that a count keeps

log = logging.getLogger(__name__)


class Reads(Protocol):
    """What counting needs of a tokenizer."""

    @property
    def unknown(self) -> int | None:
        """The id that stands for what there is no piece for; None if there is nothing such."""

    @property
    def newline(self) -> int | None:
        """The piece for a line break; None if there is none."""

    @property
    def missing(self) -> frozenset[int]:
        """The bytes that are left out of a text, since they have no piece."""

    def encode(self, text: str, /) -> list[int]:
        """The ids of a text."""


@dataclass(frozen=True)
class Unknown:
    """How many of the tokens of some text, line breaks left out, are unknown, and for which characters they stand."""

    tokens: int = 0
    unknown: int = 0
    characters: Mapping[str, int] = field(default_factory=dict)  # the commonest, each with how often it is there

    @property
    def share(self) -> float:
        """The share of the tokens that are unknown, between 0 and 1."""
        return self.unknown / max(1, self.tokens)

    @property
    def too_many(self) -> bool:
        """Whether more than half of the tokens are unknown, so that an answer would mean nothing."""
        return self.share > REFUSED_FROM

    def lines(self, what: str) -> list[str]:
        """What to tell the user of the text called `what`; nothing where hardly a token is unknown."""
        return [f"{self.counted(what)}; they are all read as one and the same"] if self.share >= WARNED_FROM else []

    def say(self, what: str, *, allowed: bool) -> None:
        """Warns where more than one token in a hundred is unknown.

        Raises:
            DataError: more than half of them are, and it is not `allowed`.
        """
        if self.too_many and not allowed:
            raise DataError(
                f"{self.counted(what)}. Take a model or tokenizer that knows this script (the tokenizer mode bytes "
                "knows every one), or say --allow-unknown (in Python allow_unknown=True) to go on all the same"
            )
        for line in self.lines(what):
            log.warning(line)

    def counted(self, what: str) -> str:
        """How many tokens of the text called `what` are unknown, and for which characters they stand."""
        count = f"{self.unknown:,} of {self.tokens:,} tokens ({self.share:.1%})"
        return f"{what}: {count} are unknown: the vocabulary has no piece for {self._named()}"

    def _named(self) -> str:
        by_count = sorted(self.characters.items(), key=lambda item: -item[1])
        named = ", ".join(f"{character!r} ({count:,}x)" for character, count in by_count[:SHOWN])
        more = len(by_count) - SHOWN
        return (named or "what stands there") + (f" and {more:,}{'+' * (more > KEPT - 10)} others" if more > 0 else "")


class UnknownCount:
    """Counts the unknown tokens of one text after the other; costs nothing worth mention where there are none."""

    def __init__(self, tokenizer: Reads) -> None:
        self._tokenizer = tokenizer
        self._tokens = self._unknown = 0
        self._characters: Counter[str] = Counter()
        self._missing = bytes(tokenizer.missing) if tokenizer.unknown is None else b""
        by_piece = cache(lambda character: tokenizer.unknown in tokenizer.encode(character))
        self._is_unknown = cache(self._lacks) if self._missing else by_piece

    def add(self, ids: Sequence[int], text: str) -> int:
        """Counts the ids of a text, special tokens and line breaks left out; how many of them are unknown."""
        return self.add_all([ids], [text])

    def add_all(self, sequences: Iterable[Sequence[int]], texts: Iterable[str], *, special: int = 0) -> int:
        """The same of the sequences that are made of `texts`, each of which holds so many special tokens."""
        unknown, newline = self._tokenizer.unknown, self._tokenizer.newline
        found = 0
        for ids in sequences:
            self._tokens += len(ids) - special - (0 if newline is None else ids.count(newline))
            found += 0 if unknown is None else ids.count(unknown)
        if self._missing:
            texts = [text for text in texts if self._lacks(text)]
            found = sum(sum(self._unknown_of(text).values()) for text in texts)
            self._tokens += found
        if found:
            self._unknown += found
            for text in texts:
                self._characters.update(self._unknown_of(text))
        return found

    def found(self, *, most: int | None = KEPT) -> Unknown:
        """What was counted so far, with the `most` commonest characters; None for all."""
        return Unknown(self._tokens, self._unknown, dict(self._characters.most_common(most)))

    def _lacks(self, text: str) -> bool:
        """Whether a byte of the text has no piece."""
        data = text.encode("utf-8", "surrogatepass")
        return len(data.translate(None, self._missing)) < len(data)

    def _unknown_of(self, text: str) -> dict[str, int]:
        counts = Counter(text)
        return {character: count for character, count in counts.items() if self._is_unknown(character)}
