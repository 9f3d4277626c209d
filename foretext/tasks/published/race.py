"""RACE (Lai et al. 2017): examinations for middle and high schools, a JSON object a file, several questions each.

{"id": "high1.txt", "article": "…", "questions": ["…"], "options": [["…", "…", "…", "…"]], "answers": ["B"]}

Folders train, dev and test, in each middle and high. Of a question with a gap, "_", the gap stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.labels.answers import answer_index
from foretext.tasks.published.json_text import read_json_text
from foretext.tasks.published.splits import SplitReader

LEVELS = ("middle", "high")


def read(path: Path) -> Iterator[Example]:
    """The questions of one split, middle schools first: article and question, then the options.

    Raises:
        DataError: the folder has no questions, or a file in it is not as published.
    """
    levels = [path] if path.name in LEVELS else [path / level for level in LEVELS]
    files = [file for level in levels for file in sorted(level.glob("*.txt"), key=_number)]
    if not files:
        raise DataError(f"there is no .txt file in {' or '.join(map(str, levels))}")
    for file in files:
        yield from _questions(read_json_text(file), file)


def _questions(values: Any, file: Path) -> Iterator[Example]:
    try:
        article, name = values["article"], values.get("id", file.name)
        rows = list(zip(values["questions"], values["options"], values["answers"], strict=True))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{file} has no article with as many questions as options and answers") from None
    for number, (question, options, answer) in enumerate(rows, start=1):
        label = answer_index(answer, options, "letter")
        texts = (article, question)
        if label is None or not all(isinstance(text, str) for text in (*texts, *options)):
            raise DataError(f"{file}: question {number} is not a text with options and the letter of one of them")
        yield Example(texts, tuple(options), label, f"{file}: question {number}", f"{name} {number}")


def _number(file: Path) -> tuple[int, str]:
    return (int(file.stem) if file.stem.isdecimal() else 0, file.name)


READER = SplitReader(
    {
        "train": ("train",),
        "valid": ("dev",),
        "test": ("test",),
        **{f"valid {level}": (f"dev/{level}",) for level in LEVELS},
        **{f"test {level}": (f"test/{level}",) for level in LEVELS},
    },
    read,
)
