"""From a file, or rows in memory, to examples, with every bad row found before any of them is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Example
from foretext.tasks.files.cells import CellError, answers_of, is_missing, texts_of
from foretext.tasks.files.columns import Columns, find_columns
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.problems import Problems, cell_problem, counted
from foretext.tasks.files.tables import Table, TableOptions, open_table, source_of
from foretext.tasks.guessing import Guess, guess_kind
from foretext.tasks.kinds import TaskKind, find_kind
from foretext.tasks.labels.form import Cell, LabelForm, LabelOptions
from foretext.tasks.schema import TaskSchema, learn_schema

Beside = tuple[Example, Mapping[str, Any]]  # an example, and all cells of its row
Say = Callable[[str], None]
BESIDE = 2_000  # examples whose cells are kept, spread over the file


def _unsaid(line: str) -> None:
    """Nothing is said."""


@dataclass(frozen=True)
class Reading:
    """The examples of one file or table, and how it was understood."""

    examples: list[Example]
    schema: TaskSchema
    columns: Columns
    table: Table
    guess: Guess | None = None  # of the kind, where nobody named it
    beside: Sequence[Beside] = ()

    def lines(self) -> list[str]:
        """How it was understood, for the person to check."""
        read, *labels = self.found()
        return [read, *([self.guess.line] if self.guess else []), *self.columns.lines(), *labels]

    def found(self) -> list[str]:
        """The same without kind and columns, which `read_examples` says before it reads labels."""
        read = f"{self.table.source}: {counted(len(self.examples), 'example')} ({self.table.how})"
        return [read, *self.schema.labels.lines()]


def read_examples(
    data: Any,
    *,
    kind: str | None = None,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    labels: LabelOptions | None = None,
    metric: str | None = None,
    options: TableOptions | None = None,
    say: Say = _unsaid,
) -> Reading:
    """The examples of a training file (its path) or of rows in memory, and the schema that they teach.

    Columns that are not given are guessed by name, the kind by what is there. `labels` says of the labels what the
    data leave open; of two classes the later in natural order is the positive one unless it says otherwise.
    `say` is told of kind and columns before labels are read: where a guess is wrong, it is the cause of what follows.

    Raises:
        DataError: the file is missing or empty, rows are bad (all are named together), or there is one class only.
        UnknownName: a kind, column or class that is not there.
        SettingsError: a column can be neither found nor guessed, labels can be read in several ways, or what is said of
            them is for those of other kinds.
    """
    labels, named = labels or LabelOptions(), find_kind(kind) if kind is not None else None
    drafts = _drafts(data, named, text=text, choices=choices, label=label, labels=labels, options=options, say=say)
    order = drafts.table.orders.get(drafts.columns.label or "", ())
    form = drafts.kind.form(drafts.cells(), labels, order=order)
    examples = drafts.examples(form)
    schema = learn_schema(
        examples,
        kind=drafts.kind,
        columns=drafts.columns,
        form=form,
        options=labels,
        metric=metric,
        source=drafts.table.source,
    )
    return drafts.reading(examples, schema)


def read_labelled(
    data: Any,
    schema: TaskSchema,
    *,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    options: TableOptions | None = None,
) -> Reading:
    """The examples of a validation or test file, or of rows in memory, their labels read as those of training were.

    Columns are called as in training, unless they are given.

    Raises:
        DataError: as `read_examples`, and for a class that training has not seen.
        UnknownName: a column that is not there.
        SettingsError: they are not as many texts as in training.
    """
    named = schema.with_columns(text=text, choices=choices)
    drafts = _drafts(
        data,
        schema.task_kind,
        text=named.text,
        choices=named.choices,
        label=label or schema.label,
        options=options,
    )
    if not text:
        schema.with_columns(text=drafts.table.nameless)  # refuses more of them than are read
    return drafts.reading(drafts.examples(schema.labels), schema)


def unlabelled(table: Table, schema: TaskSchema, problems: Problems) -> Iterator[tuple[Row, Example]]:
    """Each row of an open table with its example, labels left aside, in bounded memory; bad rows go to `problems`.

    Raises:
        UnknownName: a column of the schema is not there.
    """
    columns = find_columns(table.columns, schema.task_kind, text=schema.text, choices=schema.choices)
    return _examples(table, columns, schema.task_kind, problems)


@dataclass(frozen=True)
class _Drafts:
    """Examples whose labels are still cells."""

    table: Table
    kind: TaskKind
    columns: Columns
    rows: list[tuple[int, Example, Any]]  # line, example without label, cell of the label
    problems: Problems
    guess: Guess | None
    others: Mapping[int, Mapping[str, Any]]  # of some rows, by their place in `rows`, all cells

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
        beside = [(examples[row], cells) for row, cells in self.others.items()]
        return Reading(examples, schema, self.columns, self.table, self.guess, beside)


def _drafts(
    data: Any,
    named: TaskKind | None,
    *,
    text: Sequence[str],
    choices: Sequence[str],
    label: str | None,
    labels: LabelOptions | None = None,
    options: TableOptions | None,
    say: Say = _unsaid,
) -> _Drafts:
    problems = Problems(source_of(data))
    with open_table(data, options, problems=problems, ahead=None) as table:
        kind, guess, text = named, None, text or table.nameless
        if kind is None:
            rows = list(table.rows)
            guess = guess_kind(table.columns, rows, text=text, choices=choices, label=label, labels=labels)
            kind, table = guess.kind, replace(table, rows=iter(rows))
            say(guess.line)
        seen = guess.label if guess else None
        columns = find_columns(table.columns, kind, text=text, choices=choices, label=label, seen=seen)
        if columns.label is None:
            raise SettingsError(
                f"which column of {table.source} holds the label? Say --label NAME; "
                f"there are: {', '.join(table.columns)}"
            )
        for line in columns.lines():
            say(line)
        examples = _examples(table, columns, kind, problems)
        drafts, others = list[tuple[int, Example, Any]](), _Others(columns)
        for row, example in examples:
            cell = row.values.get(columns.label)
            if problem := cell_problem(cell):
                problems.add(row.line, problem, column=columns.label)
            else:
                others.add(row)
                drafts.append((row.line, example, cell))
    return _Drafts(table, kind, columns, drafts, problems, guess, others.kept)


class _Others:
    """Rows evenly spread over the file, `BESIDE` at most, with all their cells; none if all columns are read."""

    def __init__(self, columns: Columns) -> None:
        self.kept: dict[int, Mapping[str, Any]] = {}
        self._read = {*columns.text, *columns.choices, columns.label}
        self._rows, self._every = 0, 1

    def add(self, row: Row) -> None:
        """Takes the next row."""
        if self._rows % self._every == 0 and not row.values.keys() <= self._read:
            self.kept[self._rows] = row.values
        self._rows += 1
        if len(self.kept) > BESIDE:
            self._every *= 2
            self.kept = {place: cells for place, cells in self.kept.items() if place % self._every == 0}


def _examples(table: Table, columns: Columns, kind: TaskKind, problems: Problems) -> Iterator[tuple[Row, Example]]:
    for row in table.rows:
        try:
            texts = texts_of(row.values, columns.text, words=kind.takes_words)
            answers = answers_of(row.values, columns.choices)
        except CellError as problem:
            problems.add(row.line, str(problem), column=problem.column)
            continue
        yield row, Example(texts, answers, where=problems.place(row.line))
