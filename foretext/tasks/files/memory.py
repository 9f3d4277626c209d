"""Examples that are in memory to rows: lists, tables of pandas, polars or pyarrow, Hugging Face's `datasets`.

A table is known by what it can do, so none of these libraries is imported here.

    [{"text": "a", "label": "x"}, …]          mappings from columns to cells
    [("a", "x"), …]                           text, or several, then the label; behind the texts of a choice its answers
    [Example(("a",), label="x"), …]           examples
    {"text": ["a", …], "label": ["x", …]}     columns
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.problems import Problems
from foretext.texts.showing import in_one_line, shown

GIVEN = "the examples"  # what messages call them
ANSWERS, LABEL = "answers", "label"  # what these are called where nothing has a name


def read_given(
    data: Any, problems: Problems, ahead: int | None
) -> tuple[tuple[str, ...], tuple[str, ...], Iterator[Row]]:
    """The columns of labelled examples in memory, which of them are texts without a name, and rows, counted from 1.

    The columns are those of the first `ahead` rows, None for all of them; bad rows go to `problems`.

    Raises:
        DataError: there are none, or they are nothing that has rows.
    """
    problems.unit = "row"
    nameless = dict[str, None]()
    rows = _rows(values_of(data), problems, nameless)
    first = list(islice(rows, ahead))
    if not first:
        problems.check()
        raise DataError(f"{GIVEN} are none: there is no row")
    columns = dict.fromkeys(name for row in first for name in row.values)
    return tuple(columns), tuple(nameless), chain(first, rows)


def values_of(data: Any) -> Iterator[Any]:
    """The examples of whatever holds some: a mapping each from a table, else what the list or stream has.

    Cells and texts that are numpy's or pandas' become Python's.

    Raises:
        DataError: it is one text or one example, or nothing that holds examples.
    """
    if _is_array(data) and not getattr(data, "ndim", 1):
        data = data.tolist()
    if isinstance(data, str | bytes):
        raise DataError(f"{data!r:.60} is one text; give a list of examples: [{data!r:.30}]")
    if isinstance(data, Example):
        raise DataError("this is one example; give a list of them: [example]")
    columns = getattr(data, "column_names", None)
    if isinstance(columns, Mapping):
        raise DataError(f"these are several datasets; give one of them: data[{next(iter(columns), 'train')!r}]")
    if columns is not None and hasattr(data, "features"):
        return _of_dataset(data)
    if isinstance(data, Mapping):
        return _of_columns(data)
    return _of_table(data)


def _rows(values: Iterable[Any], problems: Problems, nameless: dict[str, None]) -> Iterator[Row]:
    """The rows; what texts are called here that have no names is noted in `nameless`."""
    for number, value in enumerate(values, start=1):
        try:
            cells = _by_column(value)
        except ValueError as problem:
            problems.add(number, str(problem))
            continue
        if not isinstance(value, Mapping):
            nameless.update(dict.fromkeys(name for name in cells if name not in (ANSWERS, LABEL)))
        yield Row(cells, number)


def _by_column(value: Any) -> dict[str, Any]:
    """A labelled example as cells by column; a `ValueError` says why it is none."""
    if isinstance(value, Mapping):
        return {str(name): plain(cell) for name, cell in value.items()}
    if isinstance(value, Example):
        answers = [list(value.choices)] if value.choices else []
        value = (*value.texts, *answers, value.label)
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) < 2:
        raise ValueError(f"{shown(repr(value), 60)} is no example with a label: a mapping, or a text and a label")
    *fields, label = map(plain, value)
    listed = {ANSWERS: fields.pop()} if len(fields) > 1 and not isinstance(fields[-1], str) else {}
    return {**dict(zip(_names(len(fields), bool(listed)), fields, strict=True)), **listed, LABEL: label}


def _names(texts: int, has_answers: bool) -> list[str]:
    """What the columns of texts are called that have no names, so that they are known for what they are."""
    if has_answers and texts <= 2:
        return ["document", "question"][2 - texts :]
    return ["text"] if texts == 1 else [f"text{number}" for number in range(1, texts + 1)]


def _of_columns(data: Mapping[str, Any]) -> Iterator[Any]:
    """The rows of a mapping from names to columns of one length."""
    columns: dict[str, Any] = {name: plain(column) for name, column in data.items()}
    listed = [column for column in columns.values() if isinstance(column, list | tuple)]
    if not columns or len(listed) < len(columns):
        raise DataError("this mapping is one example, or holds several tables; give a list of examples, or one table")
    lengths = set(map(len, listed))
    if len(lengths) > 1:
        found = ", ".join(f"{name} {len(column)}" for name, column in zip(columns, listed, strict=True))
        raise DataError(f"{GIVEN} have columns of different lengths: {found}")
    return (dict(zip(columns, map(plain, cells), strict=True)) for cells in zip(*listed, strict=True))


def _of_dataset(data: Any) -> Iterator[Any]:
    """The rows of a Hugging Face dataset, numbers of classes as their names."""
    named = {name: _namer(feature) for name, feature in (data.features or {}).items()}
    return ({name: named.get(name, plain)(cell) for name, cell in row.items()} for row in data)


def _namer(feature: Any) -> Callable[[Any], Any]:
    """What makes a cell of a dataset's column: the name of a class, or a list of them, else what it is."""
    inner = getattr(feature, "feature", None)
    if inner is not None and getattr(inner, "names", None):
        return lambda cell: None if cell is None else [_class_of(inner.names, one) for one in plain(cell)]
    if getattr(feature, "names", None):
        return lambda cell: _class_of(feature.names, plain(cell))
    return plain


