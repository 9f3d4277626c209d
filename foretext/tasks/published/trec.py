"""TREC question types (Li and Roth 2002): `HUM:ind Who wrote it ?` in Latin-1; the coarse type is the label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foretext.tasks.examples import Example
from foretext.tasks.files.problems import Problems
from foretext.tasks.published.splits import SplitReader


def read(path: Path) -> Iterator[Example]:
    """The questions of one split, with their coarse type: ABBR, DESC, ENTY, HUM, LOC or NUM.

    Raises:
        DataError: the file is not as published.
    """
    problems = Problems(str(path))
    with path.open(encoding="latin-1", newline="\n") as file:
        for line, content in enumerate(file, start=1):
            kind, _, question = content.strip().partition(" ")
            coarse, colon, _ = kind.partition(":")
            if colon and question:
                yield Example((question,), label=coarse, where=f"{path}:{line}")
            else:
                problems.add(line, "not a question behind its type, such as LOC:city Where is it ?")
    problems.check()


READER = SplitReader(
    {
        "train": ("TREC.train", "train_5500.label"),
        "test": ("TREC.test", "TREC_10.label"),
    },
    read,
)
