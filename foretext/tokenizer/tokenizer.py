"""The tokenizer: text to ids and back, learned, loaded, saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from foretext.errors import DataError, ModelError, UnknownName
from foretext.paths import path_at_home
from foretext.stores import Place, place_at
from foretext.tokenizer.counting import count_words
from foretext.tokenizer.modes import LEARNING, MODES, new_vocabulary
from foretext.tokenizer.offsets import Span
from foretext.tokenizer.pieces import SPECIALS
from foretext.tokenizer.storage import Vocabulary, read_openai, read_vocabulary, write_vocabulary
from foretext.tokenizer.texts import read_texts, text_files


class Tokenizer:
    """Text to ids and back with one vocabulary.

    tokenizer = Tokenizer.learn(["stories.txt"], 2000)
    tokenizer.encode("The cat sat.")     [481, 2417, 1603, 239]
    tokenizer.decode([481, 2417])        "the cat"

    Ids below `size` are pieces of the vocabulary; the three after it are `start`, `delimiter` and `extract`, which no
    text is ever encoded to. `newline` is the piece for a line break, `unknown` that for what has none; each None
    if there is nothing such. `missing` are the bytes that have no piece and are left out. What an imported model wants
    before a document is `begins`, and the tokens with which what it writes is over are `ends`; both are empty for
    others. A tokenizer may be handed to worker processes.

    The mode, stored with the vocabulary, says how text is read:

    paper    as in the code released with the paper: English words in lower case; 0 is `<unk>`
    hf       as in transformers' `OpenAIGPTTokenizer`: other words, no line breaks, accents taken off; 0 is `<unk>`
    bytes    any language, nothing changed and nothing unknown: decoding gives the text back
    imported as the tokenizer of an imported decoder has it (see `tokenizer_json.py` and `gguf_tokens.py`)
    """

    def __init__(self, vocabulary: Vocabulary, *, where: str = "vocabulary") -> None:
        """A tokenizer for `vocabulary`; `where` names it in errors.

        Raises:
            ModelError: there is no such mode, pieces and merges do not fit or are of another mode, or the mode has
                other rules in this version of Foretext.
        """
        mode = MODES.get(vocabulary.mode)
        if mode is None:
            raise ModelError(
                f"{where} is of the tokenizer mode {vocabulary.mode!r}, which this version of Foretext does not have "
                f"(it has {', '.join(MODES)}); it may be from a newer one"
            )
        if vocabulary.cleaning != mode.cleaning:
            raise ModelError(
                f"{where} was made with cleaning rules {vocabulary.cleaning}, this version of Foretext has rules "
                f"{mode.cleaning}: ids would differ"
            )
        self.vocabulary = vocabulary
        self.size = len(vocabulary.pieces)
        self.start, self.delimiter, self.extract = range(self.size, self.size + len(SPECIALS))
        self._reading = mode.reading(vocabulary, where=where)
        self.newline = self._reading.newline
        self.unknown = self._reading.unknown
        self.missing = self._reading.missing
        rules = vocabulary.rules
        self.begins: tuple[int, ...] = rules.begins if rules else ()
        self.ends: tuple[int, ...] = rules.ends if rules else ()

    def __reduce__(self) -> tuple[type[Tokenizer], tuple[Vocabulary]]:
        return Tokenizer, (self.vocabulary,)

    def __repr__(self) -> str:
        return f"Tokenizer(size={self.size}, mode={self.mode!r}, fingerprint={self.fingerprint[:12]!r})"

    @classmethod
    def learn(cls, files: str | Path | Iterable[str | Path], size: int, *, mode: str = "paper") -> Tokenizer:
        """A tokenizer with `size` pieces learned from `.txt` and `.jsonl` files (field `text`), or folders of them.

        The recipe `learn_tokenizer` does the same from every format there is, and shows how far it is.

        Raises:
            DataError: a file is missing, not UTF-8 or of another kind, or there are no words in any.
            SettingsError: `size` is too large, or too small for the characters of the texts, or there is no such mode.
        """
        paths = text_files(files)
        texts = chain.from_iterable(map(read_texts, paths))
        source = "learned from " + ", ".join(path.name for path in paths)
        return cls.learn_from_texts(texts, size, mode=mode, source=source)

    @classmethod
    def learn_from_texts(cls, texts: Iterable[str], size: int, *, mode: str = "paper", source: str = "") -> Tokenizer:
        """A tokenizer with `size` pieces learned from a stream of texts, read once; `source` says what they are."""
        return cls.learn_from_counts(count_words(texts, mode), size, mode=mode, source=source)

    @classmethod
    def learn_from_counts(
        cls, words: Mapping[str, int], size: int, *, mode: str = "paper", source: str = ""
    ) -> Tokenizer:
        """A tokenizer with `size` pieces learned from how often each word occurs: `count_words(texts, mode)`."""
        return cls(new_vocabulary(words, size, mode=mode, source=source))

    @classmethod
    def load(cls, folder: str | Place) -> Tokenizer:
        """The tokenizer saved in `folder` (its tokenizer.json), which may be the URL of one in an object store.

        Raises:
            ModelError: the file is missing, damaged, or not one of ours.
        """
        return cls(read_vocabulary(place_at(folder)), where=str(folder))

    @classmethod
    def openai(cls, folder: str | Path, *, mode: str = "paper") -> Tokenizer:
        """The tokenizer released with the paper, from encoder_bpe_40000.json and vocab_40000.bpe in `folder`.

        In mode `hf` it gives the ids that `transformers` gives with the released vocabulary.

        Raises:
            ModelError: a file is missing or damaged, or `mode` is `bytes`: the released pieces are of characters.
            UnknownName: there is no such mode.
        """
        if mode not in LEARNING:
            raise UnknownName("tokenizer mode", mode, LEARNING)
        vocabulary = replace(read_openai(path_at_home(folder)), mode=mode, cleaning=MODES[mode].cleaning)
        return cls(vocabulary, where=str(folder))

    def save(self, folder: str | Path) -> None:
        """Writes tokenizer.json into `folder`, whole or not at all."""
        write_vocabulary(self.vocabulary, path_at_home(folder))

    @property
    def mode(self) -> str:
        """The name of the mode in which text is read."""
        return self.vocabulary.mode

    @property
    def opening(self) -> list[int]:
        """What is put before a text that begins a document: `begins`, or else a line break, if there is one."""
        return list(self.begins) or ([] if self.newline is None else [self.newline])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over vocabulary, merges, mode and cleaning rules: tokenizers with the same one give the same ids."""
        return self.vocabulary.fingerprint()

    def encode(self, text: str) -> list[int]:
        """The ids of a text.

        In mode `paper` a run of line breaks is one id, and 0 stands for each character without a piece.
        """
        return self._reading.encode(text)

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[Span]]:
        """The ids that `encode` gives, and for each the half-open span of its characters in the text.

        text = "The cat didn't…"
        ids, spans = tokenizer.encode_with_offsets(text)
        [text[start:end] for start, end in spans]      The, cat, did, n't, …

        Spans are in order and never empty. They overlap only where several tokens come from one character: `İ`, `…`,
        or a character of several bytes in mode `bytes`. In mode `paper` the span of a line break covers all breaks in
        a row. Where a line was repaired (ftfy), its words are matched with those of the original line, and inside a
        word that changed, its characters: exactly for single exchanged characters, HTML entities, and UTF-8 that was
        read in another encoding; in proportion otherwise. A repaired character comes from one or more of the original,
        and tokens that share it share these. Characters that were taken out stand between spans, or inside that of the
        token they stood in.
        """
        tokens = list(self._reading.tokens(text))
        return [token.id for token in tokens], [(token.start, token.end) for token in tokens]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids; specials are shown as `[s]`, `[$]` and `[e]`.

        In modes `paper` and `hf` these are the words with one space between; in mode `bytes` it is the text that was
        encoded, with U+FFFD for bytes that make up no character.

        Raises:
            DataError: an id is out of range.
        """
        numbers = list(ids)
        if numbers and not 0 <= min(numbers) <= max(numbers) <= self.extract:
            raise DataError(f"ids go from 0 to {self.extract}; given were {min(numbers)} to {max(numbers)}")
        return self._reading.decode(numbers)
