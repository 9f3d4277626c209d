"""Mode `paper` of Foretext's tokenizer: a text becomes ids, and of each the characters it stands for.

The text is repaired (ftfy), cut at white space, at punctuation and by spaCy's rules for English words, and the words in
lower case become pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from foretext.tokenizer.alignment import repair_aligned
from foretext.tokenizer.cleaning import replaced, spaced
from foretext.tokenizer.words import word_rules

LINE_BREAK = "\n"  # the word that a run of line breaks is

Token = tuple[int, tuple[int, int]]  # an id, the first character and the one behind the last


def tokens(text: str, tokenizer: Any) -> list[Token]:
    """The tokens of a text; `tokenizer` is that of tokenizer.json, from the `tokenizers` library."""
    repaired, model = repair_aligned(text), tokenizer.model
    return [
        (piece.id, (repaired.starts[starts[first]], repaired.ends[ends[end - 1]]))
        for word, starts, ends in words(repaired.text)
        for piece in model.tokenize(word)
        for first, end in [piece.offsets]
    ]


def words(repaired: str) -> Iterator[tuple[str, list[int], list[int]]]:
    """The words of a repaired text as the vocabulary knows them, and for each byte of one its first and last place."""
    end_of_line = 0
    for line in re.finditer(r"[^\n]+", repaired):
        found = list(re.finditer(r"\S+", line[0]))
        if not found:
            continue
        if end_of_line:
            yield LINE_BREAK, [end_of_line], [line.start() - 1]
        end_of_line = line.end()
        parts = iter(word_rules().split([part for chunk in found for part in spaced(chunk[0])]))
        for chunk in found:
            origin = [line.start() + k for k in range(*chunk.span()) for _ in replaced(repaired[line.start() + k])]
            while origin:
                word = next(parts)
                # A character may have several bytes in lower case.
                places = [k for k, character in zip(origin, word, strict=False) for _ in character.lower().encode()]
                yield word.lower(), places, places
                origin = origin[len(word) :]
