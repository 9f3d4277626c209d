"""The bytes of a file as they are meant: decompressed, and as UTF-8, however the file holds them.

How a file is compressed, its first bytes say; that it is UTF-16 or UTF-32, its byte order mark.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, cast

from foretext.errors import DataError

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")  # endings behind the one that says what a file is
BLOCK = 1 << 20

_MARKS = {  # of UTF-32 first: that of its little-endian form begins as that of UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive, as Excel's and LibreOffice's workbooks are; unpack it, or save the table as CSV",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a workbook of an old Excel; save the table as CSV",
    b"%PDF-": "a PDF; give its text",
    b"version https://git-lfs.github.com/": "what Git LFS keeps in place of the file; fetch the file: git lfs pull",
}
_NO_TEXTS = {  # besides these, where a text belongs
    b"PAR1": "a Parquet file; name it .parquet",
    b"ARROW1": "a file of Arrow; write the table as Parquet",
    b"SQLite format 3\0": "a database of SQLite; write the table as CSV",
    b"7z\xbc\xaf\x27\x1c": "an archive of 7-Zip; unpack it",
    b"\x1f\x8b": "compressed twice; unpack it once",
    b"BZh9": "compressed twice; unpack it once",
    b"\xfd7zXZ\0": "compressed twice; unpack it once",
    b"\x28\xb5\x2f\xfd": "compressed twice; unpack it once",
}
_TAR, _TAR_AT = b"ustar", 257


def is_compressed(content: bytes) -> bool:
    """Whether what begins so is compressed."""
    return content.startswith(tuple(_OPENERS))


def decompressed(file: io.BufferedReader, name: str) -> io.BufferedReader:
    """What a file called `name` in messages holds, decompressed; `file` itself if it is not compressed.

    Raises:
        DataError: the compressed data are damaged or cut off, when that is reached; or it is an archive, a workbook.
    """
    start = file.peek(64)
    _refuse(start, _OTHER_FORMATS, name)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            opened = opener(file)
            return stream_of(_blocks(opened, name), of=opened)
    return file


def in_utf8(file: io.BufferedReader, name: str) -> io.BufferedReader:
    """The text of a file as UTF-8 without a byte order mark; without one, what the file holds, whatever it is.

    Half a surrogate pair becomes bytes that are not UTF-8, to be found as such; so does a last unit that is cut off.

    Raises:
        DataError: what is behind the mark is not what it promises; or it is a file of another kind.
    """
    start = file.peek(512)
    _refuse(start, _NO_TEXTS, name)
    if start[_TAR_AT:].startswith(_TAR):
        raise DataError(f"{name} is an archive of tar; unpack it")
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            file.read(len(mark))
            return file if encoding == "utf-8" else stream_of(_recoded(file, encoding, len(mark), name))
    return file


def _refuse(start: bytes, formats: Mapping[bytes, str], name: str) -> None:
    """Nothing, unless a file begins as one of `formats` does."""
    for magic, what in formats.items():
        if start.startswith(magic):
            raise DataError(f"{name} is {what}")


def nul_problem(data: bytes) -> str | None:
    """Why lines of a text are none, if there is a NUL among them, and what to do; places count from 1 in its line."""
    place = data.find(0)
    if place < 0:
        return None
    where = f"byte {place - data.rfind(10, 0, place):,} is NUL, which no text has"
    if encoding := _encoding_by_zeros(data[: 1 << 12]):
        return f"{where}; it looks like {encoding} without a byte order mark: iconv -f {encoding} -t UTF-8"
    return f"{where}; if it is a text all the same, take the NUL bytes out: tr -d '\\000'"


def _encoding_by_zeros(data: bytes) -> str | None:
    """What data most likely are by where their NUL bytes stand: half of each character of ASCII, or more."""
    zeros = data.count(0)
    if zeros < 2 or zeros * 50 < len(data):  # a single one may be anything
        return None
    if data[2::4].count(0) + data[3::4].count(0) >= len(data) // 2 - 1:
        return "UTF-32LE"
    return {data[1::2].count(0): "UTF-16LE", data[0::2].count(0): "UTF-16BE"}.get(zeros)


def legacy_reading(byte: int) -> str:
    """What a byte that is not UTF-8 most likely is, for messages: Windows wrote it, or an old Unix."""
    try:
        return f"{bytes([byte]).decode('cp1252')!r} in Windows-1252" + (" and Latin-1" if byte >= 0xA0 else "")
    except UnicodeDecodeError:
        return "nothing in Windows-1252 either"


def with_start(start: bytes, rest: io.BufferedReader) -> io.BufferedReader:
    """A stream of `start`, and of what is left of another."""
    return stream_of(chain([start], iter(lambda: rest.read1(BLOCK), b"")))


def stream_of(blocks: Iterable[bytes], *, of: Any = None) -> io.BufferedReader:
    """A stream of blocks of bytes, which cannot go back; what they come from, `of`, stays open as long as it does."""
    return io.BufferedReader(cast(Any, _Blocks(iter(blocks), of)), BLOCK)


class _Blocks(io.RawIOBase):
    """Blocks of bytes, read in whatever portions are asked for."""

    def __init__(self, blocks: Iterator[bytes], of: Any) -> None:
        self._blocks, self._of, self._held = blocks, of, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._held:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._held = memoryview(block)
        portion, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(portion)] = portion
        return len(portion)


def _blocks(file: Any, name: str) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK):
            yield block
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        raise DataError(f"{name}: the compressed data are damaged or cut off: {error}") from error


def _recoded(file: io.BufferedReader, encoding: str, position: int, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        while block := file.read(BLOCK):
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
            position += len(block)
    except UnicodeDecodeError as error:
        near = f"near byte {position + error.start + 1:,}"
        raise DataError(f"{name} begins as {encoding.upper()} and is not {near}; save it as UTF-8") from error
    if decoder.getstate()[0]:  # of the last unit a part is there
        yield b"\xff"


def _zstd(file: io.BufferedReader) -> Any:
    import pyarrow  # unlike zstandard's stream it notices when the file is cut off

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")


# How a compressed stream starts, and what decompresses it.
_OPENERS: dict[bytes, Callable[[io.BufferedReader], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
