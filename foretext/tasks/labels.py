"""What a label cell means: the name of a class, a score, or which of the answers is right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from foretext.errors import SettingsError
from foretext.tasks.examples import AnswerRule, Label

RULES: tuple[AnswerRule, ...] = get_args(AnswerRule)

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LETTER = re.compile(r"\(?([A-Za-z])[).]?")


@dataclass(frozen=True)
class Meaning:
    """How the label cells of a file are read: as scores, as one of some answers, else as classes."""

    graded: bool = False
    answers: AnswerRule | None = None
    classes: tuple[str, ...] = ()  # the only ones there may be; empty while they are being learned

    def label(self, cell: Any, choices: Sequence[str]) -> Label:
        """The label that a cell holds; a `ValueError` says why it holds none."""
        if is_missing(cell):
            raise ValueError("the label is missing")
        if self.graded:
            if (value := score(cell)) is None:
                raise ValueError(f"the label {cell!r} is no number")
            return value
        if self.answers:
            if (place := answer_index(cell, choices, self.answers)) is None:
                raise ValueError(f"the label {cell!r}, read as {self.answers}, is none of the {len(choices)} answers")
            return place
        if (name := class_name(cell)) is None:
            raise ValueError(f"the label is {kind_of(cell)}, not a name, number or truth value")
        if self.classes and name not in self.classes:
            raise ValueError(f"the label {name!r} is none of the classes {', '.join(self.classes)}")
        return name


def is_missing(cell: Any) -> bool:
    """Whether a cell holds nothing: null, white space, or not-a-number."""
    return (
        cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and math.isnan(cell))
    )


def kind_of(cell: Any) -> str:
    """What a cell is, in words."""
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(cell), f"of type {type(cell).__name__}")


def class_name(cell: Any) -> str | None:
    """The cell as the name of a class, or None for a list or an object.

    "  good " is "good", true is "true", 1 is "1", 1.0 is "1.0".
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, str | int | float):
        return str(cell).strip()
    return None


def score(cell: Any) -> float | None:
    """The cell as a finite number, or None; "1e-3" is one, "1,5", "1_000", "nan" and true are none."""
    if isinstance(cell, str):
        return float(cell) if _NUMBER.fullmatch(cell.strip()) and math.isfinite(float(cell)) else None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    return float(cell) if math.isfinite(cell) else None


def answer_index(cell: Any, answers: Sequence[str], rule: AnswerRule) -> int | None:
    """Which answer the cell says is right, from 0; None where it says none of them.

    Letters may be of either case and stand in brackets: "B", "b", "(B)", "B." are the second answer.
    """
    if rule == "text":
        name = class_name(cell)
        return next((place for place, answer in enumerate(answers) if answer.strip() == name), None)
    if rule == "letter":
        match = _LETTER.fullmatch(cell.strip()) if isinstance(cell, str) else None
        place = ord(match[1].upper()) - ord("A") if match else -1
    else:
        number = score(cell)
        if number is None or not number.is_integer():
            return None
        place = int(number) - (1 if rule == "index1" else 0)
    return place if 0 <= place < len(answers) else None


def find_answer_rule(labelled: Sequence[tuple[Any, Sequence[str]]]) -> AnswerRule:
    """How these labels name the right one of their answers; the rule that fits most rows, where none fits all.

    Raises:
        SettingsError: several rules fit every row and say different answers.
    """
    meanings = {rule: [answer_index(cell, answers, rule) for cell, answers in labelled] for rule in RULES}
    fitting = [rule for rule in RULES if None not in meanings[rule]]
    if not fitting:
        return max(RULES, key=lambda rule: sum(place is not None for place in meanings[rule]))
    if any(meanings[rule] != meanings[fitting[0]] for rule in fitting):
        raise SettingsError(
            f"labels such as {labelled[0][0]!r} could be read as {' or as '.join(fitting)} in every row; "
            f"say which with --answer-labels {'|'.join(fitting)}"
        )
    return fitting[0]


def are_scores(cells: Iterable[Any]) -> bool:
    """Whether the labels of pairs are grades and not classes: more than two different ones, most of them numbers."""
    names = {class_name(cell) for cell in cells}
    return len(names) > 2 and sum(score(name) is not None for name in names) * 2 > len(names)


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """The different names as a person orders them: numbers by size, "part 2" before "part 10", case of no weight."""
    different = set(names)
    if all(score(name) is not None for name in different):
        return tuple(sorted(different, key=lambda name: (float(name), name)))
    return tuple(sorted(different, key=lambda name: (_natural_key(name), name)))


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
