"""JSON lines: each line is an object, and one of its fields a document."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from foretext.corpus.documents import BAD_RECORD, Document, cut, decode, refuse_nul, without_half_characters
from foretext.corpus.problems import Report

LONGEST_LINE = 1 << 28  # bytes
_BLOCK = 1 << 20


def read(stream: io.BufferedReader, path: str, field: str, report: Report) -> Iterator[Document]:
    """The document in each line; blank lines mean nothing, other lines without a text are reported."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        where = f"{path}:{number}"
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            report(BAD_RECORD, where, f"the line is longer than {LONGEST_LINE:,} bytes")
            _skip_line(stream)
        elif line.strip():
            refuse_nul(line, path, number)
            text = _text(decode(line, where, report), field, where, report)
            if text is not None:
                yield from cut(without_half_characters(text, where, report), where)


def _skip_line(stream: io.BufferedReader) -> None:
    while (part := stream.readline(_BLOCK)) and not part.endswith(b"\n"):
        pass


def _text(line: str, field: str, where: str, report: Report) -> str | None:
    """The text in one line; None, and a report, if there is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        report(BAD_RECORD, where, f"not JSON: {error}")
        return None
    if not isinstance(record, dict):
        report(BAD_RECORD, where, f"not a JSON object but {_kind(record)}")
    elif field not in record:
        report(BAD_RECORD, where, f"no field {field!r}; there are: {', '.join(map(repr, record)) or 'none'}")
    elif not isinstance(record[field], str):
        report(BAD_RECORD, where, f"field {field!r} is not text but {_kind(record[field])}")
    else:
        return str(record[field])
    return None


def _kind(value: object) -> str:
    """What JSON calls a value."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
