"""Mode `hf`: text becomes ids as in `OpenAIGPTTokenizer` of the `transformers` library, version 5.

Control characters and accents are taken off, text is in lower case, and every punctuation mark is a word. There is no
repair, no English rules, and a line break is white space. The text `<unk>` is the unknown piece itself. Half a
surrogate pair, which that class refuses, is taken off like a control character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers

from foretext.tokenizer.kept import Ids, Kept
from foretext.tokenizer.offsets import Token
from foretext.tokenizer.pieces import NEWLINE, UNKNOWN, UNKNOWN_ID, WORD_END, merging, shown
from foretext.tokenizer.storage import Vocabulary

# White space that stays white space; the rest is either taken off or found between chunks' words all the same.
_CHUNK = re.compile(r"[^ \t\n\r]+")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"  # taken off as well


class HuggingFaceReading:
    """Text to ids and back in mode `hf`: each different white-space chunk is worked out once."""

    def __init__(self, vocabulary: Vocabulary, *, where: str) -> None:
        self.unknown = UNKNOWN_ID
        self.missing: frozenset[int] = frozenset()
        self.newline = vocabulary.pieces.index(NEWLINE) if NEWLINE in vocabulary.pieces else None
        self._native = native(vocabulary, where=where)
        self._of_chunk = Kept(self._chunk_ids)
        self._tokens = Kept(self._chunk_tokens)
        self._shown = shown((piece.replace(WORD_END, " ") for piece in vocabulary.pieces), unknown=UNKNOWN)

    def encode(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._of_chunk.__getitem__, _CHUNK.findall(text))))

    def tokens(self, text: str) -> Iterator[Token]:
        for chunk in _CHUNK.finditer(text):
            for token in self._tokens[chunk[0]]:
                yield Token(token.id, chunk.start() + token.start, chunk.start() + token.end)

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(map(self._shown.__getitem__, ids)).removesuffix(" ")

    def _chunk_ids(self, chunk: str) -> Ids:
        return tuple(self._native.encode(_whole(chunk)).ids)

    def _chunk_tokens(self, chunk: str) -> tuple[Token, ...]:
        encoding = self._native.encode(_whole(chunk))
        return tuple(Token(id, *span) for id, span in zip(encoding.ids, encoding.offsets, strict=True))


def native(vocabulary: Vocabulary, *, where: str) -> tokenizers.Tokenizer:
    """What the `tokenizers` library reads a whole text with, to the same ids."""
    found = tokenizers.Tokenizer(merging(vocabulary.pieces, vocabulary.merges, where=where))
    found.normalizer, found.pre_tokenizer = _normalizer(), _pre_tokenizer()
    found.decoder = decoders.BPEDecoder(suffix=WORD_END)
    found.add_special_tokens([UNKNOWN])
    return found


def chunks_to_count(text: str) -> list[str]:
    """The chunks of a text that is learned from."""
    return _CHUNK.findall(text)


def words_of_chunk(chunk: str) -> list[str]:
    """The words of a chunk."""
    return [word for word, _ in _pre_tokenizer().pre_tokenize_str(_normalizer().normalize_str(_whole(chunk)))]


def _whole(chunk: str) -> str:
    return chunk if chunk.isascii() else _HALF_CHARACTER.sub(_REPLACEMENT, chunk)


@cache
def _normalizer() -> normalizers.BertNormalizer:
    return normalizers.BertNormalizer(lowercase=True)


@cache
def _pre_tokenizer() -> pre_tokenizers.BertPreTokenizer:
    return pre_tokenizers.BertPreTokenizer()
