"""The tokenizer: text to ids and back, learned, loaded, saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path

from foretext.errors import DataError, ModelError, UnknownName
from foretext.tokenizer.chunks import ChunkIds
from foretext.tokenizer.cleaning import CLEANING_VERSION, lines, repair
from foretext.tokenizer.learning import count_words, learn_pieces
from foretext.tokenizer.pieces import NEWLINE, WORD_END
from foretext.tokenizer.storage import Vocabulary, read_openai, read_vocabulary, write_vocabulary
from foretext.tokenizer.texts import read_texts

MODES = ("paper",)
SPECIALS = ("[s]", "[$]", "[e]")  # as the paper's Figure 1 writes start, delimiter and extract


class Tokenizer:
    """Text to ids and back with one vocabulary.

    tokenizer = Tokenizer.learn(["stories.txt"], 2000)
    tokenizer.encode("The cat sat.")     [481, 2417, 1603, 239]
    tokenizer.decode([481, 2417])        "the cat"

    Ids below `size` are pieces of the vocabulary (0 is `<unk>`); the three after it are `start`, `delimiter` and
    `extract`, which no text is ever encoded to. A tokenizer may be handed to worker processes.
    """

    def __init__(self, vocabulary: Vocabulary, *, where: str = "vocabulary") -> None:
        """A tokenizer for `vocabulary`; `where` names it in errors.

        Raises:
            ModelError: pieces and merges do not fit, or its cleaning rules are newer than this version of Foretext.
            UnknownName: there is no such mode.
        """
        if vocabulary.mode not in MODES:
            raise UnknownName("tokenizer mode", vocabulary.mode, MODES)
        if vocabulary.cleaning != CLEANING_VERSION:
            raise ModelError(
                f"{where} was made with cleaning rules {vocabulary.cleaning}, this version of Foretext has rules "
                f"{CLEANING_VERSION}: ids would differ"
            )
        self.vocabulary = vocabulary
        self.size = len(vocabulary.pieces)
        self.start, self.delimiter, self.extract = range(self.size, self.size + len(SPECIALS))
        self._chunk_ids = ChunkIds(vocabulary, where=where)
        self.newline = vocabulary.pieces.index(NEWLINE) if NEWLINE in vocabulary.pieces else None

    def __reduce__(self) -> tuple[type[Tokenizer], tuple[Vocabulary]]:
        return Tokenizer, (self.vocabulary,)

    def __repr__(self) -> str:
        return f"Tokenizer(size={self.size}, mode={self.mode!r}, fingerprint={self.fingerprint[:12]!r})"

    @classmethod
    def learn(cls, files: Iterable[str | Path], size: int, *, mode: str = "paper") -> Tokenizer:
        """A tokenizer with `size` pieces learned from `.txt` and `.jsonl` files (field `text`).

        The recipe `learn_tokenizer` does the same from every format there is, and shows how far it is.

        Raises:
            DataError: a file is missing, not UTF-8 or of another kind, or there are no words in any.
            SettingsError: `size` is too small for the characters of the texts.
        """
        paths = [Path(file) for file in files]
        texts = chain.from_iterable(map(read_texts, paths))
        source = "learned from " + ", ".join(path.name for path in paths)
        return cls.learn_from_texts(texts, size, mode=mode, source=source)

    @classmethod
    def learn_from_texts(cls, texts: Iterable[str], size: int, *, mode: str = "paper", source: str = "") -> Tokenizer:
        """A tokenizer with `size` pieces learned from a stream of texts, read once; `source` says what they are."""
        return cls.learn_from_counts(count_words(texts), size, mode=mode, source=source)

    @classmethod
    def learn_from_counts(
        cls, words: Mapping[str, int], size: int, *, mode: str = "paper", source: str = ""
    ) -> Tokenizer:
        """A tokenizer with `size` pieces learned from how often each word occurs (see `count_words`)."""
        if mode not in MODES:
            raise UnknownName("tokenizer mode", mode, MODES)
        pieces, merges = learn_pieces(words, size)
        return cls(Vocabulary(tuple(pieces), tuple(merges), mode=mode, source=source))

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """The tokenizer saved in `folder` (its tokenizer.json).

        Raises:
            ModelError: the file is missing, damaged, or not one of ours.
        """
        return cls(read_vocabulary(Path(folder)), where=str(folder))

    @classmethod
    def openai(cls, folder: str | Path) -> Tokenizer:
        """The tokenizer released with the paper, from encoder_bpe_40000.json and vocab_40000.bpe in `folder`.

        Raises:
            ModelError: a file is missing or damaged.
        """
        return cls(read_openai(Path(folder)), where=str(folder))

    def save(self, folder: str | Path) -> None:
        """Writes tokenizer.json into `folder`, whole or not at all."""
        write_vocabulary(self.vocabulary, Path(folder))

    @property
    def mode(self) -> str:
        return self.vocabulary.mode

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over vocabulary, merges, mode and cleaning rules: tokenizers with the same one give the same ids."""
        return self.vocabulary.fingerprint()

    def encode(self, text: str) -> list[int]:
        """The ids of a text: words in lower case, one id for each run of line breaks, 0 for what has no piece."""
        ids: list[int] = []
        for chunks in lines(repair(text)):
            if ids:
                ids.append(self.newline or 0)
            ids.extend(self._chunk_ids.of_line(chunks))
        return ids

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """The words of the ids with one space between; specials are shown as `[s]`, `[$]` and `[e]`.

        Raises:
            DataError: an id is out of range.
        """
        numbers = list(ids)
        if numbers and not 0 <= min(numbers) <= max(numbers) <= self.extract:
            raise DataError(f"ids go from 0 to {self.extract}; given were {min(numbers)} to {max(numbers)}")
        return "".join(self._shown[number] for number in numbers).rstrip(" ")

    @cached_property
    def _shown(self) -> Sequence[str]:
        """Each id as text; whatever ends a word has a space behind it."""
        unknown, *pieces = self.vocabulary.pieces
        shown = (piece.removesuffix(WORD_END) + " " if piece.endswith(WORD_END) else piece for piece in pieces)
        return [unknown + " ", *shown, *(special + " " for special in SPECIALS)]
