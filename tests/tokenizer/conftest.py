"""A small vocabulary learned from a few sentences, shared by the tests of this package."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from foretext.tokenizer import Tokenizer
from foretext.tokenizer.cleaning import LINE_BREAK, chunks, repair, spaced

SENTENCES = (
    "The cat sat on the mat, and the dog didn't see the cat.",
    '"Where is the mat?" asked the dog.\nThe cat said nothing; the cat slept.',
    "A dog can't sleep on a mat that the cat sat on!",
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn_from_texts(SENTENCES * 2, 90)  # twice: a pair seen only once is not merged


@pytest.fixture(scope="session")
def standardise() -> Callable[[str], str]:
    """A text as the word rules see it: single spaces, line breaks with a space at both sides, no blank lines."""

    def standardised(text: str) -> str:
        parts = (part for chunk in chunks(repair(text)) for part in spaced(chunk))
        return " ".join("\n" if part == LINE_BREAK else part for part in parts)

    return standardised
