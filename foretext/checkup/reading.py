"""Labelled files to facts, row by row: what stands in them, and what cannot be read, with bounded memory.

The kind of task and the form of its labels are seen in the first rows, as `finetune` sees them in all.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from foretext.checkup.finding import PLACES, Finding
from foretext.checkup.lines import Lines, lines_of
from foretext.checkup.rows import Gatherer, Part
from foretext.errors import DataError, SettingsError, UsageError
from foretext.tasks.examples import Example
from foretext.tasks.files.cells import CellError, answers_of, is_missing, texts_of
from foretext.tasks.files.columns import Columns, find_columns
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import Table, TableOptions, open_table, source_of
from foretext.tasks.guessing import guess_kind
from foretext.tasks.kinds import TaskKind, find_kind
from foretext.tasks.labelled import ExamplesSettings, LabelledData
from foretext.tasks.labels.form import LabelForm
from foretext.tasks.schema import TaskSchema, learn_schema

FIRST = 20_000  # rows from which the kind of task and the form of labels are seen


@dataclass(frozen=True)
class Read:
    """What was read: the parts, how they were understood, and what could not be read."""

    parts: tuple[Part, ...]  # training first
    schema: TaskSchema | None  # None where the labels teach nothing, which a finding says
    columns: Columns
    kind: TaskKind
    findings: tuple[Finding, ...]
    counts: Mapping[str, Mapping[str, int]]  # by file: rows read, rows refused
    sampled: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Task:
    """How rows are read."""

    kind: TaskKind
    columns: Columns
    form: LabelForm


def read_files(training: Sequence[Any], valid: Any, test: Any, settings: ExamplesSettings, *, sample: int) -> Read:
    """The facts of training files, read one behind the other, and of validation and test, where there are any.

    Raises:
        DataError: a file is missing or empty, or is no text.
        UnknownName, SettingsError: as in `foretext.tasks.reading.read_examples`.
    """
    options, findings = settings.file.options(), list[Finding]()
    counts: dict[str, Mapping[str, int]] = {}
    gatherer, places, task, partly = None, list[_Places](), None, False
    for data in training:
        with ExitStack() as stack:
            problems = Problems(source_of(data))
            table = stack.enter_context(open_table(data, options, problems=problems, ahead=FIRST))
            if task is None:
                task, rows, partly = _understood(table, settings)
            else:
                rows = table.rows
                _refuse_other_columns(table, task)
            if gatherer is None:
                gatherer = _gatherer("training", task, sample)
            before = gatherer.rows
            lines = _gather(gatherer, rows, table, task, problems)
        places.append(_Places(before, lines, problems))
        findings += _refused(problems, data, table, len(lines), counts)
    assert task is not None
    assert gatherer is not None
    part = gatherer.part(partial(_place, places))
    schema = _learned(part, task, settings, findings, counts)
    parts = [part]
    known = replace(task, form=schema.labels) if schema else task
    for name, data in (("validation", valid), ("test", test)):
        if data is not None:
            parts.append(_read_other(name, data, known, options, sample, findings, counts))
    noted = ("kind and labels were seen in the first 20,000 rows",) if partly else ()
    return Read(tuple(parts), schema, task.columns, task.kind, tuple(findings), counts, noted)


def read_given(data: LabelledData, *, tests: Mapping[str, Sequence[Example]] | None = None, sample: int) -> Read:
    """The same of examples that were read already; `tests` are further ones by the names of their parts."""
    schema, parts = data.schema, list[Part]()
    for name, examples in {"training": data.train, "validation": data.valid, **(tests or {})}.items():
        if examples:
            gatherer = Gatherer(name, schema.labels, (*schema.text, schema.label or ""), sample)
            for example in examples:
                gatherer.add(example, {})
            parts.append(gatherer.part(partial(_where, examples)))
    columns = Columns(schema.text, schema.choices, schema.label)
    counts = {part.name: _rows_of(part) for part in parts}
    return Read(tuple(parts), schema, columns, schema.task_kind, (), counts)


def _rows_of(part: Part) -> Mapping[str, int]:
    without = int((part.labels < 0).sum())
    return {"rows read": part.rows, **({"rows without a label": without} if without else {})}


def _where(examples: Sequence[Example], row: int) -> str:
    return examples[row].where or f"row {row + 1}"


@dataclass(frozen=True)
class _Places:
    """The rows of one file: the number of its first one in the part, the line of each."""

    first: int
    lines: Sequence[int]
    problems: Problems


def _place(places: Sequence[_Places], row: int) -> str:
    found = next(one for one in reversed(places) if one.first <= row)
    return found.problems.place(found.lines[row - found.first])


def _understood(table: Table, settings: ExamplesSettings) -> tuple[_Task, Iterator[Row], bool]:
    """How the rows of the first file are to be read, all its rows, and whether not all of them were looked at."""
    first = list(islice(table.rows, FIRST))
    text, choices, label = settings.text or table.nameless, settings.choices, settings.label
    said, seen = settings.label_options(), None
    if settings.kind is not None:
        kind = find_kind(settings.kind)
    else:
        guess = guess_kind(table.columns, first, text=text, choices=choices, label=label, labels=said)
        kind, seen = guess.kind, guess.label
    columns = find_columns(table.columns, kind, text=text, choices=choices, label=label, seen=seen)
    if columns.label is None:
        raise SettingsError(
            f"which column of {table.source} holds the label? Say --label NAME; there are: {', '.join(table.columns)}"
        )
    cells = [(row.values.get(columns.label), Example((), _answers(row, columns))) for row in first]
    labelled = [cell for cell in cells if not is_missing(cell[0])]
    form = kind.form(labelled, said, order=table.orders.get(columns.label, ()))
    return _Task(kind, columns, form), chain(first, table.rows), len(first) == FIRST


def _answers(row: Row, columns: Columns) -> tuple[str, ...]:
    try:
        return answers_of(row.values, columns.choices)
    except CellError:
        return ()


def _refuse_other_columns(table: Table, task: _Task) -> None:
    needed = [*task.columns.text, *task.columns.choices, task.columns.label]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DataError(
            f"{table.source} has no column {missing[0]!r}, which the first file has; "
            f"there are: {', '.join(table.columns)}"
        )


def _gatherer(name: str, task: _Task, sample: int) -> Gatherer:
    columns = task.columns
    return Gatherer(name, task.form, (*columns.text, columns.label or ""), sample)


def _gather(gatherer: Gatherer, rows: Iterator[Row], table: Table, task: _Task, problems: Problems) -> Sequence[int]:
    """Gathers the good rows, whose lines are the result; bad ones go to `problems`."""
    columns, lines = task.columns, array("q")
    has_label = columns.label in table.columns
    for row in rows:
        try:
            texts = texts_of(row.values, columns.text, words=task.kind.takes_words)
            example = Example(texts, answers_of(row.values, columns.choices))
            if has_label:
                cell = row.values.get(columns.label or "")
                example = Example(texts, example.choices, task.form.label(cell, example))
        except CellError as problem:
            problems.add(row.line, str(problem), column=problem.column)
            continue
        except ValueError as problem:
            problems.add(row.line, str(problem), column=columns.label)
            continue
        gatherer.add(example, row.values)
        lines.append(row.line)
    return lines


def _read_other(
    name: str,
    data: Any,
    task: _Task,
    options: TableOptions,
    sample: int,
    findings: list[Finding],
    counts: dict[str, Mapping[str, int]],
) -> Part:
    """A validation or test file, its labels read as those of training; without any column of labels too."""
    problems = Problems(source_of(data))
    with open_table(data, options, problems=problems, ahead=FIRST) as table:
        label = None if task.columns.label not in table.columns else task.columns.label
        find_columns(table.columns, task.kind, text=task.columns.text, choices=task.columns.choices, label=label)
        gatherer = _gatherer(name, task, sample)
        lines = _gather(gatherer, table.rows, table, task, problems)
    findings += _refused(problems, data, table, len(lines), counts)
    return gatherer.part(partial(_place, [_Places(0, lines, problems)]))


def _learned(
    part: Part,
    task: _Task,
    settings: ExamplesSettings,
    findings: list[Finding],
    counts: Mapping[str, Mapping[str, int]],
) -> TaskSchema | None:
    """The schema that the labels teach; what they cannot teach is a finding."""
    labels = [part.names[code] for code in part.labels if code >= 0]
    examples = [Example(("",) * len(task.columns.text), label=label) for label in labels]
    try:
        schema = learn_schema(
            examples,
            kind=task.kind,
            columns=task.columns,
            form=task.form,
            options=settings.label_options(),
            metric=settings.metric,
            source=" and ".join(counts),
        )
    except UsageError as error:
        says = "the labels teach nothing: there are fewer than two different ones, or one for each row"
        findings.append(Finding("labels", "unusable", says, {"rows": part.rows}, (), (str(error),)))
        return None
    return settings.as_read(schema)


def _refused(
    problems: Problems, data: Any, table: Table, read: int, counts: dict[str, Mapping[str, int]]
) -> list[Finding]:
    """What could not be read of a file."""
    counts[problems.source] = {"rows read": read, "rows refused": problems.rows}
    if not problems.count:
        return []
    says = "rows cannot be read; `finetune` refuses the file until they are mended"
    if problems.rows > problems.count:
        says += ". A quotation mark that is not closed takes the rows behind it along"
    count = {"rows refused": problems.rows, "problems": problems.count}
    places, messages = zip(*problems.named(), strict=True)
    found = [Finding("rows", "unusable", says, count, places, messages)]
    lines = lines_of(data) if table.format != "parquet" and not table.in_memory else None
    if lines and lines.not_utf8:
        found.append(_not_utf8(lines, problems.source))
    return found


def _not_utf8(lines: Lines, source: str) -> Finding:
    """What is not UTF-8 of a file, and how much of it is; in which encoding it is instead is not guessed."""
    bad = len(lines.not_utf8)
    says = (
        f"lines that are not UTF-8; the first such byte is 0x{lines.byte:02X} behind {lines.offset:,} bytes. "
        f"{1 - bad / max(lines.count, 1):.1%} of the lines are UTF-8; save the file as UTF-8"
    )
    if lines.beyond_ascii:
        says += ". Other lines with characters beyond ASCII are UTF-8: the encodings are mixed"
    counts = {"lines that are not UTF-8": bad, "UTF-8 beyond ASCII": lines.beyond_ascii, "lines": lines.count}
    places = tuple(f"{source}:{line}" for line in lines.not_utf8[:PLACES])
    return Finding("encoding", "unusable", says, counts, places)
