"""Data sets that are tables, in each form they are published in: which columns hold texts, answers and label.

GLUE, SNLI, SciTail, SICK, ANLI, SWAG, AG News, WiC, BoolQ. TSV is never quoted, whatever it looks like; CSV is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example, Label
from foretext.tasks.files.cells import CellError, answers_of, is_missing, texts_of
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import ENDINGS, Format, Table, TableOptions, open_table
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.form import LabelForm
from foretext.tasks.published.splits import Files, Split, find_split

NO_MAJORITY = "-"  # SNLI: the annotators did not agree

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """One form of a table. Several columns for a text are joined by blanks. A table without `label` is unlabelled."""

    text: tuple[str | tuple[str, ...], ...]
    label: str
    answers: tuple[str, ...] = ()
    id: str = ""  # column of what the publisher calls a row; empty: there is none
    cells: int = 0  # cells of a row in a table without a header, whose columns are called 1, 2, …; 0: it has a header
    split: tuple[str, Mapping[Split, str]] | None = None  # the column that says to which split a row belongs

    def columns(self) -> set[str]:
        """The columns that must be there."""
        texts = {name for text in self.text for name in ((text,) if isinstance(text, str) else text)}
        return texts | set(self.answers) | ({self.split[0]} if self.split else set())

    def fits(self, first: tuple[str, ...], format: Format) -> bool:
        """Whether a table that begins with these cells (or, in JSON lines, has these fields) has this form."""
        if self.cells:
            return format != "jsonl" and len(first) == self.cells
        return self.columns() <= set(first)


@dataclass(frozen=True)
class TableReader:
    """Reads a data set of which each split is one table; the first layout that fits is taken, labelled ones first."""

    files: Files
    layouts: tuple[Layout, ...]
    labels: LabelForm = field(default_factory=ClassLabels)
    names: Mapping[Label, str] = field(default_factory=dict)  # what labels as published are called here
    leave_out_ragged: bool = False  # rows with another number of cells than the header are the publisher's, and known

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of one split, in the order of the file.

        Raises:
            DataError: the file is not there or not as published.
        """
        path = find_split(folder, split, self.files)
        layout = self._layout(path)
        problems = Problems(str(path))
        ragged = Problems(str(path)) if self.leave_out_ragged else problems
        with open_table(path, _options(path, header=not layout.cells), problems=ragged) as table:
            for row in table.rows:
                if layout.split and row.values[layout.split[0]] != layout.split[1][split]:
                    continue
                try:
                    yield self._example(row, layout, f"{path}:{row.line}")
                except CellError as error:
                    problems.add(row.line, str(error), column=error.column)
        problems.check()
        if self.leave_out_ragged and ragged.count:
            log.info("%s: %d rows are not as its header says and are left out (%s)", path, ragged.count, ragged.first)

    def _layout(self, path: Path) -> Layout:
        with open_table(path, _options(path, header=False)) as table:
            first = _first_cells(table)
        fitting = [layout for layout in self.layouts if layout.fits(first, table.format)]
        labelled = [layout for layout in fitting if layout.cells or layout.label in first]
        if fitting:
            return (labelled or fitting)[0]
        missing = sorted(self.layouts[0].columns() - set(first))
        lacks = f"column {missing[0]!r}" if missing and not self.layouts[0].cells else "layout that is known"
        raise DataError(f"{path} has no {lacks}; it is not the published file. It has: {', '.join(first)}")

    def _example(self, row: Row, layout: Layout, where: str) -> Example:
        texts = tuple(
            " ".join(texts_of(row.values, (text,) if isinstance(text, str) else text)) for text in layout.text
        )
        answers = answers_of(row.values, layout.answers)
        draft = Example(texts, answers, None, where, str(row.values.get(layout.id, "")))
        return replace(draft, label=self._label(row.values.get(layout.label), draft, layout.label))

    def _label(self, cell: object, draft: Example, column: str) -> Label | None:
        if is_missing(cell) or cell == NO_MAJORITY:
            return None
        try:
            label = self.labels.label(cell, draft)
        except ValueError as error:
            raise CellError(column, str(error)) from None
        return self.names.get(label, label)


def _options(path: Path, *, header: bool) -> TableOptions:
    format = ENDINGS.get(path.suffix.lower()) or _format_by_content(path)
    return TableOptions(format=format, quoting="minimal" if format == "csv" else "none", header=header)


def _format_by_content(path: Path) -> Format:
    """JSON lines or TSV: files called .txt are either."""
    with path.open("rb") as file:
        return "jsonl" if file.read(4).lstrip(b"\xef\xbb\xbf").startswith(b"{") else "tsv"


def _first_cells(table: Table) -> tuple[str, ...]:
    """The cells of the first row of a table opened without a header; in JSON lines the names of its fields."""
    return table.columns if table.format == "jsonl" else tuple(map(str, next(table.rows).values.values()))
