"""A file that the page is given, to rows as `foretext predict` reads them. It stays in memory; its name opens none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from foretext.byte_streams import is_compressed
from foretext.errors import UsageError
from foretext.server.hosted import Hosted, chosen
from foretext.server.refusals import invalid
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import READ_ENDINGS, FileBytes, TableOptions, open_table
from foretext.tasks.reading import unlabelled

ENDINGS = tuple(ending for ending, format in READ_ENDINGS.items() if format != "parquet")


def rows_of(content: bytes, about: Mapping[str, str], hosted: Hosted) -> dict[str, Any]:
    """The rows that a model is to answer, and how they were read.

    `about` has the file's `name`, and may have the `model` and the `delimiter`.

    Raises:
        Refused: it cannot be read, lacks a column, or has one that answers would overwrite.
    """
    name = about.get("name", "")
    if PurePosixPath(name).suffix.lower() not in ENDINGS or is_compressed(content):
        raise invalid(f"the page reads plain files named {', '.join(ENDINGS)}; `foretext predict` others", "name")
    _, predictor = chosen(about.get("model"), hosted)
    schema, options = predictor.schema, TableOptions(delimiter=about.get("delimiter") or None)
    try:
        with open_table(FileBytes(name, content), options, problems=(problems := Problems(name, stop=True))) as table:
            rows = [row.values for row, _ in unlabelled(table, schema, problems)]
            columns, how = list(table.columns), table.how
    except UsageError as error:
        raise invalid(str(error), "body") from None
    answers = {"prediction", "probabilities", *(f"probability_{name}" for name in schema.labels.classes)}
    if taken := sorted(answers & set(columns)):
        raise invalid(f"{name} has a column {taken[0]!r} already; rename it, or answers would overwrite it", "body")
    return {"columns": columns, "rows": rows, "how": how}
