"""Mode `paper`: text becomes ids as in the code released with the paper.

Text is repaired, cut into white-space chunks, these into English words, and the words in lower case into pieces. A run
of line breaks is one piece; other white space and capitals are lost.

Source: recipe point 17; `text_utils.py` of the code released with Radford et al. 2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import tokenizers
from tokenizers import decoders, pre_tokenizers

from foretext.tokenizer.alignment import repair_aligned
from foretext.tokenizer.chunks import ChunkIds
from foretext.tokenizer.cleaning import LINE_BREAK, chunks, repair, spaced
from foretext.tokenizer.offsets import Token
from foretext.tokenizer.pieces import NEWLINE, UNKNOWN, UNKNOWN_ID, WORD_END, merging, shown
from foretext.tokenizer.storage import Vocabulary
from foretext.tokenizer.words import word_rules

_LINE = re.compile(r"[^\n]+")
_CHUNK = re.compile(r"\S+")


class PaperReading:
    """Text to ids and back in mode `paper`."""

    def __init__(self, vocabulary: Vocabulary, *, where: str) -> None:
        self._chunk_ids = ChunkIds(vocabulary, where=where)
        self.unknown = UNKNOWN_ID
        self.missing: frozenset[int] = frozenset()
        self.newline = vocabulary.pieces.index(NEWLINE) if NEWLINE in vocabulary.pieces else None
        words = (
            piece.removesuffix(WORD_END) + " " if piece.endswith(WORD_END) else piece for piece in vocabulary.pieces
        )
        self._shown = shown(words, unknown=UNKNOWN + " ")

    def encode(self, text: str) -> list[int]:
        return self._chunk_ids.of_text(chunks(repair(text)))

    def tokens(self, text: str) -> Iterator[Token]:
        repaired = repair_aligned(text)
        for token in self._repaired_tokens(repaired.text):
            yield Token(token.id, repaired.starts[token.start], repaired.ends[token.end - 1])

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(map(self._shown.__getitem__, ids)).rstrip(" ")

    def _repaired_tokens(self, repaired: str) -> Iterator[Token]:
        """The tokens of a repaired text; that of a line break spans all breaks in a row, and what is between them."""
        end_of_line = 0
        for line in _LINE.finditer(repaired):
            found = list(_CHUNK.finditer(repaired, line.start(), line.end()))
            if not found:
                continue
            if end_of_line:
                yield Token(UNKNOWN_ID if self.newline is None else self.newline, end_of_line, line.start())
            end_of_line = line.end()
            for chunk, tokens in zip(found, self._chunk_ids.tokens_of_line([chunk[0] for chunk in found]), strict=True):
                for token in tokens:
                    yield Token(token.id, chunk.start() + token.start, chunk.start() + token.end)


def native(vocabulary: Vocabulary, *, where: str) -> tokenizers.Tokenizer:
    """What the `tokenizers` library reads words with: in lower case, one space between, a line break as a word."""
    found = tokenizers.Tokenizer(merging(vocabulary.pieces, vocabulary.merges, where=where))
    found.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    found.decoder = decoders.BPEDecoder(suffix=WORD_END)
    return found


def chunks_to_count(text: str) -> list[str]:
    """The chunks of a text that is learned from."""
    return [chunk for chunk in chunks(repair(text)) if chunk != LINE_BREAK]


def words_of_chunk(chunk: str) -> list[str]:
    """The words of a chunk, taken alone: neighbours change words far too rarely to matter for counts."""
    return [word.lower() for word in word_rules().split(spaced(chunk))]
