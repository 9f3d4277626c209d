"""Files become documents, one at a time: memory stays bounded whatever the size of the input.

A `.txt` file is one document; so is each line of a `.jsonl` file and each row of a Parquet file. A document longer than
`documents.LONGEST` is cut at line breaks into several. With the tokenizer's line-break piece between documents the ids
stay those of the whole in its mode `paper`, since a line break is where that mode cleans and splits the text anyway; in
the other modes a cut reads as one line break.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from foretext.byte_streams import in_utf8
from foretext.corpus import json_lines, parquet, plain_text
from foretext.corpus.documents import Document
from foretext.corpus.problems import Problems, Report, refuse
from foretext.corpus.sources import Source, find_sources, open_source


def read_documents(
    paths: Iterable[str | Path], *, field: str = "text", strict: bool = False, problems: Problems | None = None
) -> Iterator[Document]:
    """The documents of files, folders and standard input (`-`), in the order of `paths` and of the names in a folder.

    `field` is the key of the text in JSON lines and its column in Parquet. UTF-16 and UTF-32 are known by their byte
    order mark; a line break of Windows in a text file is one line break. Bytes that are not UTF-8 become U+FFFD;
    records without a text are left out; both are counted and named in `problems`, and with `strict` the first is an
    error. Blank lines between JSON lines mean nothing.

    Raises:
        DataError: a file is missing, of no known format, damaged or given twice, or has NUL bytes, as UTF-16 without a
            mark has; with `strict`, any problem.
        UnknownName: a Parquet file has no column `field`.
    """
    report = refuse if strict else (Problems() if problems is None else problems).add
    yield from read_sources(find_sources(paths, report), field=field, report=report)


def read_sources(sources: Iterable[Source], *, field: str, report: Report) -> Iterator[Document]:
    """The documents of files that `find_sources` found; see `read_documents`."""
    before = 0
    for source in sources:
        with open_source(source) as (stream, position):
            for document in _read(source, stream, field, report):
                yield replace(document, position=before + position())
        before += source.bytes or 0


def _read(source: Source, stream: io.BufferedReader, field: str, report: Report) -> Iterator[Document]:
    if source.format == "parquet":
        return parquet.read(stream, source.path, field, report)
    stream = in_utf8(stream, source.path)
    is_json = source.format == "jsonl" or (source.format is None and stream.peek(64).lstrip()[:1] == b"{")
    if is_json:
        return json_lines.read(stream, source.path, field, report)
    return plain_text.read(stream, source.path, report)
