"""Parquet to rows and back, a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, cast

from foretext.errors import DataError
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.problems import Problems, byte_problem
from foretext.texts.showing import in_one_line

ROWS_AT_ONCE = 1_024


def open_parquet(file: BinaryIO, problems: Problems) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The columns of a Parquet file, and its good rows, counted from 1; the bad ones go to `problems`.

    Raises:
        DataError: it is not a whole Parquet file, or two of its columns have one name.
    """
    import pyarrow
    from pyarrow import parquet

    source = problems.source
    try:
        opened = parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source} is not a whole Parquet file: {in_one_line(error)}") from error
    columns = tuple(opened.schema_arrow.names)
    if len(set(columns)) < len(columns):
        raise DataError(f"{source} has two columns of one name: {', '.join(columns)}")
    if not opened.metadata.num_rows:
        raise DataError(f"{source} is empty: it holds no row")
    return columns, _rows(opened, problems)


def _rows(opened: Any, problems: Problems) -> Iterator[Row]:
    import pyarrow

    number = 0
    try:
        for batch in opened.iter_batches(ROWS_AT_ONCE):
            for values in _values(batch, number, problems):
                number += 1
                if values is not None:
                    yield Row({name: _text_of_bytes(cell) for name, cell in values.items()}, number)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{problems.source} is damaged behind row {number}: {in_one_line(error)}") from error


def _values(batch: Any, before: int, problems: Problems) -> Sequence[dict[str, Any] | None]:
    """The rows of a batch, `before` rows into the file; None for one that is a problem."""
    import pyarrow

    try:
        return cast("list[dict[str, Any] | None]", batch.to_pylist())
    except (pyarrow.ArrowException, ValueError, OverflowError):
        return [_row(batch, place, before + place + 1, problems) for place in range(len(batch))]


def _row(batch: Any, place: int, number: int, problems: Problems) -> dict[str, Any] | None:
    """One row of a batch, cell by cell; None where Python cannot hold one of them, which is a problem."""
    import pyarrow

    values = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values[name] = column[place].as_py()
        except UnicodeDecodeError as error:
            problems.add(number, byte_problem(error), column=name)
            return None
        except (pyarrow.ArrowException, ValueError, OverflowError) as error:
            problems.add(number, f"a value of type {column.type} is not to be read: {in_one_line(error)}", column=name)
            return None
    return values


def _text_of_bytes(cell: Any) -> Any:
    """A cell; one of bytes as the text it is in UTF-8, since some programs do not say of a column that it is text."""
    if not isinstance(cell, bytes):
        return cell
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell


def write_parquet(file: BinaryIO, rows: Iterable[Mapping[str, Any]], target: str) -> int:
    """Writes `rows`, all of the same columns, and returns how many; types are those of the first thousand.

    Raises:
        DataError: a later row does not fit these types.
    """
    from pyarrow import parquet

    source, count, writer = iter(rows), 0, None
    try:
        while part := list(islice(source, ROWS_AT_ONCE)):
            table = _table(part, writer.schema if writer else None, f"{target}: rows {count + 1:,} and on")
            writer = writer or parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
            count += len(part)
    finally:
        if writer:
            writer.close()
    return count


def _table(rows: list[Mapping[str, Any]], schema: Any, where: str) -> Any:
    import pyarrow

    try:
        return pyarrow.Table.from_pylist([dict(row) for row in rows], schema=schema)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: a cell holds half a surrogate pair, which only .jsonl can: {error.object!a}"
        ) from None
    except (pyarrow.ArrowException, OverflowError) as error:
        why = in_one_line(error)
        raise DataError(f"{where} do not fit one type a column: {why}; write .jsonl instead") from error
