"""From a file to examples, with every bad row found before any of them is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import AnswerRule, Example, Kind
from foretext.tasks.files.cells import CellError, answers_of, texts_of
from foretext.tasks.files.columns import Columns, find_columns
from foretext.tasks.files.delimited import Quoting, Row
from foretext.tasks.files.problems import Problems, counted
from foretext.tasks.files.tables import Format, Table, TableOptions, open_table, source_of
from foretext.tasks.labels import Meaning, are_scores, find_answer_rule, is_missing
from foretext.tasks.learning import learn_schema
from foretext.tasks.schema import TaskSchema

LabelType = Literal["auto", "class", "score"]


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
        lines = [f"{self.source}: {counted(len(self.examples), 'example')} ({how})", *self.columns.lines()]
        if self.schema.classes:
            lines.append(f"classes: {', '.join(self.schema.classes)}")
        if self.schema.answer_labels:
            lines.append(f"labels name the right answer by {self.schema.answer_labels}")
        if self.schema.low is not None and self.schema.high is not None:
            lines.append(f"scores: {self.schema.low:g} to {self.schema.high:g}")
        return lines


def read_examples(
    path: Path | str,
    *,
    kind: Kind,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    labels: LabelType = "auto",
    answer_labels: AnswerRule | None = None,
    positive: str | None = None,
    metric: str | None = None,
    options: TableOptions | None = None,
) -> Reading:
    """The examples of a training file, and the schema that they teach.

    Columns that are not given are guessed by name. `labels` says whether the labels of a similarity are classes or
    scores; `positive` which of two classes is the positive one, otherwise the later in natural order.

    Raises:
        DataError: the file is missing or empty, rows are bad (all are named together), or there is one class only.
        UnknownName: a column or class that is not there.
        SettingsError: a column can be neither found nor guessed, or labels can be read in several ways.
    """
    drafts = _drafts(path, kind, text=text, choices=choices, label=label, options=options)
    meaning = _meaning(drafts, kind, labels, answer_labels)
    examples = drafts.examples(meaning)
    schema = learn_schema(
        examples,
        kind=kind,
        columns=drafts.columns,
        answer_labels=meaning.answers,
        positive=positive,
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
        schema.kind,
        text=text or schema.text,
        choices=choices or schema.choices,
        label=label or schema.label,
        options=options,
    )
    meaning = Meaning(schema.graded, schema.answer_labels, schema.classes)
    return drafts.reading(drafts.examples(meaning), schema)


def unlabelled(table: Table, schema: TaskSchema, problems: Problems) -> Iterator[tuple[Row, Example]]:
    """Each row of an open table with its example, labels left aside, in bounded memory; bad rows go to `problems`.

    Raises:
        UnknownName: a column of the schema is not there.
    """
    columns = find_columns(table.columns, schema.kind, text=schema.text, choices=schema.choices)
    return _examples(table, columns, problems)


@dataclass(frozen=True)
class _Drafts:
    """Examples whose labels are still cells."""

    table: Table
    columns: Columns
    rows: list[tuple[int, Example, Any]]  # line, example without label, cell of the label
    problems: Problems

    def examples(self, meaning: Meaning) -> list[Example]:
        """The examples with their labels, if there is no bad row."""
        labelled = []
        for line, draft, cell in self.rows:
            try:
                label = meaning.label(cell, draft.choices)
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
    kind: Kind,
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


def _meaning(drafts: _Drafts, kind: Kind, labels: LabelType, answers: AnswerRule | None) -> Meaning:
    """How the labels of a training file are to be read."""
    given = [(cell, draft.choices) for _, draft, cell in drafts.rows if not is_missing(cell)]
    if kind == "choice":
        return Meaning(answers=answers or find_answer_rule(given))
    if kind == "similarity" and labels == "auto":
        return Meaning(graded=are_scores(cell for cell, _ in given))
    return Meaning(graded=kind == "regression" or (kind == "similarity" and labels == "score"))
