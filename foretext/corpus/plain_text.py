"""A text file is one document, handed on in pieces as soon as it proves too long for one."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from foretext.corpus import documents
from foretext.corpus.documents import BAD_BYTES, Document, bad_byte, pieces, refuse_nul
from foretext.corpus.problems import Report

_BLOCK = 1 << 20


def read(stream: io.BufferedReader, path: str, report: Report) -> Iterator[Document]:
    """The one document of a text, or its pieces."""
    waiting, number = "", 0
    for block in _decoded(stream, path, report):
        waiting += block
        if "\r" in waiting:
            waiting = waiting.replace("\r\n", "\n")
        *complete, waiting = pieces(waiting, documents.LONGEST)
        for piece in complete:
            number += 1
            yield Document(piece, path, number)
    yield Document(waiting, path, number + 1 if number else 0)


def _decoded(stream: io.BufferedReader, path: str, report: Report) -> Iterator[str]:
    """The characters of a stream, in blocks that end with a line unless the line is very long."""
    line, rest = 1, b""
    while block := stream.read(_BLOCK):
        data = rest + block + stream.readline(_BLOCK)
        refuse_nul(data, path, line)
        try:
            text, used = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            _report_lines(data, path, line, report)
            text, used = codecs.utf_8_decode(data, "replace", False)
        yield text
        rest = data[used:]  # a character of which only the beginning is read
        line += data.count(b"\n")
    if rest:
        yield documents.decode(rest, f"{path}:{line}", report)


def _report_lines(data: bytes, path: str, first: int, report: Report) -> None:
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=first):
        is_whole = number - first < len(lines) - 1  # of the last one the rest may be still to be read
        try:
            codecs.utf_8_decode(line, "strict", is_whole)
        except UnicodeDecodeError as error:
            report(BAD_BYTES, f"{path}:{number}", bad_byte(line, error.start))
