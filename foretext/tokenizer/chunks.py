"""From white-space chunks to ids in mode `paper`, each different chunk worked out once.

After repair a chunk alone decides its ids, but for those few whose words depend on their neighbours (see `words.py`):
they are open, and a line with one of them is worked out as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from foretext.tokenizer.cleaning import LINE_BREAK, replaced, spaced
from foretext.tokenizer.kept import Ids, Kept
from foretext.tokenizer.offsets import Token
from foretext.tokenizer.pieces import NEWLINE, UNKNOWN_ID, merging
from foretext.tokenizer.storage import Vocabulary
from foretext.tokenizer.words import word_rules

BLOCK = 1 << 11  # chunks looked up in one go; a block with an open chunk is done line by line


class ChunkIds:
    """The ids of chunks, remembering those of every chunk and word met lately."""

    def __init__(self, vocabulary: Vocabulary, *, where: str) -> None:
        self._merging = merging(vocabulary.pieces, vocabulary.merges, where=where)
        self._rules = word_rules()
        self._line_break = vocabulary.pieces.index(NEWLINE) if NEWLINE in vocabulary.pieces else UNKNOWN_ID
        self._of_word = Kept(self._word_ids)
        self._of_chunk = Kept(self._chunk_ids)
        self._tokens = Kept(self._chunk_tokens)

    def of_text(self, chunks: Sequence[str]) -> list[int]:
        """The ids of a text, given as its chunks with `LINE_BREAK` between lines."""
        ids: list[int] = []
        for block in _blocks(chunks):
            try:
                ids += self._settled(block)
            except _Open:
                for line in _lines(block):
                    ids += self._of_line(line)
        return ids

    def tokens_of_line(self, line: Sequence[str]) -> list[Sequence[Token]]:
        """The tokens of each chunk of a line, with their offsets in the chunk."""
        try:
            return [self._tokens[chunk] for chunk in line]
        except _Open:
            words = iter(self._words(line))
            return [tuple(self._placed(chunk, words)) for chunk in line]

    def _settled(self, chunks: Iterable[str]) -> list[int]:
        return list(chain.from_iterable(map(self._of_chunk.__getitem__, chunks)))

    def _of_line(self, line: Sequence[str]) -> Iterable[int]:
        try:
            return self._settled(line)
        except _Open:
            return chain.from_iterable(self._of_word[word] for word in self._words(line))

    def _words(self, line: Iterable[str]) -> list[str]:
        return self._rules.split([part for chunk in line for part in spaced(chunk)])

    def _chunk_ids(self, chunk: str) -> Ids:
        """The ids of a chunk in any line."""
        if chunk == LINE_BREAK:
            return (self._line_break,)
        return tuple(chain.from_iterable(map(self._of_word.__getitem__, self._words_in_any_line(chunk))))

    def _chunk_tokens(self, chunk: str) -> tuple[Token, ...]:
        return tuple(self._placed(chunk, iter(self._words_in_any_line(chunk))))

    def _words_in_any_line(self, chunk: str) -> Sequence[str]:
        words = self._rules.split_alone(spaced(chunk))
        if words is None:
            raise _Open
        return words

    def _word_ids(self, word: str) -> Ids:
        return tuple([piece.id for piece in self._merging.tokenize(word.lower())])

    def _placed(self, chunk: str, words: Iterator[str]) -> Iterator[Token]:
        """The tokens of a chunk, which takes from `words` what belongs to it."""
        origin = [place for place, character in enumerate(chunk) for _ in replaced(character)]
        done = 0
        while done < len(origin):
            word = next(words)
            # For each byte of the word in lower case the offset of its character in the chunk.
            places = [
                place for place, character in zip(origin[done:], word, strict=False) for _ in character.lower().encode()
            ]
            for piece in self._merging.tokenize(word.lower()):
                first, end = piece.offsets
                yield Token(piece.id, places[first], places[end - 1] + 1)
            done += len(word)


class _Open(Exception):
    """The ids of a chunk depend on its line."""


def _blocks(chunks: Sequence[str]) -> Iterator[Sequence[str]]:
    """The chunks in runs of some `BLOCK`, each but the first beginning with a line break."""
    start = 0
    while start < len(chunks):
        try:
            end = chunks.index(LINE_BREAK, start + BLOCK)
        except ValueError:
            end = len(chunks)
        yield chunks[start:end]
        start = end


def _lines(chunks: Sequence[str]) -> Iterator[Sequence[str]]:
    """The lines, and the line breaks between them."""
    start = 0
    for place, chunk in enumerate(chunks):
        if chunk == LINE_BREAK:
            yield chunks[start:place]
            yield [chunk]
            start = place + 1
    yield chunks[start:]
