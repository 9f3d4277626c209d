"""SST-2's sentences as the repositories of sentence classification hold them, `stsa.binary.test`: labels for all.

    0 no movement , no yuks , not much of anything .

A line is a label, 0 or 1, a blank, and the text (Socher et al. 2013). Copies in UTF-8 and in Latin-1 are about.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from foretext.tasks.examples import Example
from foretext.tasks.files.problems import Problems, text_problem

_LABELS = ("0", "1")

log = logging.getLogger(__name__)


def read(path: Path) -> Iterator[Example]:
    """The sentences of one split, each with its label.

    Raises:
        DataError: the file is not as published; all bad lines are named together.
    """
    problems = Problems(str(path))
    for line, content in enumerate(_text(path).removesuffix("\n").split("\n"), start=1):
        label, _, text = content.strip().partition(" ")
        problem = text_problem(text)
        if label not in _LABELS or not text.strip():
            problems.add(line, "not a label, 0 or 1, a blank and a text")
        elif problem:
            problems.add(line, problem)
        else:
            yield Example((text.strip(),), label=label, where=f"{path}:{line}")
    problems.check()


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        log.info("%s is not UTF-8 and read as Latin-1", path)
        return content.decode("latin-1")
