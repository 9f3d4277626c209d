"""Cleaning does what ftfy and the released code do, in less time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import ftfy
import pytest
from ftfy.badness import is_bad
from hypothesis import given
from hypothesis import strategies as st

from foretext.tokenizer.cleaning import LINE_BREAK, chunks, repair, spaced

TROUBLE = st.sampled_from(
    [
        "&amp;",
        "&lt;",
        "<",
        "\n",
        "\r\n",
        "\r",
        "\u2028",
        "“",
        "’",
        "ﬁ",
        "Ａ",
        "sch\u00c3\u00b6n",
        "\x1b[31m",
        "\x00",
        "é",
    ]
)
CURLY = "‘’“”–—―…´"  # characters that ftfy never takes for signs of a broken encoding
ASCII = "\t\n" + "".join(map(chr, range(0x20, 0x7F)))
TEXTS = st.lists(TROUBLE | st.text(max_size=5), max_size=12).map("".join)


def released_standardise(text: str) -> str:
    """`text_standardize` of the released code, as it reads."""
    for old, new in (("—", "-"), ("–", "-"), ("―", "-"), ("…", "..."), ("´", "'")):
        text = text.replace(old, new)
    marks = r"""(-+|~+|!+|"+|;+|\?+|\++|,+|\)+|\(+|\+|\/+|\*+|\[+|\]+|}+|{+|\|+|_+)"""
    text = re.sub(marks, r" \1 ", text)
    text = re.sub(r"\s*\n\s*", " \n ", text)
    return re.sub(r"[^\S\n]+", " ", text).strip()


@given(TEXTS)
def test_repair_is_ftfy(text: str) -> None:
    assert repair(text) == ftfy.fix_text(text)


@given(st.text(alphabet=ASCII.replace("&", "")))
def test_ftfy_finds_nothing_to_do_in_printable_ascii_without_ampersands(text: str) -> None:
    assert ftfy.fix_text(text) == text


def straight(text: str) -> str:
    return re.sub("[“”]", '"', re.sub("[‘’]", "'", text))


@given(st.text(alphabet=ASCII.replace("&", "") + 30 * CURLY))
def test_in_text_with_curly_quotes_and_dashes_ftfy_makes_the_quotes_straight(text: str) -> None:
    assert ftfy.fix_text(text) == straight(text)
    assert repair(text) == straight(text)


def test_no_short_row_of_curly_quotes_and_dashes_looks_broken_to_ftfy() -> None:
    for row in itertools.product(CURLY + "aZ9 .$", repeat=4):  # no pattern of ftfy's for such characters is longer
        assert not is_bad("".join(row))


@given(TEXTS)
def test_no_repaired_text_has_the_mark_of_line_breaks(text: str) -> None:
    assert LINE_BREAK not in repair(text)


def test_entities_are_kept_once_a_tag_was_seen() -> None:
    assert repair("&amp;\n<b>\n&amp;é") == "&\n<b>\n&amp;é"


@given(text=TEXTS)
def test_standardising_is_what_the_released_code_does(standardise: Callable[[str], str], text: str) -> None:
    assert standardise(text) == released_standardise(ftfy.fix_text(text))


@pytest.mark.parametrize(
    ("chunk", "parts"),
    [
        ('say--"no!!"', ["say", "--", '"', "no", "!!", '"']),
        ("well—known…", ["well", "-", "known..."]),
        ("C:\\temp\\new", ["C:\\temp\\new"]),
        ("+-+", ["+", "-", "+"]),
        ("plain", ["plain"]),
    ],
)
def test_runs_of_one_mark_stand_alone(chunk: str, parts: list[str]) -> None:
    assert spaced(chunk) == parts


def test_a_run_of_line_breaks_is_one_mark_between_chunks() -> None:
    assert chunks("\n one two\n \n\n\tthree\u3000four \n") == ["one", "two", LINE_BREAK, "three", "four"]
