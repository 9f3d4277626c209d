"""What the tests of this room share: a tokenizer that anyone can check by hand, and files written in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


class WordTokenizer:
    """One id a word, in the order of their first appearance; the special tokens are 1000, 1001 and 1002."""

    start, delimiter, extract = 1000, 1001, 1002

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.texts_seen = 0

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        self.texts_seen += len(texts)
        return [[self.ids.setdefault(word, len(self.ids)) for word in text.split()] for text in texts]


@pytest.fixture
def tokenizer() -> WordTokenizer:
    return WordTokenizer()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file and gives its path."""

    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return written
