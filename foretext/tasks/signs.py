"""What in labelled data speaks for a kind of task: names of columns, and what cells of the label look like.

Each kind names its sign in `kinds.py`; `guessing.py` finds the sign and so the kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foretext.tasks.files.cells import as_score, class_name, is_missing
from foretext.tasks.files.names import (
    PlainNames,
    a_document_and_a_question,
    a_pair,
    is_score_name,
    some_answers,
)
from foretext.tasks.labels.scores import are_scores
from foretext.tasks.labels.sets import SEPARATORS, is_list

Sign = Literal["spans", "answers", "sets", "graded pair", "pair", "numbers", "text"]

OF_LABELS: frozenset[Sign] = frozenset({"sets", "graded pair", "numbers"})  # signs that are seen in cells of the label
PLURALS = {"labels", "topics", "tags", "categories", "genres", "keywords"}  # columns that may hold several names a cell
FEW = 20  # different whole numbers that are classes still; more of them are a scale
FEW_OF_A_PAIR = 3  # of a pair: 0, 1 and 2 are most often entailment, neutral and contradiction


@dataclass(frozen=True)
class Seen:
    """What is known of labelled data before its kind is: columns by their plain names, cells of the label.

    `text` and `choices` are the columns that a person named, `label` that of the label as it is compared, if known.
    """

    names: PlainNames
    text: Sequence[str]
    choices: Sequence[str]
    label: str
    cells: Sequence[Any]

    def signs(self) -> Iterator[Sign]:
        """The signs that are there, the one that says most first; the last of them always is."""
        if "spans" in self.names or {"tokens", "tags"} <= self.names.keys():
            yield "spans"
        if self.choices or self._has_answers():
            yield "answers"
        if self._holds_sets():
            yield "sets"
        if self._is_a_pair():
            if self._holds_grades():
                yield "graded pair"
            yield "pair"
        if self._holds_numbers():
            yield "numbers"
        yield "text"

    def _has_answers(self) -> bool:
        left = {plain: name for plain, name in self.names.items() if name not in self.text and plain != self.label}
        answers = some_answers(left)
        rest = {plain: name for plain, name in left.items() if name not in answers}
        return bool(answers) and bool(self.text or a_document_and_a_question(rest))

    def _is_a_pair(self) -> bool:
        return len(self.text) == 2 or (not self.text and bool(a_pair(self.names)))

    def _holds_sets(self) -> bool:
        if any(map(is_list, self.cells)):
            return True
        return self.label in PLURALS and any(
            mark in cell for cell in self.cells if isinstance(cell, str) for mark in SEPARATORS
        )

    def _holds_grades(self) -> bool:
        different = set(map(class_name, self.cells))
        return are_scores(self.cells) and (is_score_name(self.label) or len(different) > FEW_OF_A_PAIR)

    def _holds_numbers(self) -> bool:
        """Whether every label is a number, and they are not few whole ones, each in several rows."""
        numbers = [as_score(cell) for cell in self.cells if not is_missing(cell)]
        if not numbers or None in numbers:
            return False
        whole = all(number is not None and number.is_integer() for number in numbers)
        return not (whole and len(set(numbers)) <= min(FEW, max(2, len(numbers) // 2)))
