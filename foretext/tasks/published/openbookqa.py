"""OpenBookQA (Mihaylov et al. 2018): TSV whose answers stand in one cell, "(A) fish (B) birds (C) cats (D) dogs".

The same questions are published as JSON lines in the form of ARC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from foretext.tasks.examples import Example
from foretext.tasks.files.cells import is_missing
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import TableOptions, open_table
from foretext.tasks.labels.answers import answer_index
from foretext.tasks.published.questions import read_questions
from foretext.tasks.published.splits import SplitReader

_ANSWERS = re.compile(r"\(A\) (.+?) \(B\) (.+?) \(C\) (.+?) \(D\) (.+)")


def read(path: Path) -> Iterator[Example]:
    """The questions of one split, each with four answers.

    Raises:
        DataError: the file is not as published.
    """
    if path.suffix == ".jsonl":
        yield from read_questions(path)
        return
    problems = Problems(str(path))
    with open_table(path, TableOptions(quoting="none"), problems=problems) as table:
        for row in table.rows:
            answers = split_answers(str(row.values.get("Choices")))
            key = row.values.get("Answer Key")
            label = None if is_missing(key) else answer_index(key, answers, "letter")
            if not answers or "Question Stem" not in row.values:
                problems.add(row.line, "not a question with answers (A) to (D)", column="Choices")
            elif label is None and not is_missing(key):
                problems.add(row.line, f"{key!r} is none of the letters A to D", column="Answer Key")
            else:
                yield Example((row.values["Question Stem"],), answers, label, f"{path}:{row.line}")
    problems.check()


def split_answers(cell: str) -> tuple[str, ...]:
    """The four answers of "(A) ice (B) snow (C) rain (D) fog", without their letters; none if a letter is missing.

    One published row has a second "(D)", which stays in its last answer.
    """
    match = _ANSWERS.fullmatch(cell.strip())
    return match.groups() if match else ()


READER = SplitReader(
    {
        "train": ("train.tsv", "train.jsonl"),
        "valid": ("dev.tsv", "dev.jsonl"),
        "test": ("test.tsv", "test.jsonl"),
    },
    read,
)