def _class_of(names: Sequence[str], number: Any) -> Any:
    """The name of a class; -1 stands for none."""
    if not isinstance(number, int):
        return number
    return names[number] if 0 <= number < len(names) else None


def _of_table(data: Any) -> Iterator[Any]:
    """The rows of a table or of a column of one, else what can be gone through."""
    import narwhals

    try:
        native = narwhals.from_native(data, pass_through=True, allow_series=True)
    except narwhals.exceptions.DuplicateError as error:
        raise DataError(f"{GIVEN} have two columns of one name; rename one: {in_one_line(error)}") from None
    if isinstance(native, narwhals.LazyFrame):
        native = native.collect()
    if isinstance(native, narwhals.DataFrame):
        columns = [str(name) for name in native.columns]
        return _held(dict(zip(columns, map(plain, row), strict=True)) for row in native.iter_rows())
    if isinstance(native, narwhals.Series):
        return _held(plain(cell) for column in [native] for cell in column.to_list())
    if hasattr(data, "to_pylist") or hasattr(
        data, "read_next_batch"
    ):  # an array or a batch of Arrow's; a stream of such
        parts = data if hasattr(data, "read_next_batch") else [data]
        return _held(row for part in parts for row in part.to_pylist())
    if not isinstance(data, Iterable) or not hasattr(data, "__iter__"):
        raise DataError(f"{shown(repr(data), 60)} holds no examples; give a list of them or a table")
    return map(plain, plain(data))


def _held(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows, as far as Python can hold their cells; the first that it cannot is a `DataError`."""
    number = 0
    try:
        for number, row in enumerate(rows, start=1):  # noqa: B007
            yield row
    except (ValueError, OverflowError) as error:
        why = in_one_line(error)
        raise DataError(f"{GIVEN} have a cell that Python cannot hold, behind row {number:,}: {why}") from error


def orders_of(data: Any) -> dict[str, tuple[str, ...]]:
    """The order of the names in each column of a table that has one: an ordered categorical of pandas, an Enum."""
    import narwhals

    native = narwhals.from_native(data, pass_through=True, allow_series=True)
    if not isinstance(native, narwhals.DataFrame | narwhals.LazyFrame):
        return {}
    kinds = dict(native.collect_schema())
    return {name: tuple(map(str, kind.categories)) for name, kind in kinds.items() if isinstance(kind, narwhals.Enum)}


def plain(cell: Any) -> Any:
    """`cell` as Python has it: arrays as lists, numbers of numpy as numbers, pandas' marks for nothing as None."""
    if type(cell).__name__ in ("NAType", "NaTType"):
        return None
    return cell.tolist() if _is_array(cell) else cell


def _is_array(value: Any) -> bool:
    """Whether it is an array or a number of numpy's, or of a library that follows it."""
    return hasattr(value, "tolist") and hasattr(value, "dtype")
