"""A document, and what has to be done to a text before it may be one: cut if it is too long, mended if it is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from foretext.byte_streams import legacy_reading, nul_problem
from foretext.corpus.problems import Report
from foretext.errors import DataError

LONGEST = 1 << 22  # characters; the longest novels have 3.3 million

BAD_BYTES = "line with bytes that are not UTF-8 (replaced)"
BAD_RECORD = "record without a text (left out)"
HALF_CHARACTER = "record with half a character (replaced)"

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_LINE_BREAK_IN_PARAGRAPH = re.compile(r"(?<=\S)[^\S\n]*\r?\n[^\S\n]*(?=\S)")


@dataclass(frozen=True)
class Document:
    """One text, where it comes from (a file, or file:line), and its number if it is a piece of a longer one, from 1.

    `position` is how many bytes of the whole input, as it lies on the disk, were read when this document was complete.
    """

    text: str
    where: str
    piece: int = 0
    position: int = 0


def pieces(text: str, longest: int = LONGEST) -> Iterator[str]:
    """`text` in pieces of at most `longest` characters, cut between paragraphs, else between lines, words or anywhere.

    The line breaks or the space of a cut belong to neither piece. Where a cut falls depends on nothing behind it, so a
    text may be cut while it is being read.
    """
    start = 0
    while len(text) - start > longest:
        end = start + longest
        stop, skipped = _last_gap(text, start + 1, end)
        yield text[start:stop]
        start = stop + skipped
    yield text[start:]


def _last_gap(text: str, low: int, high: int) -> tuple[int, int]:
    """Where the best gap between `low` and `high` starts, and its length; `high` and 0 if there is none."""
    for gap in ("\n\n", "\n", " "):
        if (found := text.rfind(gap, low, high + 1)) >= 0:
            return found, len(gap)
    return high, 0


def one_line_a_paragraph(text: str) -> str:
    """`text` with a space for each single line break: books wrapped at a column flow again.

    "It was\\na dark night.\\n\\nRain fell."    becomes    "It was a dark night.\\n\\nRain fell."
    """
    return _LINE_BREAK_IN_PARAGRAPH.sub(" ", text)


def cut(text: str, where: str) -> Iterator[Document]:
    """One document, or as many as it takes to have none longer than `LONGEST`."""
    if len(text) <= LONGEST:
        yield Document(text, where)
        return
    for number, piece in enumerate(pieces(text, LONGEST), start=1):
        yield Document(piece, where, piece=number)


def refuse_nul(data: bytes, path: str, line: int) -> None:
    """Nothing if there is no NUL among the lines of a file, of which `line` is the first.

    Raises:
        DataError: there is one; it is no text, or one in another encoding.
    """
    if problem := nul_problem(data):
        raise DataError(f"{path}:{line + data.count(10, 0, data.index(0))}: {problem}")


def bad_byte(data: bytes, place: int) -> str:
    """What to say of a byte of a line that is not UTF-8."""
    return f"byte {place + 1} is 0x{data[place]:02x}, which is not UTF-8 there ({legacy_reading(data[place])})"


def decode(data: bytes, where: str, report: Report) -> str:
    """The characters of UTF-8; what is not UTF-8 is reported and becomes U+FFFD."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        report(BAD_BYTES, where, bad_byte(data, error.start))
        return data.decode(errors="replace")


def without_half_characters(text: str, where: str, report: Report) -> str:
    """`text` that UTF-8 can hold: halves of surrogate pairs, which JSON may spell, are reported and become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        report(HALF_CHARACTER, where, f"half of a surrogate pair, \\u{ord(text[error.start]):04x}")
        return _HALF_CHARACTER.sub("\ufffd", text)
    return text
