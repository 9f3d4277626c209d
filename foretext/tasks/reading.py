"""From a file to examples, with every bad row found before any of them is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Example
from foretext.tasks.files.cells import CellError, answers_of, is_missing, texts_of
from foretext.tasks.files.columns import Columns, find_columns
from foretext.tasks.files.delimited import Quoting, Row
from foretext.tasks.files.problems import Problems, counted
from foretext.tasks.files.tables import Format, Table, TableOptions, open_table, source_of
from foretext.tasks.kinds import TaskKind, find_kind
from foretext.tasks.labels.form import Cell, LabelForm, LabelOptions
from foretext.tasks.schema import TaskSchema, learn_schema


@dataclass(frozen=True)
class Reading:
    """The examples of one file, and how the file was understood."""

    examples: list[Example]
    schema: TaskSchema
    columns: Columns
    source: str
    format: Format
    quoting: Quoting

    def lines(self) -> list[str]:
        """How the file was understood, for the person to check."""
        how = self.format.upper() + (", no quoting" if self.format == "tsv" and self.quoting == "none" else "")
        read = f"{self.source}: {counted(len(self.examples), 'example')} ({how})"
        return [read, *self.columns.lines(), *self.schema.labels.lines()]


def read_examples(
    path: Path | str,
    *,
    kind: str,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    labels: LabelOptions | None = None,
    metric: str | None = None,
    options: TableOptions | None = None,
) -> Reading:
    """The examples of a training file, and the schema that they teach.

    Columns that are not given are guessed by name. `labels` says of the labels what the data leave open; of two classes
    the later in natural order is the positive one unless it says otherwise.

    Raises:
        DataError: the file is missing or empty, rows are bad (all are named together), or there is one class only.
        UnknownName: a kind, column or class that is not there.
        SettingsError: a column can be neither found nor guessed, or labels can be read in several ways.
    """
    labels, found = labels or LabelOptions(), find_kind(kind)
    drafts = _drafts(path, found, text=text, choices=choices, label=label, options=options)
    form = found.form(drafts.cells(), labels)
    examples = drafts.examples(form)
    schema = learn_schema(
        examples,
        kind=found,
        columns=drafts.columns,
        form=form,
        options=labels,
        metric=metric,
        source=drafts.table.source,
    )
    return drafts.reading(examples, schema)


def read_labelled(
    path: Path | str,
    schema: TaskSchema,
    *,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    options: TableOptions | None = None,
) -> Reading:
    """The examples of a validation or test file, its labels read as those of training were.

    Columns are called as in training, unless they are given.

    Raises:
        DataError: as `read_examples`, and for a class that training has not seen.
        UnknownName: a column that is not there.
    """
    drafts = _drafts(
        path,
        schema.task_kind,
        text=text or schema.text,
        choices=choices or schema.choices,
        label=label or schema.label,
        options=options,
    )
    return drafts.reading(drafts.examples(schema.labels), schema)


def unlabelled(table: Table, schema: TaskSchema, problems: Problems) -> Iterator[tuple[Row, Example]]:
    """Each row of an open table with its example, labels left aside, in bounded memory; bad rows go to `problems`.

    Raises:
        UnknownName: a column of the schema is not there.
    """
    columns = find_columns(table.columns, schema.task_kind, text=schema.text, choices=schema.choices)
    return _examples(table, columns, problems)


@dataclass(frozen=True)
class _Drafts:
    """Examples whose labels are still cells."""

    table: Table
    columns: Columns
    rows: list[tuple[int, Example, Any]]  # line, example without label, cell of the label
    problems: Problems

    def cells(self) -> list[Cell]:
        """The cells of the labels that are there, each with the answers of its row."""
        return [(cell, draft) for _, draft, cell in self.rows if not is_missing(cell)]

    def examples(self, form: LabelForm) -> list[Example]:
        """The examples with their labels, if there is no bad row."""
        labelled = []
        for line, draft, cell in self.rows:
            try:
                label = form.label(cell, draft)
                labelled.append(Example(draft.texts, draft.choices, label, draft.where))
            except ValueError as problem:
                self.problems.add(line, str(problem), column=self.columns.label)
        self.problems.check()
        if not labelled:
            raise DataError(f"{self.table.source} is empty: no row stands below the header")
        return labelled

    def reading(self, examples: list[Example], schema: TaskSchema) -> Reading:
        return Reading(examples, schema, self.columns, self.table.source, self.table.format, self.table.quoting)


def _drafts(
    path: Path | str,
    kind: TaskKind,
    *,
    text: Sequence[str],
    choices: Sequence[str],
    label: str | None,
    options: TableOptions | None,
) -> _Drafts:
    problems = Problems(source_of(path))
    with open_table(path, options, problems=problems) as table:
        columns = find_columns(table.columns, kind, text=text, choices=choices, label=label)
        if columns.label is None:
            raise SettingsError(
                f"which column of {table.source} holds the label? Say --label NAME; "
                f"there are: {', '.join(table.columns)}"
            )
        examples = _examples(table, columns, problems)
        rows = [(row.line, example, row.values.get(columns.label)) for row, example in examples]
    return _Drafts(table, columns, rows, problems)


def _examples(table: Table, columns: Columns, problems: Problems) -> Iterator[tuple[Row, Example]]:
    for row in table.rows:
        try:
            texts, answers = texts_of(row.values, columns.text), answers_of(row.values, columns.choices)
        except CellError as problem:
            problems.add(row.line, str(problem), column=problem.column)
            continue
        yield row, Example(texts, answers, where=f"{table.source}:{row.line}")
