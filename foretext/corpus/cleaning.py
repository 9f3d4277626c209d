"""Documents on their way into a corpus, without what stands there already: copies, repeated passages, damage.

Both ways are off unless a person asks for them, and what they leave out is counted by reason.

    --dedup   a document that equals one that stays, or says the same: nearly all of its runs of words are in the other,
              neither has a passage of its own, and numbers and negations are the same
    --clean   damaged characters are repaired where nothing else can be meant; lines that already stood in three
              documents are left out where they make a passage of 20 words or more

Each document is compared exactly with one that stays, so a chain of likenesses removes nothing but the links like what
is kept. To clean what is clean changes nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

from foretext.corpus.documents import Document
from foretext.texts.alike import CROWD, Shingled, says_the_same
from foretext.texts.damage import damage_of
from foretext.texts.showing import shown
from foretext.texts.words import words

STOOD = 3  # documents that a line may stand in before it is one of a repeated passage
PASSAGE = 20  # words of a repeated passage
NAMED = 3  # documents that are named for each reason; all are counted

COPY = "document that equals an earlier one (left out)"
NEAR_COPY = "document that says the same as an earlier one (left out)"
BOILER_PLATE = "line of a passage that stood in three documents (left out)"
REPAIRED = "place with characters of a damaged encoding (repaired)"
NOT_SURE = "place that looks damaged (kept)"
LOST = "character that is lost, U+FFFD (kept)"


@dataclass
class Removed:
    """What was left out or changed, by reason; the first of each are named."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, count: int, what: str) -> None:
        """Counts what was left out or changed, where there is any, and keeps `what` if it is one of the first."""
        if not count:
            return
        self.counts[reason] += count
        named = self.first.setdefault(reason, [])
        if len(named) < NAMED:
            named.append(what)

    def lines(self) -> list[str]:
        """The first of each reason: "line of … (left out): a.txt, b.txt"."""
        return [f"{reason}: {', '.join(named)}" for reason, named in sorted(self.first.items())]


def cleaned(documents: Iterable[Document], removed: Removed, *, dedup: bool, clean: bool) -> Iterator[Document]:
    """The documents that stay, in their order; what does not is counted in `removed`."""
    if clean:
        documents = _clean(documents, removed)
    if dedup:
        documents = _different(documents, removed)
    yield from documents


def _clean(documents: Iterable[Document], removed: Removed) -> Iterator[Document]:
    lines = _Lines()
    for document in documents:
        damage = damage_of(document.text)
        where = document.where
        repaired = "; ".join(f"{shown(damaged, 20)} → {shown(was, 20)}" for damaged, was in damage.sure[:NAMED])
        removed.add(REPAIRED, len(damage.sure), f"{where} ({repaired})")
        doubtful = "; ".join(shown(one, 20) for one in damage.doubtful[:NAMED])
        removed.add(NOT_SURE, len(damage.doubtful), f"{where} ({doubtful})")
        removed.add(LOST, damage.lost, where)
        text, left_out = lines.without_repeated(damage.repaired)
        removed.add(BOILER_PLATE, left_out, where)
        yield replace(document, text=text)


def _different(documents: Iterable[Document], removed: Removed) -> Iterator[Document]:
    with tempfile.TemporaryFile() as texts:
        kept = _Kept(texts)
        for document in documents:
            reason = kept.reason_against(document.text)
            if reason:
                removed.add(reason, 1, document.where)
            else:
                yield document


class _Lines:
    """How many documents each line stood in so far, of those that stay."""

    def __init__(self) -> None:
        self._documents: Counter[bytes] = Counter()

    def without_repeated(self, text: str) -> tuple[str, int]:
        """The text without its repeated passages, and the lines they had."""
        lines = text.splitlines(keepends=True)
        digests = [_digest(line.strip()) if line.strip() else b"" for line in lines]
        keep = [True] * len(lines)
        for start, end in self._passages(digests):
            if sum(len(words(line)) for line in lines[start:end]) >= PASSAGE:
                keep[start:end] = [False] * (end - start)
        self._documents.update({digest for digest in digests if digest})
        left_out = sum(bool(digest) and not stays for digest, stays in zip(digests, keep, strict=True))
        if not left_out:
            return text, 0
        return "".join(line for line, stays in zip(lines, keep, strict=True) if stays), left_out

    def _passages(self, digests: list[bytes]) -> Iterator[tuple[int, int]]:
        """Where lines in a row all stood in enough documents; blank lines between them belong to it."""
        start = last = None
        for place, digest in enumerate([*digests, _digest("")]):
            repeated = self._documents[digest] >= STOOD if digest else None
            if repeated:
                start, last = place if start is None else start, place
            elif repeated is False and start is not None and last is not None:
                yield start, last + 1
                start = last = None


class _Kept:
    """The documents that stay: their bands in memory, about a kilobyte each, their texts in a file."""

    def __init__(self, texts: IO[bytes]) -> None:
        self._texts, self._equal = texts, set[bytes]()
        self._bands: dict[bytes, list[tuple[int, int]]] = {}
        self._end = 0

    def reason_against(self, text: str) -> str:
        """Why a document is to be left out; it stays where there is no reason, and is known from then on."""
        if not text.strip():
            return ""
        digest = _digest(text)
        if digest in self._equal:
            return COPY
        shingled = Shingled.of(text)
        bands = shingled.bands() if shingled else []
        places = dict.fromkeys(place for band in bands for place in self._bands.get(_digest(band), ())[:CROWD])
        if shingled and any(self._says_the_same(shingled, place) for place in places):
            return NEAR_COPY
        self._equal.add(digest)
        place = self._write(text)
        for band in bands:
            self._bands.setdefault(_digest(band), []).append(place)
        return ""

    def _write(self, text: str) -> tuple[int, int]:
        data = text.encode()
        self._texts.seek(self._end)
        self._texts.write(data)
        place = (self._end, len(data))
        self._end += len(data)
        return place

    def _says_the_same(self, shingled: Shingled, place: tuple[int, int]) -> bool:
        start, length = place
        self._texts.seek(start)
        other = Shingled.of(self._texts.read(length).decode())
        return other is not None and says_the_same(shingled, other)


def _digest(content: str | bytes) -> bytes:
    data = content if isinstance(content, bytes) else content.encode()
    return hashlib.blake2b(data, digest_size=16).digest()
