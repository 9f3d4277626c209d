"""The word rules give spaCy's words."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.tokenizer.words import WordRules, word_rules

REAL_TEXTS = 20_000
MADE_UP_TEXTS = 2_000


@pytest.fixture(scope="module")
def rules() -> WordRules:
    return word_rules()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("don't", "do n't"),
        ("I'd've can't cannot gonna", "I 'd 've ca n't can not gon na"),
        ("(U.S.)", "( U.S. )"),
        ("Mr. Smith's", "Mr. Smith 's"),
        ("well-known", "well - known"),
        ("END.START", "END.START"),
        ("period.After", "period . After"),
        ("10km 5% $5.99", "10 km 5 % $ 5.99"),
        ("http://www.example.com/a?b=c, user@mail.org.", "http://www.example.com/a?b=c , user@mail.org ."),
        ("'em:x", "'em :x"),
        ("boys' 'em:x", "boys ' ' em :x"),
    ],
)
def test_words_of_a_line(rules: WordRules, line: str, words: str) -> None:
    assert rules.split(line.split()) == words.split()


def test_what_neighbours_could_change_is_not_settled_alone(rules: WordRules) -> None:
    assert rules.split_alone(["'em:x"]) is None
    assert rules.split_alone(["don't"]) == ["do", "n't"]


@given(st.text(alphabet="abcXYZkmgtlbcuspd", min_size=1))
def test_no_pattern_fits_inside_plain_letters(word: str) -> None:
    rules = word_rules()
    assert not rules.prefix.match(word)
    assert not rules.suffix.search(word)
    assert not rules.infix.search(word)


@given(
    st.lists(
        st.lists(st.sampled_from([*word_rules().cases, "a", "é", ".", ":", "'", "9", "x"]), min_size=1), max_size=5
    )
)
def test_words_that_are_settled_alone_are_the_same_in_every_line(parts: list[list[str]]) -> None:
    rules = word_rules()
    chunks = ["".join(part) for part in parts]
    alone = [rules.split_alone([chunk]) for chunk in chunks]
    if None not in alone:
        assert rules.split(chunks) == [word for words in alone for word in words or []]


@given(st.text(alphabet="ab'.:@/$-é9(", min_size=1))
def test_words_put_together_are_the_chunk(chunk: str) -> None:
    assert "".join(word_rules().split([chunk])) == chunk


@pytest.mark.parametrize("chunk", ["'" * 5000, "a:" * 5000, "x@" * 2000, "$" * 5000, "." * 5000])
def test_long_runs_take_no_long_time(rules: WordRules, chunk: str) -> None:
    assert "".join(rules.split([chunk])) == chunk


@pytest.fixture(scope="module")
def spacy_words() -> Callable[[str], list[str]]:
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    english = spacy.blank("en")
    return lambda text: [token.text for token in english(text) if not token.text.isspace()]


def test_made_up_chunks_get_spacys_words(
    rules: WordRules, spacy_words: Callable[[str], list[str]], standardise: Callable[[str], str]
) -> None:
    generator = random.Random(1)
    parts = [*rules.cases, *" \n.:'’<>@#$%^&=9zÉ日°-/\\(", "US$", "km", "http://", ".com", "...", "’s", ":D", "'em"]
    for _ in range(MADE_UP_TEXTS):
        text = standardise("".join(generator.choices(parts, k=generator.randint(1, 14))))
        assert our_words(rules, text) == spacy_words(text), text


@pytest.mark.slow
def test_real_texts_get_spacys_words(
    rules: WordRules, spacy_words: Callable[[str], list[str]], standardise: Callable[[str], str], real_data: Path
) -> None:
    with lzma.open(real_data / "corpus" / "books-valid.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [paragraph for line in file for paragraph in json.loads(line)["text"].split("\n\n")]
    for task in ("SST-2/train.tsv", "CoLA/train.tsv", "STS-B/train.tsv", "QNLI/dev.tsv"):
        texts += (real_data / "tasks" / task).read_text(encoding="utf-8").split("\n")
    for text in map(standardise, random.Random(0).sample(texts, REAL_TEXTS)):
        assert our_words(rules, text) == spacy_words(text), text


def our_words(rules: WordRules, standardised: str) -> list[str]:
    return [word for line in standardised.split("\n") for word in rules.split(line.split())]
