"""Data sets with a file or a folder for each class: IMDB, and the movie reviews and subjectivity sentences of Cornell.

A file has an example a line, a folder an example a file (in the order of the numbers in their names).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.problems import text_problem
from foretext.tasks.published.splits import Files, Split, find_split

HTML_BREAK = "<br />"  # IMDB's reviews have it for a line break


@dataclass(frozen=True)
class ByClassReader:
    """Reads a data set whose classes stand apart; `classes` are their paths beside or below that of a split."""

    files: Files
    classes: Mapping[str, str]  # class → file or folder
    encoding: str = "utf-8"

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of one split, class after class.

        Raises:
            DataError: a class is not there, or something is not text.
        """
        found = find_split(folder, split, self.files)
        base = found if found.is_dir() else found.parent
        for name, place in self.classes.items():
            if not (base / place).exists():
                raise DataError(f"there is no {place} in {base}, where the examples of class {name!r} should be")
            yield from self._of_class(base / place, name)

    def _of_class(self, place: Path, name: str) -> Iterator[Example]:
        if place.is_dir():
            for file in sorted(place.glob("*.txt"), key=_number):
                yield Example((self._text(file).replace(HTML_BREAK, "\n").strip(),), label=name, where=str(file))
            return
        for line, content in enumerate(self._text(place).split("\n"), start=1):
            if content.strip():
                yield Example((content.strip(),), label=name, where=f"{place}:{line}")

    def _text(self, file: Path) -> str:
        text = file.read_bytes().decode(self.encoding, errors="surrogateescape")
        if problem := text_problem(text):
            raise DataError(f"{file}: {problem}")
        return text


def _number(file: Path) -> tuple[int, str]:
    digits = re.match(r"\d+", file.name)
    return (int(digits[0]) if digits else 0, file.name)
