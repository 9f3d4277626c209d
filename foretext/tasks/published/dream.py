"""DREAM (Sun et al. 2019): dialogues with questions, one JSON array a file.

[[["M: I am late.", "W: Why?"], [{"question": "…", "choice": ["…", "…", "…"], "answer": "…"}], "5-510"], …]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.published.json_text import read_json_text
from foretext.tasks.published.splits import SplitReader


def read(path: Path) -> Iterator[Example]:
    """The questions of one split: dialogue (a turn a line) and question, then the choices.

    Raises:
        DataError: the file is not as published.
    """
    for place, dialogue in enumerate(read_json_text(path), start=1):
        where = f"{path}: dialogue {place}"
        try:
            turns, questions, name = dialogue
            text = "\n".join(turns)
            for number, asked in enumerate(questions, start=1):
                choices = tuple(asked["choice"])
                yield Example(
                    (text, asked["question"]), choices, choices.index(asked["answer"]), where, f"{name} {number}"
                )
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{where} is not turns, questions with an answer among their choices, and a name") from None


READER = SplitReader({"train": ("train.json",), "valid": ("dev.json",), "test": ("test.json",)}, read)
