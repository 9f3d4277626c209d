"""Characters of a repaired text are traced to those they were made from."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.tokenizer.alignment import WORDS_AHEAD, repair_aligned
from foretext.tokenizer.cleaning import repair

WORDS = st.sampled_from(["the", "cat", "schön", "café", "naïve", "über", "привет", "日本語", "mañana", "straße"])


def slices(original: str) -> list[str]:
    aligned = repair_aligned(original)
    return [original[start:end] for start, end in zip(aligned.starts, aligned.ends, strict=True)]


@given(st.text())
def test_the_repaired_text_is_that_of_repair(text: str) -> None:
    aligned = repair_aligned(text)
    assert aligned.text == repair(text)
    assert len(aligned.starts) == len(aligned.ends) == len(aligned.text)


@given(st.lists(WORDS, min_size=1, max_size=40))
def test_a_character_broken_into_its_bytes_comes_from_all_of_them(words: list[str]) -> None:
    text = " ".join(words)
    broken = text.encode().decode("latin-1")  # every byte read as a character
    if repair(broken) != text:
        return  # ftfy is not sure that this was meant
    ends = list(accumulate(len(character.encode()) for character in text))
    assert slices(broken) == [broken[start:end] for start, end in pairwise([0, *ends])]


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("“a”", ["“", "a", "”"]),
        ("a\r\nb", ["a", "\n", "b"]),
        ("&lt;b&gt; &amp;", ["&lt;", "b", "&gt;", " ", "&amp;"]),
        ("a&nbsp;b c", ["a", "&nbsp;", "b", " ", "c"]),
        ("ﬃx", ["ﬃ", "ﬃ", "ﬃ", "x"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("a\x00b", ["a", "b"]),
        ("\ud83d\ude00!", ["\ud83d\ude00", "!"]),
    ],
)
def test_characters_of_a_repaired_line(original: str, expected: list[str]) -> None:
    assert slices(original) == expected


def test_a_word_keeps_its_place_behind_many_that_changed() -> None:
    changed = "a&nbsp;b " * 2 * WORDS_AHEAD
    assert slices(changed + "the cat sat")[-11:] == list("the cat sat")


def test_other_lines_do_not_move() -> None:
    text = "one two\nschÃ¶n\nthree"
    assert slices(text) == [*"one two\nsch", "Ã¶", *"n\nthree"]
