"""STS-B as its authors publish it (Cer et al. 2017), GLUE's folder `original`: with labels for the test set.

    genre, file, year, index, score, sentence 1, sentence 2, and on some rows one or two sources

Tabs between, no header, no quoting.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foretext.tasks.examples import Example
from foretext.tasks.files.cells import as_score
from foretext.tasks.files.problems import Problems, counted, text_problem

_FEWEST, _MOST = 7, 9  # cells of a row
_SCORE, _TEXTS = 4, slice(5, 7)


def read(path: Path) -> Iterator[Example]:
    """The pairs of one split, each with its score from 0 to 5.

    Raises:
        DataError: the file is not as published; all bad rows are named together.
    """
    problems = Problems(str(path))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for line, content in enumerate(file, start=1):
            cells = content.rstrip("\r\n").split("\t")
            problem = _problem(cells) or text_problem(content)
            if problem:
                problems.add(line, problem)
            else:
                yield Example(tuple(cells[_TEXTS]), label=as_score(cells[_SCORE]), where=f"{path}:{line}")
    problems.check()


def _problem(cells: list[str]) -> str | None:
    if not _FEWEST <= len(cells) <= _MOST:
        return f"{counted(len(cells), 'cell')}; a row has {_FEWEST} to {_MOST}, the fifth of them the score"
    return f"the score {cells[_SCORE]!r} is no number" if as_score(cells[_SCORE]) is None else None
