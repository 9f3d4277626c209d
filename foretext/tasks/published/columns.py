"""Data sets that are plain tables: which columns hold the texts and the label. GLUE, SNLI, MNLI, SciTail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.cells import CellError, texts_of
from foretext.tasks.examples import Example, Label
from foretext.tasks.labels import class_name, is_missing, score
from foretext.tasks.problems import Problems
from foretext.tasks.published.splits import Files, Split, find_split
from foretext.tasks.tables import Table, TableOptions, open_table

NO_MAJORITY = "-"  # SNLI: the annotators did not agree


@dataclass(frozen=True)
class TableReader:
    """Reads a data set of which each split is one table; TSV is never quoted, whatever it looks like."""

    files: Files
    text: tuple[str, ...]
    label: str
    graded: bool = False  # the label is a score
    header: bool = True

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of one split, in the order of the file.

        Raises:
            DataError: the file is not there or not as published.
        """
        path = find_split(folder, split, self.files)
        problems = Problems(str(path))
        with open_table(path, TableOptions(quoting="none", header=self.header), problems=problems) as table:
            self._check_columns(table)
            for row in table.rows:
                try:
                    texts = texts_of(row.values, self.text)
                    yield Example(texts, label=self._label(row.values.get(self.label)), where=f"{path}:{row.line}")
                except CellError as error:
                    problems.add(row.line, str(error), column=error.column)
        problems.check()

    def _check_columns(self, table: Table) -> None:
        missing = [name for name in self.text if name not in table.columns]
        if missing:
            raise DataError(
                f"{table.source} has no column {missing[0]!r}; it is not the published file. "
                f"It has: {', '.join(table.columns)}"
            )

    def _label(self, cell: object) -> Label | None:
        if is_missing(cell) or cell == NO_MAJORITY:
            return None
        label: Label | None = score(cell) if self.graded else class_name(cell)
        if label is None:
            raise CellError(self.label, f"{cell!r} is no {'number' if self.graded else 'class'}")
        return label


Reader = Callable[[Path, Split], Iterator[Example]]
