"""Definite pronoun resolution (Rahman and Ng 2012): Winograd-like sentences, each with two candidates for a pronoun.

A block of five lines is one question:

    The bee landed on the flower because it had pollen.
    it
    The bee,the flower
    the flower
    (an empty line)

What is called pronoun is sometimes another word ("the man", "that newbie"), a candidate may have a blank before it, and
in one sentence of 26 or so the pronoun occurs more than once; `foretext.tasks.pronouns` says which is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.problems import Problems
from foretext.tasks.pronouns import around_pronoun
from foretext.tasks.published.splits import SplitReader

_BLOCK = 5  # lines


def read(path: Path) -> Iterator[Example]:
    """The questions of one split: sentence and pronoun, then the two candidates.

    Raises:
        DataError: the file is not as published; all bad blocks are named together.
    """
    problems = Problems(str(path))
    lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    for first in range(0, len(lines), _BLOCK):
        block = [line.strip() for line in lines[first : first + _BLOCK]]
        try:
            yield _question(block, f"{path}:{first + 1}")
        except DataError as error:
            problems.add(first + 1, str(error))
    problems.check()


def _question(block: list[str], where: str) -> Example:
    if len(block) < _BLOCK - 1 or not all(block[: _BLOCK - 1]) or any(block[_BLOCK - 1 :]):
        raise DataError("not a sentence, a pronoun, two candidates and an answer, each on a line, with an empty one")
    sentence, pronoun, both, answer = block[: _BLOCK - 1]
    candidates = tuple(candidate.strip() for candidate in both.split(","))
    if len(candidates) != 2 or answer not in candidates:
        raise DataError(f"{answer!r} is not one of two candidates separated by a comma: {both!r}")
    around_pronoun(sentence, pronoun, candidates)
    return Example((sentence, pronoun), candidates, candidates.index(answer), where)


READER = SplitReader({"train": ("train.c.txt",), "test": ("test.c.txt",)}, read)
