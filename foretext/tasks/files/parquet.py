"""Parquet to rows and back, a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from foretext.errors import DataError
from foretext.tasks.files.delimited import Row

ROWS_AT_ONCE = 1_024


def open_parquet(file: BinaryIO, source: str) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The columns of a Parquet file, and its rows, counted from 1.

    Raises:
        DataError: it is not a whole Parquet file, or two of its columns have one name.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source} is not a whole Parquet file: {error}") from error
    columns = tuple(opened.schema_arrow.names)
    if len(set(columns)) < len(columns):
        raise DataError(f"{source} has two columns of one name: {', '.join(columns)}")
    if not opened.metadata.num_rows:
        raise DataError(f"{source} is empty: it holds no row")
    return columns, _rows(opened, source)


def _rows(opened: Any, source: str) -> Iterator[Row]:
    import pyarrow

    number = 0
    try:
        for batch in opened.iter_batches(ROWS_AT_ONCE):
            for values in batch.to_pylist():
                number += 1
                yield Row({name: _text_of_bytes(cell) for name, cell in values.items()}, number)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source} is damaged behind row {number}: {error}") from error


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
    except pyarrow.ArrowException as error:
        raise DataError(f"{where} do not fit one type a column: {error}; write .jsonl instead") from error
