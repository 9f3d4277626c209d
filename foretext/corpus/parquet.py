"""Parquet: each row is a record, and one of its columns holds the documents."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from foretext.corpus.documents import BAD_RECORD, Document, cut, decode
from foretext.corpus.problems import Report
from foretext.errors import DataError, UnknownName
from foretext.texts.showing import in_one_line

_ROWS = 64  # decoded at a time, since a row may be a whole book


def read(stream: io.BufferedReader, path: str, field: str, report: Report) -> Iterator[Document]:
    """The document in each row; rows without a text are reported.

    Raises:
        DataError: the file is no Parquet, or damaged, or the column is not of text.
        UnknownName: there is no column `field`.
    """
    import pyarrow

    try:
        number = 0
        for batch in _column(stream, path, field):
            for value in batch:
                number += 1
                where = f"{path}:{number}"
                if not value.is_valid:
                    report(BAD_RECORD, where, f"column {field!r} is null")
                else:
                    yield from cut(decode(value.as_py(), where, report), where)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is no Parquet file or is damaged: {in_one_line(error)}") from error


def _column(stream: io.BufferedReader, path: str, field: str) -> Iterator[Any]:
    """The bytes of one column, a few rows at a time."""
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(stream)
    schema = file.schema_arrow
    if field not in schema.names:
        raise UnknownName("column", field, schema.names, f"({path})")
    kind = schema.field(field).type
    kind = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    types = pyarrow.types
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
        raise DataError(f"{path}: column {field!r} is not text but {kind}; choose another with --field")
    for batch in file.iter_batches(batch_size=_ROWS, columns=[field]):
        yield batch.column(0).cast(kind).cast(pyarrow.large_binary())
