"""A text that is too long is cut where it hurts least, and wrapped lines can flow again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.corpus.documents import one_line_a_paragraph, pieces
from foretext.tokenizer import Tokenizer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", ["short"]),
        ("a b\n\nc\nd e f", ["a b", "c\nd e f"]),
        ("a b\nc d e f", ["a b", "c d e f"]),
        ("a b c d e f", ["a b c d", "e f"]),
        ("abcdefghij", ["abcdefgh", "ij"]),
        ("abcdefgh\nij", ["abcdefgh", "ij"]),
    ],
)
def test_a_cut_falls_between_paragraphs_else_lines_else_words_else_anywhere(text: str, expected: list[str]) -> None:
    assert list(pieces(text, 8)) == expected


@given(st.text("ab \n", max_size=80), st.integers(1, 9), st.integers(0, 80))
def test_a_cut_depends_on_nothing_behind_it(text: str, longest: int, seen: int) -> None:
    *complete, _ = pieces(text[:seen], longest)
    assert list(pieces(text, longest))[: len(complete)] == complete


@given(st.text("ab \n", max_size=80), st.integers(1, 9))
def test_pieces_are_short_and_lose_nothing_but_white_space(text: str, longest: int) -> None:
    found = list(pieces(text, longest))
    assert max(map(len, found)) <= longest
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.lists(st.sampled_from(["the cat", "sat", "on a mat.", "", " "]), max_size=12))
def test_with_the_line_break_piece_between_them_the_ids_of_pieces_are_those_of_the_whole(
    tokenizer: Tokenizer, lines: list[str]
) -> None:
    text = "\n".join(lines)
    encoded = [ids for piece in pieces(text, 20) if (ids := tokenizer.encode(piece))]
    joined = [id for ids in encoded for id in [*ids, tokenizer.newline]]
    assert joined[:-1] == tokenizer.encode(text)


def test_only_line_breaks_between_paragraphs_are_kept() -> None:
    assert one_line_a_paragraph("It was\na dark \r\nnight.\n\nRain\n fell.\n") == "It was a dark night.\n\nRain fell.\n"
