"""Mode `bytes`: byte-level pieces for any language; case, script and white space are kept, nothing is unknown.

A text is cut as GPT-2 does it, a word with the space before it, and the UTF-8 bytes of each part are merged. In pieces
a byte is written as one visible character, in the way of GPT-2 (a space is `Ġ`), so vocabularies are legible:

    The cat.  ->  The Ġcat .

Half a surrogate pair, which UTF-8 has no room for, is its three bytes in the form that Python calls "surrogatepass".

Source: Radford et al. 2019 ("Language Models are Unsupervised Multitask Learners"), section 2.2; the cutting and
merging is done by the `tokenizers` library.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from foretext.errors import ModelError
from foretext.tokenizer.kept import Ids, Kept
from foretext.tokenizer.offsets import Token
from foretext.tokenizer.pieces import SPECIALS, check_merges
from foretext.tokenizer.storage import Vocabulary

LONGEST_WORD = 256  # bytes; a longer one is counted in parts, so that learning holds bounded words

# A space or line break before something visible always begins a new part, whatever stands before it.
_CHUNK_STARTS = re.compile(r"(?=[ \n]\S)")
HALF_CHARACTER = re.compile("([\ud800-\udfff])")
_VISIBLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
_HIDDEN = [byte for byte in range(256) if byte not in _VISIBLE]
_CHARACTER = {byte: chr(byte) for byte in _VISIBLE} | {byte: chr(256 + rank) for rank, byte in enumerate(_HIDDEN)}
BYTE = {character: byte for byte, character in _CHARACTER.items()}
ALPHABET = [_CHARACTER[byte] for byte in range(256)]


class ByteReading:
    """Text to ids and back in mode `bytes`: each different chunk is worked out once."""

    def __init__(self, vocabulary: Vocabulary, *, where: str) -> None:
        pieces, merges = vocabulary.pieces, vocabulary.merges
        check_byte_pieces(pieces, where=where)
        check_merges(pieces, merges, where=where)
        ids = _ids(pieces)
        self._id_of_byte = [ids[character] for character in ALPHABET]
        self.unknown = None
        self.missing: frozenset[int] = frozenset()
        self.newline = self._id_of_byte[ord("\n")]
        self._native = native(vocabulary, where=where)
        self._bytes = [bytes(BYTE[character] for character in piece) for piece in pieces]
        self._bytes += [special.encode() for special in SPECIALS]
        self._of_chunk = Kept(self._chunk_ids)

    def encode(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._of_chunk.__getitem__, _CHUNK_STARTS.split(text))))

    def tokens(self, text: str) -> Iterator[Token]:
        start = 0
        for chunk in _CHUNK_STARTS.split(text):
            # For each byte of the chunk the offset of its character in the text.
            places = [start + place for place, character in enumerate(chunk) for _ in encoded(character)]
            first = 0
            for number in self._of_chunk[chunk]:
                end = first + len(self._bytes[number])
                yield Token(number, places[first], places[end - 1] + 1)
                first = end
            start += len(chunk)

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(map(self._bytes.__getitem__, ids)).decode("utf-8", DECODING_ERRORS)

    def _chunk_ids(self, chunk: str) -> Ids:
        if chunk.isascii():
            return tuple(self._native.encode(chunk).ids)
        parts = enumerate(HALF_CHARACTER.split(chunk))  # every second one is half a character
        return tuple(
            chain.from_iterable(
                [self._id_of_byte[byte] for byte in encoded(part)] if number % 2 else self._native.encode(part).ids
                for number, part in parts
            )
        )


def native(vocabulary: Vocabulary, *, where: str) -> tokenizers.Tokenizer:
    """What the `tokenizers` library reads a whole text with, to the same ids."""
    merges = list(vocabulary.merges)
    found = tokenizers.Tokenizer(models.BPE(vocab=_ids(vocabulary.pieces), merges=merges, cache_capacity=0))
    found.pre_tokenizer, found.decoder = _pre_tokenizer(), decoders.ByteLevel()
    return found


def _ids(pieces: Sequence[str]) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(pieces)}


def check_byte_pieces(pieces: Sequence[str], *, where: str) -> None:
    """Nothing if the pieces are of bytes, and every byte is one.

    Raises:
        ModelError: they are not; the message begins with `where`.
    """
    for piece in pieces:
        if not piece or not BYTE.keys() >= set(piece):
            raise ModelError(f"{where}: {piece!r} is no piece of bytes; the vocabulary was learned in another mode")
    missing = BYTE.keys() - set(pieces)
    if missing:
        raise ModelError(f"{where}: {len(missing)} of the 256 bytes are no piece; mode bytes needs them all")


def chunks_to_count(text: str) -> list[str]:
    """The chunks of a text that is learned from."""
    return _CHUNK_STARTS.split(text)


def words_of_chunk(chunk: str) -> list[str]:
    """The parts of a chunk within which bytes are merged, as visible characters."""
    whole = HALF_CHARACTER.split(chunk)[::2]
    words = [word for part in whole for word, _ in _pre_tokenizer().pre_tokenize_str(part)]
    return [word[start : start + LONGEST_WORD] for word in words for start in range(0, len(word), LONGEST_WORD)]


def encoded(text: str) -> bytes:
    """The bytes of a text, three for half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass")


@cache
def _pre_tokenizer() -> pre_tokenizers.ByteLevel:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _half_or_replaced(error: UnicodeError) -> tuple[str, int]:
    """Half a surrogate pair as it was encoded; U+FFFD for bytes that belong to no character."""
    assert isinstance(error, UnicodeDecodeError)
    three = error.object[error.start : error.start + 3]
    try:
        return three.decode("utf-8", "surrogatepass"), error.start + 3
    except UnicodeDecodeError:
        return "\ufffd", error.end


DECODING_ERRORS = "foretext-half-or-replaced"
codecs.register_error(DECODING_ERRORS, _half_or_replaced)
