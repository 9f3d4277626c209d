"""Figure 1 of the paper: how the fields of an example become sequences that a language model can read.

`[s]` is the start token, `[$]` the delimiter, `[e]` the extract token, whose state the task head reads.

Source: Radford et al. 2018, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from foretext.batch import UNTAGGED

Ids = Sequence[int]


class Marks(Protocol):
    """The ids of the three special tokens; a tokenizer has them."""

    @property
    def start(self) -> int:
        """The id of `[s]`."""

    @property
    def delimiter(self) -> int:
        """The id of `[$]`."""

    @property
    def extract(self) -> int:
        """The id of `[e]`."""


class Nowhere(NamedTuple):
    """Special tokens that stand for no token of a text: where only the arrangement matters."""

    start: int = UNTAGGED
    delimiter: int = UNTAGGED
    extract: int = UNTAGGED


NOWHERE = Nowhere()

# The fields of an example, its answers (none but for multiple choice) and the special tokens, to its sequences.
Transform = Callable[[Sequence[Ids], Sequence[Ids], Marks], list[list[int]]]


def in_one_sequence(fields: Sequence[Ids], answers: Sequence[Ids], marks: Marks) -> list[list[int]]:
    """The fields in their order: classification and regression of a text, entailment of a pair.

    fields = [7, 8]              result = [[s], 7, 8, [e]]
    fields = [7, 8]  [9]         result = [[s], 7, 8, [$], 9, [e]]
    """
    ids = [marks.start, *fields[0]]
    for field in fields[1:]:
        ids += [marks.delimiter, *field]
    return [[*ids, marks.extract]]


def in_both_orders(fields: Sequence[Ids], answers: Sequence[Ids], marks: Marks) -> list[list[int]]:
    """Both orders of a pair, for tasks where order means nothing.

    fields = [7, 8]  [9]         result = [[s], 7, 8, [$], 9, [e]]
                                          [[s], 9, [$], 7, 8, [e]]
    """
    return in_one_sequence(fields, answers, marks) + in_one_sequence(fields[::-1], answers, marks)


def one_sequence_an_answer(fields: Sequence[Ids], answers: Sequence[Ids], marks: Marks) -> list[list[int]]:
    """The fields, read through (document, then question, nothing in between), before each answer.

    Nothing stands between two readings either, where the fields are read twice.

    fields  = [7, 8]  [6]        result = [[s], 7, 8, 6, [$], 4, [e]]
    answers = [4]  [5, 5]                 [[s], 7, 8, 6, [$], 5, 5, [e]]
    """
    together = [token for field in fields for token in field]
    return [[marks.start, *together, marks.delimiter, *answer, marks.extract] for answer in answers]
