"""Science and common-sense questions as JSON lines, each with its stem, lettered choices and key.

{"id": "7-980", "question": {"stem": "…", "choices": [{"text": "…", "label": "A"}, …]}, "answerKey": "D"}

ARC (Clark et al. 2018), CommonsenseQA (Talmor et al. 2019), OpenBookQA (Mihaylov et al. 2018). Choices are labelled
by letters or, in a few questions of ARC, by numbers; a question without a key belongs to a hidden test set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foretext.tasks.examples import Example
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import TableOptions, open_table


def read_questions(path: Path) -> Iterator[Example]:
    """The questions of one file.

    Raises:
        DataError: a line is not as published.
    """
    problems = Problems(str(path))
    with open_table(path, TableOptions(format="jsonl"), problems=problems) as table:
        for row in table.rows:
            try:
                yield _example(row.values, f"{path}:{row.line}")
            except (KeyError, TypeError):
                problems.add(row.line, "not a question with a stem and labelled choices")
            except ValueError as problem:
                problems.add(row.line, str(problem), column="answerKey")
    problems.check()


def _example(values: dict[str, Any], where: str) -> Example:
    """The question; a `ValueError` says that its key is none of its choices."""
    question, key = values["question"], values.get("answerKey")
    choices = {choice["label"]: choice["text"] for choice in question["choices"]}
    if not isinstance(question["stem"], str) or not all(isinstance(text, str) for text in choices.values()):
        raise TypeError
    if key and key not in choices:
        raise ValueError(f"{key!r} is none of the choices {', '.join(choices)}")
    label = list(choices).index(key) if key else None
    return Example((question["stem"],), tuple(choices.values()), label, where, str(values.get("id", "")))
