"""What separates the cells of a delimited file: what is said, else what the ending of its name says, if it fits."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from foretext.errors import DataError, SettingsError

CANDIDATES = (",", ";", "\t", "|")
IN_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "space": " "}


def named_separator(said: str) -> str:
    """The separator that a person means: the character itself, or its name.

    Raises:
        SettingsError: it is no single character that can separate cells.
    """
    mark = _NAMES.get(said.lower(), said)
    if len(mark) != 1 or mark in '"\r\n\0' or mark.isalnum():
        raise SettingsError(f"--delimiter {said!r} separates no cells; give one character such as ';', or {_known()}")
    return mark


def _known() -> str:
    return ", ".join(name for name in _NAMES if name.isalpha())


def check_separator(source: str, lines: Sequence[str], expected: str) -> None:
    """Nothing if the header and the row below it may be separated by what is `expected`.

    Raises:
        DataError: they are separated by something else, without doubt; or the first is a note of what separates them.
    """
    if re.fullmatch('"?sep=.?"?,*', lines[0].strip(), re.IGNORECASE):
        raise DataError(f"{source}:1: {lines[0].strip()!r} is a note for Excel, not the header; take this line out")
    found = found_separator(lines, expected)
    if found != expected:
        said = next(name for name, mark in _NAMES.items() if mark == found)
        raise DataError(
            f"{source}: the cells of the header {lines[0].strip()!r:.80} are separated by {IN_WORDS[found]}, not by "
            f"{IN_WORDS[expected]}; say --delimiter {said} (in Python delimiter={found!r})"
        )


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
