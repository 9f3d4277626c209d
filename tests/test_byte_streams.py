from __future__ import annotations

import codecs
import io

import pytest

from foretext.byte_streams import in_utf8, nul_problem, stream_of, with_start
from foretext.errors import DataError

TEXT = "text,label\nЗдравствуй 三天 🙂,schön\n"
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def stream(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


@pytest.mark.parametrize("encoding", MARKED)
def test_a_text_with_a_byte_order_mark_is_read_in_its_encoding_without_the_mark(encoding):
    data = MARKED[encoding] + TEXT.encode(encoding)
    assert in_utf8(stream(data), "a").read() == TEXT.encode()


def test_a_text_without_a_mark_stays_as_it_is():
    assert in_utf8(stream(TEXT.encode()), "a").read() == TEXT.encode()
    assert in_utf8(stream(b""), "a").read() == b""


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("broken", ["cut", "half"])
def test_what_is_broken_in_utf16_is_no_utf8_either(encoding, broken):
    data = MARKED[encoding] + "ab\ud800c".encode(encoding, "surrogatepass") if broken == "half" else b""
    data = data or MARKED[encoding] + "ab".encode(encoding) + b"c"
    with pytest.raises(UnicodeDecodeError):
        in_utf8(stream(data), "a").read().decode()


def test_a_mark_that_promises_what_does_not_follow_is_an_error_that_names_the_place():
    with pytest.raises(DataError, match=r"a\.txt begins as UTF-32-LE and is not near byte 5"):
        in_utf8(stream(codecs.BOM_UTF32_LE + b"abcdefgh"), "a.txt").read()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("Здравствуй мир\n".encode("utf-16-le"), "looks like UTF-16LE"),
        ("The cat\n".encode("utf-16-le"), "looks like UTF-16LE"),
        ("The cat\n".encode("utf-16-be"), "looks like UTF-16BE"),
        ("The cat\n".encode("utf-32-le"), "looks like UTF-32LE"),
        (b"a" * 200 + b"\0b", "byte 201 is NUL, which no text has; if it is a text all the same"),
        (b"a line\nab\0c" + b"d" * 200, "byte 3 is NUL"),
    ],
)
def test_nul_bytes_are_named_with_what_they_look_like(data, said):
    assert said in (nul_problem(data) or "")


def test_a_text_without_nul_bytes_has_no_such_problem():
    assert nul_problem(TEXT.encode()) is None


def test_a_stream_of_blocks_is_read_in_any_portions():
    assert [stream_of([b"ab", b"", b"cde"]).read(2), stream_of([b"ab", b"", b"cde"]).read()] == [b"ab", b"abcde"]
    file = stream(b"first\nsecond\nthird")
    assert with_start(file.readline(), file).readlines() == [b"first\n", b"second\n", b"third"]
