"""Texts are alike only if they say nearly the same."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from foretext.texts.alike import Shingled, alike_pairs, says_the_same
from foretext.texts.passages import common_passages


def numbered(letter: str, count: int) -> str:
    return " ".join(f"{letter}{k}x" for k in range(count))


def test_a_text_too_short_for_a_run_of_words_is_like_no_other() -> None:
    assert alike_pairs(["yes", "no", "yes yes", "", " "]) == []


def test_one_changed_word_of_many_makes_texts_alike() -> None:
    assert alike_pairs([numbered("a", 60), numbered("a", 60).replace("a30x", "other"), numbered("b", 60)]) == [(0, 1)]


@pytest.mark.parametrize("change", [("is good", "is not good"), ("is good", "is n't good"), ("1999", "2001")])
def test_negations_and_numbers_make_texts_say_something_else(change: tuple[str, str]) -> None:
    text = numbered("a", 60) + " in 1999 the film is good"
    one, other = Shingled.of(text), Shingled.of(text.replace(*change))
    assert one is not None
    assert other is not None
    assert says_the_same(one, one)
    assert not says_the_same(one, other)


def test_texts_that_share_a_frame_and_have_passages_of_their_own_are_not_alike() -> None:
    frame = numbered("frame", 180)
    texts = [f"{frame} {numbered(f'own{k}w', 20)}" for k in range(5)]
    assert alike_pairs(texts) == []
    assert [found.words for found in common_passages(texts)] == [180] * 5


def test_pairs_do_not_depend_on_the_order_of_texts() -> None:
    texts = [numbered(f"t{k}w", 40) for k in range(100)]
    texts += [text.replace("w7x", "changed") for text in texts[:30]]
    found = {frozenset((texts[a], texts[b])) for a, b in alike_pairs(texts)}
    shuffled = random.Random(1).sample(texts, len(texts))
    assert found == {frozenset((shuffled[a], shuffled[b])) for a, b in alike_pairs(shuffled)}
    assert len(found) == 30


def test_hashes_are_the_same_in_every_process() -> None:
    program = "from foretext.texts.alike import Shingled; print(Shingled.of('one two three four five').bands())"
    told = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, cwd="."
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1
    assert told != {b""}
