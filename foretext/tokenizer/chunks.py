"""From white-space chunks to ids, each different chunk worked out once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import cast

from foretext.tokenizer.cleaning import spaced
from foretext.tokenizer.pieces import merging
from foretext.tokenizer.storage import Vocabulary
from foretext.tokenizer.words import word_rules

Ids = tuple[int, ...]

CHUNKS_KEPT = 1 << 18  # some 60 MB; English books stay above 98 % of hits with it
LONGEST_KEPT = 64  # characters


class ChunkIds:
    """The ids of every chunk met lately.

    After repair a chunk alone decides its ids, but for those few whose words depend on their neighbours (see
    `words.py`): a line with one of them is worked out as a whole.
    """

    def __init__(self, vocabulary: Vocabulary, *, where: str) -> None:
        self._merging = merging(vocabulary.pieces, vocabulary.merges, where=where)
        self._rules = word_rules()
        self._known = _Kept(self._of_chunk)

    def of_line(self, chunks: Sequence[str]) -> Iterable[int]:
        """The ids of one line, given as its chunks."""
        known = self._known
        parts = [known[chunk] for chunk in chunks]
        if None in parts:
            return self._of_words(self._rules.split([part for chunk in chunks for part in spaced(chunk)]))
        return chain.from_iterable(cast(list[Ids], parts))

    def _of_chunk(self, chunk: str) -> Ids | None:
        """The ids of a chunk in any line; None where they depend on the line."""
        words = self._rules.split_alone(spaced(chunk))
        return None if words is None else self._of_words(words)

    def _of_words(self, words: Iterable[str]) -> Ids:
        return tuple(piece.id for word in words for piece in self._merging.tokenize(word.lower()))


class _Kept(dict[str, Ids | None]):
    """Works out what is missing and keeps it, starting afresh when there is too much."""

    def __init__(self, work_out: Callable[[str], Ids | None]) -> None:
        self._work_out = work_out

    def __missing__(self, chunk: str) -> Ids | None:
        ids = self._work_out(chunk)
        if len(chunk) <= LONGEST_KEPT:
            if len(self) >= CHUNKS_KEPT:
                self.clear()
            self[chunk] = ids
        return ids
