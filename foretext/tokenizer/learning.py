"""A vocabulary from word counts (see `counting.py`)."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from foretext.errors import DataError, SettingsError
from foretext.tokenizer.byte_level import ALPHABET
from foretext.tokenizer.pieces import NEWLINE, UNKNOWN, WORD_END, Merge

logger = logging.getLogger(__name__)

RARE_CHARACTERS = 1e-5  # the rarest characters that make up less than this share of all are left to `<unk>`
MINIMUM_PAIRS = 2  # a pair of pieces seen only once is not merged
MOST_PIECES = 2**20  # four times the largest vocabularies in use; the trainer takes room for all of them at once
COPIES_AT_ONCE = 10_000
FIRST_SYMBOL = 0xF0000  # the private plane; see `_Symbols`


def learn_pieces(counts: Mapping[str, int], size: int) -> tuple[list[str], list[Merge]]:
    """`size` pieces and the merges that make them, learned from word counts; the same for the same counts.

    ids: <unk>, characters, characters that end a word, merged pieces, the line break.

    Raises:
        DataError: there are no words.
        SettingsError: `size` has no room for the characters, or is too large.
    """
    refuse_too_large(size)
    _refuse_no_words(counts)
    symbols = _Symbols(_alphabet(counts))
    room = size - 2  # <unk> and the line break
    if room < len(symbols.pieces):
        raise SettingsError(
            f"a vocabulary of {size} is too small: {len(symbols.pieces) + 2} pieces are needed for the "
            f"{len(symbols.pieces) // 2} characters of the texts alone"
        )
    learned = _train(symbols.spell(counts), symbols.characters, room)
    merges = [(symbols.plain(left), symbols.plain(right)) for left, right in learned]
    pieces = list(dict.fromkeys([UNKNOWN, *symbols.pieces, *(left + right for left, right in merges), NEWLINE]))
    _say_fewer(pieces, size)
    return pieces, merges


def learn_byte_pieces(counts: Mapping[str, int], size: int) -> tuple[list[str], list[Merge]]:
    """`size` pieces of bytes and the merges that make them, learned from word counts; the same for the same counts.

    ids: the 256 bytes, merged pieces.

    Raises:
        DataError: there are no words.
        SettingsError: `size` has no room for the bytes, or is too large.
    """
    refuse_too_large(size)
    _refuse_no_words(counts)
    if size < len(ALPHABET):
        raise SettingsError(
            f"a vocabulary of {size} is too small: {len(ALPHABET)} pieces are needed, one for each byte"
        )
    merges = _train(counts.items(), ALPHABET, size)
    pieces = list(dict.fromkeys([*ALPHABET, *(left + right for left, right in merges)]))
    _say_fewer(pieces, size)
    return pieces, merges


def refuse_too_large(size: int) -> None:
    """Nothing, if a vocabulary may have so many pieces.

    Raises:
        SettingsError: it may not.
    """
    if size > MOST_PIECES:
        raise SettingsError(f"a vocabulary of {size:,} is too large: give {MOST_PIECES:,} pieces at most")


def _refuse_no_words(counts: Mapping[str, int]) -> None:
    if not counts:
        raise DataError("there are no words to learn a tokenizer from: the texts are empty")


def _say_fewer(pieces: Sequence[str], size: int) -> None:
    if len(pieces) < size:
        logger.warning(
            "the texts yield %d pieces, not the %d asked for: no further pair occurs twice", len(pieces), size
        )


def _alphabet(counts: Mapping[str, int]) -> list[str]:
    """The characters worth a piece, most frequent first."""
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    ranked = sorted(characters, key=lambda character: (-characters[character], character))
    allowed = RARE_CHARACTERS * characters.total()
    left_out = 0
    while ranked and left_out + characters[ranked[-1]] < allowed:
        left_out += characters[ranked.pop()]
    if left_out:
        rare = len(characters) - len(ranked)
        logger.info("%d rare characters (%d occurrences) get no piece and are read as %s", rare, left_out, UNKNOWN)
    return ranked


class _Symbols:
    """One private character for every character and one for every character that ends a word.

    The trainer then sees plain strings whose alphabet is known and ordered beforehand. Left to mark word ends itself,
    it numbers the marked characters as it meets them in a hash table, and ties between pairs fall by chance.
    """

    def __init__(self, alphabet: list[str]) -> None:
        self.pieces = [*alphabet, *(character + WORD_END for character in alphabet)]
        self.characters = [chr(FIRST_SYMBOL + number) for number in range(len(self.pieces))]
        self._piece_of = dict(zip(self.characters, self.pieces, strict=True))
        self._inside = dict(zip(alphabet, self.characters, strict=False))
        self._at_end = dict(zip(alphabet, self.characters[len(alphabet) :], strict=True))

    def spell(self, counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        """Each word in symbols and its count; words with a character that has no piece teach no merge."""
        for word, count in counts.items():
            if all(character in self._inside for character in word):
                yield "".join(map(self._inside.__getitem__, word[:-1])) + self._at_end[word[-1]], count

    def plain(self, symbols: str) -> str:
        """The piece that a string of symbols stands for."""
        return "".join(map(self._piece_of.__getitem__, symbols))


def _train(words: Iterable[tuple[str, int]], characters: Sequence[str], size: int) -> list[Merge]:
    """The merges over words of these characters that bring a vocabulary to `size`, in the order learned."""
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=MINIMUM_PAIRS,
        initial_alphabet=list(characters),
        limit_alphabet=len(characters),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    tokenizer.train_from_iterator(_copies(words), trainer)
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


def _copies(words: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Every word as often as it was counted, in strings of bounded length: the trainer takes texts, not counts."""
    held: list[str] = []
    for word, count in words:
        while count:
            copies = min(count, COPIES_AT_ONCE - len(held))
            held += [word] * copies
            count -= copies
            if len(held) == COPIES_AT_ONCE:
                yield " ".join(held)
                held.clear()
    yield " ".join(held)
