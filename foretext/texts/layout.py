"""How the lines of a text are laid out: running text, lists, tables."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ITEM = re.compile(r"\s*(?:[-*•‣▪·+]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+\S")
_CELLS = re.compile(r"\t|\s*\|\s*|\s{3,}|;|,(?=\S)")
FEWEST_CELLS = 3


@dataclass(frozen=True)
class Layout:
    """How many characters of a text stand in lines of which kind; blank lines are none."""

    characters: int = 0
    lists: int = 0
    tables: int = 0

    def __add__(self, other: Layout) -> Layout:
        return Layout(self.characters + other.characters, self.lists + other.lists, self.tables + other.tables)


def layout_of(text: str) -> Layout:
    """The layout of a text. Of a table are lines with three cells or more, as many as a line beside them has."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cells = [_cells(line) for line in lines]
    tables = lists = 0
    for place, line in enumerate(lines):
        beside = cells[max(0, place - 1) : place] + cells[place + 1 : place + 2]
        if cells[place] >= FEWEST_CELLS and cells[place] in beside:
            tables += len(line)
        elif _ITEM.match(line):
            lists += len(line)
    return Layout(sum(map(len, lines)), lists, tables)


def _cells(line: str) -> int:
    return len([cell for cell in _CELLS.split(line.strip("|")) if cell.strip()])
