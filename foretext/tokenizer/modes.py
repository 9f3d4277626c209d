"""The ways of reading text, by name; a vocabulary is stored with the name of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import tokenizers

from foretext.errors import UnknownName
from foretext.tokenizer import byte_level, hf, imported, paper
from foretext.tokenizer.cleaning import CLEANING_VERSION
from foretext.tokenizer.learning import learn_byte_pieces, learn_pieces
from foretext.tokenizer.offsets import Token
from foretext.tokenizer.pieces import Merge
from foretext.tokenizer.storage import Vocabulary


class Reading(Protocol):
    """Text to ids and back with one vocabulary."""

    @property
    def newline(self) -> int | None:
        """The piece that stands for a line break; None if there is none."""

    @property
    def unknown(self) -> int | None:
        """The piece that stands for every character without one; None if there is nothing such."""

    @property
    def missing(self) -> frozenset[int]:
        """The bytes that have no piece, and are left out of a text."""

    def encode(self, text: str) -> list[int]:
        """The ids of the text's pieces."""

    def tokens(self, text: str) -> Iterator[Token]:
        """The ids that `encode` gives, with their offsets in the text."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of pieces and of the three special tokens, whose ids follow the pieces."""


@dataclass(frozen=True)
class Mode:
    """How text is read."""

    reading: Callable[..., Reading]  # (vocabulary, *, where)
    cleaning: int  # version of all that stands before the merges; raised when ids change
    native: Callable[..., tokenizers.Tokenizer]  # (vocabulary, *, where): for programs without Foretext
    native_reads: Literal["text", "words"] = "text"  # what that takes, to give the same ids


@dataclass(frozen=True)
class Learning:
    """How a vocabulary of a mode is learned."""

    chunks: Callable[[str], Sequence[str]]  # of a text
    words: Callable[[str], Iterable[str]]  # of a chunk; merges never reach over two words
    learn: Callable[[Mapping[str, int], int], tuple[list[str], list[Merge]]]  # (word counts, size)


MODES = {
    "paper": Mode(paper.PaperReading, CLEANING_VERSION, paper.native, native_reads="words"),
    "hf": Mode(hf.HuggingFaceReading, 1, hf.native),
    "bytes": Mode(byte_level.ByteReading, 1, byte_level.native),
    "imported": Mode(imported.ImportedReading, 1, imported.native),
}
LEARNING = {
    "paper": Learning(paper.chunks_to_count, paper.words_of_chunk, learn_pieces),
    "hf": Learning(hf.chunks_to_count, hf.words_of_chunk, learn_pieces),
    "bytes": Learning(byte_level.chunks_to_count, byte_level.words_of_chunk, learn_byte_pieces),
}


def learning_named(name: str) -> Learning:
    """How a vocabulary of the mode of that name is learned.

    Raises:
        UnknownName: there is no such mode, or none is learned for it.
    """
    if name not in LEARNING:
        raise UnknownName("tokenizer mode", name, LEARNING)
    return LEARNING[name]


def new_vocabulary(words: Mapping[str, int], size: int, *, mode: str, source: str = "") -> Vocabulary:
    """A vocabulary of `size` pieces learned from how often each word occurs."""
    pieces, merges = learning_named(mode).learn(words, size)
    return Vocabulary(tuple(pieces), tuple(merges), mode=mode, cleaning=MODES[mode].cleaning, source=source)
