"""Examples to answer, as Python gives them: the cells of each are read as those of a file are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.cells import CellError, answers_of, texts_of, type_in_words
from foretext.tasks.files.memory import GIVEN, plain, values_of
from foretext.tasks.files.problems import Problems, counted
from foretext.tasks.files.tables import TableOptions, is_path, open_table, source_of
from foretext.tasks.reading import unlabelled
from foretext.tasks.schema import TaskSchema
from foretext.texts.showing import shown


def examples_given(data: Any, schema: TaskSchema) -> Iterator[Example]:
    """The examples of a list, a stream or a table, one after the other, labels left aside.

    Each is a text, a sequence of texts (for choice the texts, then the list of answers), a mapping from the columns
    of training to cells, or an `Example`.

    Raises:
        DataError: it is no list, or an example lacks what the task needs; its place is named, counted from 1.
    """
    problems = Problems(GIVEN, stop=True)
    problems.unit = "row"
    if _is_row(data, schema):
        raise DataError("this is one row of a table; give a table, such as data.to_frame().T, or a list: [dict(data)]")
    for number, value in enumerate(values_of(data), start=1):
        try:
            yield example_given(value, schema)
        except CellError as problem:
            problems.add(number, str(problem), column=problem.column)
        except ValueError as problem:
            problems.add(number, str(problem))


def examples_to_answer(data: Any, schema: TaskSchema, options: TableOptions | None = None) -> Iterator[Example]:
    """The same, of a file too where `data` is a path.

    Raises:
        UnknownName: the file lacks a column of the schema.
    """
    if not is_path(data):
        yield from examples_given(data, schema)
        return
    problems = Problems(source_of(data), stop=True)
    with open_table(data, options, problems=problems) as table:
        yield from (example for _, example in unlabelled(table, schema, problems))


def _is_row(data: Any, schema: TaskSchema) -> bool:
    """Whether it is what pandas gives for a row: a column of its cells, which are called by the names of columns."""
    names = getattr(data, "keys", None)
    return getattr(data, "ndim", 0) == 1 and callable(names) and set(schema.text) <= set(names())


def example_given(value: Any, schema: TaskSchema) -> Example:
    """One of these examples.

    Raises:
        ValueError: it lacks what the task needs; a `CellError` names the column.
    """
    if isinstance(value, Example):
        return _checked(value, schema)
    row = value if isinstance(value, Mapping) else _by_column(value, schema)
    missing = [name for name in (*schema.text, *schema.choices[:2]) if name not in row]
    if missing:
        there = ", ".join(map(repr, row)) or "nothing"
        raise ValueError(f"the columns {', '.join(map(repr, missing))} are missing; there are: {there}")
    cells = {name: plain(cell) for name, cell in row.items()}
    return Example(texts_of(cells, schema.text, words=schema.task_kind.takes_words), answers_of(cells, schema.choices))


def _checked(example: Example, schema: TaskSchema) -> Example:
    if len(example.texts) != len(schema.text):
        raise ValueError(f"the model reads {schema.what_is_read}; given: {len(example.texts)}")
    if schema.task_kind.has_answers and len(example.choices) < 2:
        raise ValueError(f"{counted(len(example.choices), 'answer')}, but there must be two or more to choose among")
    return example


def _by_column(value: Any, schema: TaskSchema) -> dict[str, Any]:
    """A text, or texts and answers in their order, by the columns of training."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        fields = list(value)
    elif isinstance(value, str) or len(schema.text) == 1:
        fields = [value]
    else:
        raise ValueError(f"{shown(repr(value), 60)} is {type_in_words(value)}, not an example")
    answers = {}
    if schema.choices:
        if len(fields) < 2 or isinstance(fields[-1], str):
            raise ValueError(f"a choice needs its list of answers behind the texts; given: {shown(repr(value), 60)}")
        answers = _answers(fields.pop(), schema.choices)
    if len(fields) != len(schema.text):
        raise ValueError(f"the model reads {schema.what_is_read}; given: {shown(repr(value), 60)}")
    return {**dict(zip(schema.text, fields, strict=True)), **answers}


def _answers(given: Any, columns: Sequence[str]) -> dict[str, Any]:
    if len(columns) == 1 or not isinstance(given, Sequence):
        return {columns[0]: given}
    if len(given) > len(columns):
        raise ValueError(f"{len(given)} answers; in training there were {len(columns)} at most")
    return dict(zip(columns, [*given, *[None] * (len(columns) - len(given))], strict=True))
