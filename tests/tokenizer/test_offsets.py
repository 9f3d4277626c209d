"""Every token knows which characters of the original text it comes from."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foretext.tokenizer import Tokenizer
from foretext.tokenizer.cleaning import repair
from foretext.tokenizer.modes import LEARNING
from foretext.tokenizer.pieces import UNKNOWN_ID, WORD_END

from .conftest import SENTENCES

ODD = "&amp; &lt;b&gt; &nbsp; < “ ’ … ﬁ ﬃ İ ΑΣ ß 日本 schÃ¶n â€œ Ð¿Ñ€Ð¸Ð²ÐµÑ‚ 🙂 'em:x :D --".split()
CONTROLS = ["\r\n", "\r", "\x85", "\u2028", "\x1b[31m", "\0", "e\u0301", "\ud800", "\ud83d\ude00"]
TROUBLE = st.sampled_from([*ODD, *CONTROLS])
TEXTS = st.lists(TROUBLE | st.text(max_size=5) | st.sampled_from(SENTENCES), max_size=12).map("".join)
PRINTABLE = st.text(alphabet="\t\n" + "".join(map(chr, range(0x20, 0x7F))))


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {mode: Tokenizer.learn_from_texts(SENTENCES * 2, 290, mode=mode) for mode in LEARNING}


@pytest.mark.parametrize("mode", LEARNING)
@given(text=TEXTS)
@example(text="a &amp; b &lt;i&gt; naÃ¯ve…\r\n\r\n“İİ” ﬃ")
def test_ids_are_those_of_encoding_and_spans_lie_in_order_in_the_text(
    tokenizers: dict[str, Tokenizer], mode: str, text: str
) -> None:
    check_laws(tokenizers[mode], text)


def check_laws(tokenizer: Tokenizer, text: str) -> None:
    ids, spans = tokenizer.encode_with_offsets(text)
    assert ids == tokenizer.encode(text)
    assert len(spans) == len(ids)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    repaired = tokenizer.mode == "paper" and repair(text) != text
    for before, after in pairwise(spans):
        assert before[0] <= after[0]
        assert before[1] <= after[1]
        assert after[0] >= before[1] - 1 or repaired  # one character at most is shared


@given(text=PRINTABLE)
def test_in_printable_ascii_the_slice_in_lower_case_is_the_piece(tokenizers: dict[str, Tokenizer], text: str) -> None:
    tokenizer = tokenizers["paper"]
    if repair(text) != text:  # an HTML entity
        return
    for number, (start, end) in zip(*tokenizer.encode_with_offsets(text), strict=True):
        slice = text[start:end]
        if number == tokenizer.newline:
            assert slice.strip() == ""
            assert slice[0] == slice[-1] == "\n"
        elif number == UNKNOWN_ID:
            assert len(slice) == 1
        else:
            assert slice.lower() == tokenizer.vocabulary.pieces[number].removesuffix(WORD_END)


@given(text=PRINTABLE)
def test_in_mode_paper_everything_but_white_space_is_in_a_span(tokenizers: dict[str, Tokenizer], text: str) -> None:
    if repair(text) != text:
        return
    inside = {place for start, end in tokenizers["paper"].encode_with_offsets(text)[1] for place in range(start, end)}
    assert {place for place, character in enumerate(text) if not character.isspace()} <= inside


@given(text=TEXTS)
def test_in_mode_bytes_spans_cover_the_text(tokenizers: dict[str, Tokenizer], text: str) -> None:
    tokenizer = tokenizers["bytes"]
    ids, spans = tokenizer.encode_with_offsets(text)
    assert {place for start, end in spans for place in range(start, end)} == set(range(len(text)))
    for number, (start, end) in zip(ids, spans, strict=True):
        assert tokenizer.decode([number]) in text[start:end] or "\ufffd" in tokenizer.decode([number])


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("The CAT  sat.", "The|CAT|sat|."),
        ("the cat \n \n\tsat\n", "the|cat|\n \n|sat"),
        ("the\r\ncat\rsat", "the|\n|cat|\r|sat"),
        ("“the cat’s mat”", "“|the|cat|’|s|mat|”"),
        ("the—cat…", "the|—|cat|…|…|…"),
        ("&quot;the cat&quot; &amp;", "&quot;|the|cat|&quot;|&amp;"),
        ("th\0e cat\x1b[31m sat", "th\0e|cat|sat"),
        ("ｔｈｅ cat", "ｔｈｅ|cat"),
        ("ﬁne the", "ﬁ|ﬁ|n|e|the"),
        ("didn't the boys' 'em:x", "did|n't|the|b|o|y|s|'|'|e|m|:|x"),
        ("naÃ¯ve cafÃ©: the ÃÃ cat", "n|a|Ã¯|v|e|c|a|f|Ã©|:|the|Ã|Ã|cat"),
    ],
)
def test_tokens_are_found_in_the_original(text: str, slices: str) -> None:
    _, spans = whole_words().encode_with_offsets(text)
    assert [text[start:end] for start, end in spans] == slices.split("|")


def whole_words() -> Tokenizer:
    """A tokenizer of a vocabulary in which some words are one piece each, and no others have merges."""
    words = ["the", "cat", "sat", "mat", "did", "n't"]
    return Tokenizer.learn_from_counts(dict.fromkeys(words, 9) | dict.fromkeys("'\".-&", 2), 44)


def test_each_character_of_a_repaired_word_comes_from_what_it_was_made_of(tokenizers: dict[str, Tokenizer]) -> None:
    text = "Ð¿Ñ€Ð¸Ð²ÐµÑ‚"  # six letters of two bytes each, every byte read as a character
    ids, spans = tokenizers["paper"].encode_with_offsets(text)
    assert ids == [UNKNOWN_ID] * 6
    assert spans == [(place, place + 2) for place in range(0, 12, 2)]


def test_a_letter_that_becomes_two_is_the_span_of_both(tokenizers: dict[str, Tokenizer]) -> None:
    ids, spans = tokenizers["paper"].encode_with_offsets("aİa")  # İ in lower case is i and a dot above
    assert len(ids) > 2
    assert spans[-3:] == [(1, 2), (1, 2), (2, 3)] or spans == [(0, 2), (1, 2), (2, 3)]


def test_every_golden_text_has_spans(real_data: Path) -> None:
    for mode in ("paper", "hf"):
        tokenizer = Tokenizer.openai(real_data / "gpt1-bpe", mode=mode)
        lines = (real_data / "gpt1-bpe" / "golden.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines:
            check_laws(tokenizer, json.loads(line)["text"])


def test_in_a_long_broken_line_the_words_that_are_whole_keep_their_places() -> None:
    draw = random.Random(0)
    words = [draw.choice(["the", "cat", "schÃ¶n", "&amp;", "a&nbsp;b", "mat"]) for _ in range(3000)]
    text, tokenizer = " ".join(words), whole_words()
    ids, spans = tokenizer.encode_with_offsets(text)
    whole = {tokenizer.vocabulary.pieces.index(word + WORD_END): word for word in ("the", "cat", "mat")}
    wrong = [
        text[start:end]
        for number, (start, end) in zip(ids, spans, strict=True)
        if text[start:end] != whole.get(number, text[start:end])
    ]
    assert wrong == []
