"""X as scikit-learn passes it around, to examples: rows by their position, columns by their names or places."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretext.errors import DataError, UnknownName
from foretext.tasks.examples import Example
from foretext.tasks.files.cells import CellError, answers_of, texts_of
from foretext.tasks.files.memory import plain, values_of
from foretext.tasks.files.problems import Problems, counted

TEXT = "text"  # what the column of a list of texts is called

Names = str | int | Sequence[str | int] | None  # columns as a person gives them


@dataclass(frozen=True)
class Table:
    """The rows of X as cells by column; `named` says whether the columns had names of their own."""

    names: tuple[str, ...]
    rows: list[dict[str, Any]]
    named: bool = False


@dataclass(frozen=True)
class Read:
    """Which columns of X are read: those of texts, then those of answers; `seen` are all that X had in `fit`."""

    seen: tuple[str, ...]
    named: bool
    text: tuple[str, ...]
    choices: tuple[str, ...] = ()
    chosen: bool = False  # whether a person named the texts, so that other columns do not matter

    @classmethod
    def of(cls, table: Table, columns: Names, choices: Names = None) -> Read:
        """The columns that are named, by names or places; texts that are not are all other columns, in their order.

        Raises:
            UnknownName: there is no such column.
            DataError: one is given twice, or none is left.
        """
        answers = _names(choices)
        text = _names(columns) or tuple(name for name in table.names if name not in answers)
        for name in (*text, *answers):
            if name not in table.names:
                raise UnknownName("column of X", name, table.names)
            if (*text, *answers).count(name) > 1:
                raise DataError(f"column {name!r} of X is given twice; texts and answers are columns of their own")
        if not text:
            raise DataError("X has no column of texts")
        return cls(table.names, table.named, text, answers, columns is not None)

    def examples(self, table: Table) -> list[Example]:
        """An example for each row, in order, by the columns of `fit`.

        Raises:
            DataError: columns are missing, or are not those of `fit`; or cells are no texts: all such rows are named,
                counted from 1.
        """
        table = self._as_in_fit(table)
        problems, found = Problems("X"), list[Example]()
        problems.unit = "row"
        for number, row in enumerate(table.rows, start=1):
            try:
                texts, answers = texts_of(row, self.text), answers_of(row, self.choices)
            except CellError as problem:
                problems.add(number, str(problem), column=problem.column)
                continue
            found.append(Example(texts, answers, where=problems.place(number)))
        problems.check()
        return found

    def _as_in_fit(self, table: Table) -> Table:
        """The rows by the names that columns had in `fit`: by name where both have names, else by place."""
        if self.named and table.named:
            missing = [name for name in (*self.text, *self.choices) if name not in table.names]
            unknown = [] if self.chosen else [name for name in table.names if name not in self.seen]
            if missing or unknown:
                raise DataError(
                    f"the columns of X are {_listed(table.names)}; in fit they were {_listed(self.seen)}: give the same"
                )
            return table
        if len(table.names) != len(self.seen):
            raise DataError(f"X has {counted(len(table.names), 'column')}; in fit it had {len(self.seen)}")
        if self.named != table.named and len(self.seen) > 1:
            what = ("has no names of columns, and had some", "has names of columns, and had none")[table.named]
            warnings.warn(f"X {what} in fit: columns are taken in their order", UserWarning, stacklevel=2)
        rows = [dict(zip(self.seen, (row[name] for name in table.names), strict=True)) for row in table.rows]
        return Table(self.seen, rows, self.named)


def table_of(data: Any) -> Table:
    """The rows of a list, an array, a Series or a table of pandas, polars or pyarrow; an index is not looked at.

    Raises:
        TypeError: it is one text, a mapping or a sparse matrix, which hold no rows of texts.
        DataError: there are no rows, or they are of several kinds.
    """
    if isinstance(data, str | bytes):
        raise TypeError(f"X is one text; give a list of texts: [{data!r:.40}]")
    if isinstance(data, Mapping):
        raise TypeError("X is a mapping; give a list of texts or a table such as a DataFrame")
    if hasattr(data, "tocsr"):
        raise TypeError("X is a sparse matrix; give texts: a list, an array, a Series or a DataFrame")
    if hasattr(data, "__array__") and not hasattr(data, "__iter__"):
        data = np.asarray(data)
    cells = list(values_of(data))
    if not cells:
        raise DataError("X has no rows (0 samples); a minimum of 1 is required")
    if all(isinstance(cell, Mapping) for cell in cells):
        names = tuple(dict.fromkeys(str(name) for cell in cells for name in cell))
        return Table(names, [{str(name): plain(value) for name, value in cell.items()} for cell in cells], named=True)
    if all(isinstance(cell, list | tuple) for cell in cells):
        if len(lengths := sorted(set(map(len, cells)))) > 1:
            raise DataError(f"the rows of X have {lengths[0]} to {lengths[-1]} cells; each must have the same number")
        names = tuple(map(str, range(lengths[0])))
        return Table(names, [dict(zip(names, map(plain, cell), strict=True)) for cell in cells])
    return Table((TEXT,), [{TEXT: cell} for cell in cells])


def _names(given: Names) -> tuple[str, ...]:
    if given is None:
        return ()
    return (str(given),) if isinstance(given, str | int) else tuple(map(str, given))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
