"""What separates the cells of a delimited file, where that is not what the ending of its name says."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

CANDIDATES = (",", ";", "\t", "|")
IN_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def found_separator(lines: Sequence[str], expected: str) -> str:
    """The separator by the header and the row below it; the one `expected`, unless another is the only one that fits.

    That takes a header of one cell by what is expected, and of several filled and different cells by the other, which
    stands in the next line as well.

    text;label
    a good day;good        ->  ;
    """
    header, *rest = lines
    if len(_cells(header, expected)) > 1:
        return expected
    fits = [mark for mark in CANDIDATES if mark != expected and _is_header(_cells(header, mark))]
    if len(fits) == 1 and all(fits[0] in line for line in rest[:1] if line.strip()):
        return fits[0]
    return expected


def _cells(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([re.split("[\r\n]", line)[0]], delimiter=mark), [])
    except csv.Error:
        return []


def _is_header(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells]
    return len(names) > 1 and all(names) and len(set(names)) == len(names)
