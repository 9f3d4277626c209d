"""A small tokenizer and small texts for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foretext.tokenizer import Tokenizer

WORDS = "the cat sat on a mat and saw one red bird fly over the old house by the sea".split()


def _story(number: int) -> str:
    lines = []
    for line in range(6):
        start = (number * 7 + line * 3) % len(WORDS)
        words = (WORDS + WORDS)[start : start + 5 + (number + line) % 4]
        lines.append(f"{' '.join(words)} {number}.".capitalize())
    return "\n".join(lines)


@pytest.fixture(scope="session")
def story() -> Callable[[int], str]:
    """A made-up text of six lines, another one for each number."""
    return _story


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn_from_texts([_story(number) for number in range(40)], 120)


@pytest.fixture
def stories(tmp_path: Path) -> Callable[..., Path]:
    """Writes the stories of these numbers as JSON lines; returns the file."""

    def write(numbers: range, name: str = "stories.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps({"text": _story(number)}) + "\n" for number in numbers))
        return path

    return write
