from __future__ import annotations

import logging

import pytest

from foretext.errors import DataError
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.unknown import Unknown, UnknownCount

ENGLISH = ("the cat sat on the mat.\n", "a dog is here, and the cat is not.\n")


@pytest.fixture(scope="module", params=["paper", "hf", "bytes"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    size = 300 if request.param == "bytes" else 60
    return Tokenizer.learn_from_texts(ENGLISH * 3, size, mode=request.param)


def counted(tokenizer: Tokenizer, *texts: str) -> Unknown:
    count = UnknownCount(tokenizer)
    for text in texts:
        count.add(tokenizer.encode(text), text)
    return count.found()


def test_a_text_that_was_learned_from_has_no_unknown_token(tokenizer):
    assert counted(tokenizer, *ENGLISH).unknown == 0
    assert counted(tokenizer, *ENGLISH).lines("a.txt") == []


@pytest.mark.parametrize("text", ["你 好 世 界", "пока кот", "ΑΒΓ", "🙂 🙃", "नमस्ते"])
def test_a_text_in_another_script_is_unknown_to_characters_and_known_to_bytes(tokenizer, text):
    found = counted(tokenizer, text)
    if tokenizer.mode == "bytes":
        assert (found.unknown, dict(found.characters)) == (0, {})
    else:
        assert found.share == 1.0
        assert found.characters.keys() <= set(text) - {" "}
        assert found.characters


def test_line_breaks_do_not_make_a_text_better_known():
    tokenizer = Tokenizer.learn_from_texts(ENGLISH * 3, 60)
    found = counted(tokenizer, "你\n好\n世\n界\n")
    assert (found.tokens, found.unknown) == (4, 4)


def test_what_is_said_names_share_and_commonest_characters():
    tokenizer = Tokenizer.learn_from_texts(ENGLISH * 3, 60)
    (line,) = counted(tokenizer, "the cat 你 你 好").lines("a.txt")
    assert line.startswith("a.txt: 3 of 5 tokens (60.0%) are unknown")
    assert "'你' (2x), '好' (1x)" in line


@pytest.mark.parametrize(
    ("unknown", "allowed", "outcome"),
    [
        (0, False, "silent"),
        (9, False, "silent"),
        (10, False, "said"),
        (500, False, "said"),
        (501, False, "refused"),
        (501, True, "said"),
        (1000, True, "said"),
    ],
)
def test_one_in_a_hundred_is_said_and_more_than_half_refused_unless_allowed(caplog, unknown, allowed, outcome):
    found = Unknown(1000, unknown, {"你": unknown})
    if outcome == "refused":
        with pytest.raises(DataError, match="--allow-unknown"):
            found.say("a.txt", allowed=allowed)
    else:
        with caplog.at_level(logging.WARNING):
            found.say("a.txt", allowed=allowed)
        assert bool(caplog.messages) == (outcome == "said")
