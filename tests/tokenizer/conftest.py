"""A small vocabulary learned from a few sentences, shared by the tests of this room."""

from __future__ import annotations

import pytest

from foretext.tokenizer import Tokenizer

SENTENCES = (
    "The cat sat on the mat, and the dog didn't see the cat.",
    '"Where is the mat?" asked the dog.\nThe cat said nothing; the cat slept.',
    "A dog can't sleep on a mat that the cat sat on!",
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn_from_texts(SENTENCES * 2, 90)  # twice: a pair seen only once is not merged
