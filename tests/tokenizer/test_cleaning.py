"""Cleaning does what ftfy and the released code do, in less time."""

from __future__ import annotations

import re

import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.tokenizer.cleaning import lines, repair, spaced, standardise

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


@given(st.text(alphabet="\t\n" + "".join(map(chr, range(0x20, 0x7F))).replace("&", "")))
def test_ftfy_finds_nothing_to_do_in_printable_ascii_without_ampersands(text: str) -> None:
    assert ftfy.fix_text(text) == text


def test_entities_are_kept_once_a_tag_was_seen() -> None:
    assert repair("&amp;\n<b>\n&amp;é") == "&\n<b>\n&amp;é"


@given(TEXTS)
def test_standardising_is_what_the_released_code_does(text: str) -> None:
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


def test_blank_lines_are_left_out() -> None:
    assert lines("one two\n \n\n\tthree\u3000four \n") == [["one", "two"], ["three", "four"]]
