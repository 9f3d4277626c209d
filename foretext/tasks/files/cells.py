"""What a cell means: nothing, a name, a number, a text; and the texts and answers of an example."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from foretext.tasks.files.json_value import json_value
from foretext.tasks.files.problems import MOST_BITS, cell_problem, counted
from foretext.texts.showing import shown

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class CellError(ValueError):
    """A cell that cannot be used: its column, and why."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def is_missing(cell: Any) -> bool:
    """Whether a cell holds nothing: null, white space, or not-a-number."""
    if isinstance(cell, float | Decimal):
        return math.isnan(cell)
    return cell is None or (isinstance(cell, str) and not cell.strip())


def type_in_words(cell: Any) -> str:
    """What a cell is, in words."""
    names = {bool: "a truth value", int: "a number", float: "a number", Decimal: "a number"}
    names |= {list: "a list", dict: "an object", datetime: "a time", date: "a date", bytes: "bytes"}
    return names.get(type(cell), f"of type {type(cell).__name__}")


def class_name(cell: Any) -> str | None:
    """The cell as the name of a class, or None for a list, an object or a number of thousands of digits.

    "  good " is "good", true is "true", 1 is "1", 1.0 is "1.0", a decimal 0.50 is "0.50", a date is "2026-01-31".
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, int) and cell.bit_length() > MOST_BITS:
        return None
    if isinstance(cell, str | int | float | date | time):
        return str(cell).strip()
    return None


def as_score(cell: Any) -> float | None:
    """The cell as a finite number, or None; "1e-3" is one, "1,5", "1_000", "nan" and true are none."""
    if isinstance(cell, str):
        return float(cell) if _NUMBER.fullmatch(cell.strip()) and math.isfinite(float(cell)) else None
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None
    try:
        score = float(cell)
    except OverflowError:  # a whole number of more than 308 digits
        return None
    return score if math.isfinite(score) else None


def texts_of(values: Mapping[str, Any], columns: Sequence[str], *, words: bool = False) -> tuple[str, ...]:
    """The texts in these columns; an empty one is a text too, a missing one is not.

    With `words` a list of words is a text, in which one blank stands between them.
    """
    return tuple(_text(_joined(values.get(name), name) if words else values.get(name), name) for name in columns)


def answers_of(values: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    """The answers in these columns: one with a list, or one for each answer.

    A list may stand in a cell as JSON, or be an object with the list under "text", as some published files have it.
    With a column for each answer, empty cells at the end mean that there are fewer.
    """
    if not columns:
        return ()
    answers = _listed(values.get(columns[0]), columns[0]) if len(columns) == 1 else _spread(values, columns)
    if len(answers) < 2:
        raise CellError(columns[0], f"{counted(len(answers), 'answer')}, but there must be two or more to choose among")
    return answers


def _listed(cell: Any, column: str) -> tuple[str, ...]:
    if isinstance(cell, str):
        try:
            cell = json_value(cell)
        except ValueError:
            raise CellError(column, f'{_short(cell)} is no list of answers such as ["red", "blue"]') from None
    if isinstance(cell, Mapping):
        cell = cell.get("text")
    if not isinstance(cell, list | tuple):
        raise CellError(column, f"{_short(cell)} is no list of answers")
    return tuple(_answer(answer, number, column) for number, answer in enumerate(cell, start=1))


def _spread(values: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    cells = [values.get(name) for name in columns]
    while cells and (cells[-1] == "" or (is_missing(cells[-1]) and not isinstance(cells[-1], str))):
        cells.pop()
    return tuple(_answer(cell, number, columns[number - 1]) for number, cell in enumerate(cells, start=1))


def _answer(cell: Any, number: int, column: str) -> str:
    """An answer; numbers and truth values are answers too."""
    answer = cell if isinstance(cell, str) else class_name(cell)
    if answer is None or is_missing(cell):
        raise CellError(column, f"answer {number} is empty")
    return _text(answer, column)


def _joined(cell: Any, column: str) -> Any:
    """The text of a list of words; any other cell as it is."""
    if not isinstance(cell, list | tuple):
        return cell
    words = [_text(word, column) for word in cell]
    if (broken := next((word for word in words if word.split() != [word]), None)) is not None:
        raise CellError(column, f"{broken!r} is not one word, so that its tag would not be known")
    return " ".join(words)


def _text(cell: Any, column: str) -> str:
    if cell is None or (isinstance(cell, float | Decimal) and math.isnan(cell)):
        raise CellError(column, "the text is missing")
    if not isinstance(cell, str):
        raise CellError(column, f"{_short(cell)} is {type_in_words(cell)}, not a text")
    if problem := cell_problem(cell):
        raise CellError(column, problem)
    return cell


def _short(cell: Any) -> str:
    """A cell as a message shows it, 40 characters at most."""
    return shown(repr(cell), 40)
