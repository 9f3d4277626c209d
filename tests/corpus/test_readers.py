"""Files of every format become documents, and what is wrong in them is counted and named."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from foretext.corpus import Problems, documents, json_lines, plain_text, read_documents
from foretext.errors import DataError, UnknownName

TEXTS = ["One day.\nIt rained.", "Zwei Tage: schön.", "三天"]
LINES = "".join(json.dumps({"text": text, "id": index}) + "\n" for index, text in enumerate(TEXTS)).encode()
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pyarrow.Codec("zstd").compress(data, asbytes=True),
}


def texts(*paths: str | Path, **options: Any) -> list[str]:
    return [document.text for document in read_documents(paths, **options)]


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Gives these bytes on standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(data))))

    return give


@pytest.mark.parametrize("ending", COMPRESS)
def test_json_lines_give_a_document_a_line_however_they_are_compressed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(COMPRESS[ending](LINES))
    assert texts(path) == TEXTS


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_text_file_is_one_document_however_it_is_compressed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.txt{ending}"
    path.write_bytes(COMPRESS[ending](TEXTS[0].encode()))
    assert texts(path) == [TEXTS[0]]


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_several_compressed_streams_end_to_end_are_read_as_one(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(COMPRESS[ending](LINES) * 2)
    assert texts(path) == TEXTS * 2


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_a_compressed_file_that_is_cut_off_is_an_error(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(COMPRESS[ending](LINES)[:-9])
    with pytest.raises(DataError, match=r"a\.jsonl"):
        texts(path)


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()])
def test_a_parquet_column_gives_a_document_a_row(tmp_path: Path, kind: pyarrow.DataType) -> None:
    table = pyarrow.table({"id": [1, 2, 3], "body": pyarrow.array(TEXTS, kind)})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet", field="body") == TEXTS


def test_a_parquet_column_with_a_dictionary_is_text_too(tmp_path: Path) -> None:
    table = pyarrow.table({"text": pyarrow.array(TEXTS * 2).dictionary_encode()})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet") == TEXTS * 2


def test_a_folder_gives_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/y.txt", ".hidden/x.txt", ".w.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert texts(tmp_path) == ["b.txt", "a/y.txt", "a/z.txt"]


def test_a_file_of_a_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.pdf").write_text("b")
    problems = Problems()
    assert texts(tmp_path, problems=problems) == ["a"]
    assert problems.counts == {"file of an unknown format": 1}
    assert "b.pdf" in problems.first[0]


def test_a_linked_folder_is_reported_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.txt").write_text("b")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "a.txt").write_text("a")
    (tmp_path / "books" / "more").symlink_to(tmp_path / "elsewhere")
    problems = Problems()
    assert texts(tmp_path / "books", problems=problems) == ["a"]
    assert problems.counts == {"linked folder": 1}
    assert problems.first == [f"{tmp_path / 'books' / 'more'}: not followed; to have it read, name it itself"]
    assert texts(tmp_path / "books", tmp_path / "books" / "more") == ["a", "b"]
    with pytest.raises(DataError, match="not followed"):
        texts(tmp_path / "books", strict=True)


def test_a_folder_in_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root may read a folder whatever its mode
    with pytest.raises(DataError, match=r"closed cannot be read: Permission denied"):
        texts(tmp_path)


def test_formats_may_be_mixed(tmp_path: Path, standard_input: Callable[[bytes], None]) -> None:
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b.jsonl").write_bytes(LINES)
    standard_input(b"last")
    assert texts(tmp_path / "b.jsonl", tmp_path / "a.txt", "-") == [*TEXTS, "first", "last"]


def test_standard_input_that_starts_with_a_brace_is_json_lines(standard_input: Callable[[bytes], None]) -> None:
    standard_input(lzma.compress(b"\n" + LINES))
    assert texts("-") == TEXTS


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8-sig")
    (tmp_path / "a.jsonl").write_text('{"text": "json"}', encoding="utf-8-sig")
    assert texts(tmp_path / "a.txt", tmp_path / "a.jsonl") == ["text", "json"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "-"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_how_a_text_is_encoded(
    tmp_path: Path, standard_input: Callable[[bytes], None], name: str, encoding: str
) -> None:
    data = (LINES.decode() if name == "a.jsonl" else TEXTS[2]).encode(encoding)
    (tmp_path / name).write_bytes(data)
    standard_input(data)
    assert texts("-" if name == "-" else tmp_path / name) == (TEXTS if name == "a.jsonl" else [TEXTS[2]])


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.txt.gz"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_another_encoding_without_a_mark_is_refused_by_name(tmp_path: Path, name: str, encoding: str) -> None:
    data = (LINES.decode() if name == "a.jsonl" else TEXTS[0]).encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    called = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
    with pytest.raises(DataError, match=rf"{name}:1: byte \d is NUL.*looks like {called} without a byte order mark"):
        texts(tmp_path / name)


def test_a_nul_byte_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\nth\0ree" + b"e" * 100)
    with pytest.raises(DataError, match=r"a\.txt:3: byte 3 is NUL"):
        texts(tmp_path / "a.txt")


@pytest.mark.parametrize("block", [1 << 20, 7])
def test_line_breaks_of_windows_are_line_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(plain_text, "_BLOCK", block)
    (tmp_path / "a.txt").write_bytes(b"One day.\r\nIt rained.\r\n\r\nAnd rained.\r")
    assert texts(tmp_path / "a.txt") == ["One day.\nIt rained.\n\nAnd rained.\r"]


def test_bytes_that_are_not_utf8_are_replaced_and_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ncaf\xe9 two\nthree\n\xff\xfe\n")
    problems = Problems()
    assert texts(path, problems=problems) == ["one\ncaf\ufffd two\nthree\n\ufffd\ufffd\n"]
    assert [line.split(": ")[0] for line in problems.first] == [f"{path}:2", f"{path}:4"]
    assert "byte 4 is 0xe9" in problems.first[0]


def test_a_text_that_ends_within_a_character_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("one\ntwo é".encode()[:-1])
    problems = Problems()
    assert texts(path, problems=problems) == ["one\ntwo \ufffd"]
    assert problems.first[0].startswith(f"{path}:2: ")


def test_a_character_across_two_blocks_is_whole(tmp_path: Path) -> None:
    text = "a" + "é" * (3 << 20)  # blocks are of 1 MiB, and there is no line break to end one
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    problems = Problems()
    assert texts(path, problems=problems) == [text]
    assert problems.total == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{oops", "not JSON"),
        (b'"text"', "not a JSON object but text"),
        (b'{"body": "x", "id": 1}', "no field 'text'; there are: 'body', 'id'"),
        (b'{"text": null}', "field 'text' is not text but null"),
        (b'{"text": 3}', "field 'text' is not text but a number"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_record_without_a_text_is_left_out_and_named_with_its_line(
    tmp_path: Path, line: bytes, complaint: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + b"\n" + line + b"\n" + LINES)
    problems = Problems()
    assert texts(path, problems=problems) == TEXTS * 2
    assert problems.total == 1
    assert problems.first[0].startswith(f"{path}:5: ")
    assert complaint in problems.first[0]


def test_a_line_that_is_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LONGEST_LINE", 100)
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + b'{"text": "' + b"x" * 300 + b'"}\n' + LINES)
    problems = Problems()
    assert texts(path, problems=problems) == TEXTS * 2
    assert problems.first == [f"{path}:4: the line is longer than 100 bytes"]


def test_half_a_surrogate_pair_is_replaced_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a \\ud83d b"}\n{"text": "\\ud83d\\ude00"}')
    problems = Problems()
    assert texts(path, problems=problems) == ["a \ufffd b", "😀"]
    assert problems.first == [f"{path}:1: half of a surrogate pair, \\ud83d"]


def test_a_null_in_parquet_is_left_out_and_named_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": ["a", None, "b"]}), path)
    problems = Problems()
    assert texts(path, problems=problems) == ["a", "b"]
    assert problems.first == [f"{path}:2: column 'text' is null"]


def test_all_problems_are_counted_and_ten_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n" * 12)
    problems = Problems()
    assert texts(tmp_path / "a.jsonl", problems=problems) == []
    assert (problems.total, len(problems.first)) == (12, 10)
    assert "the first 10 of 12" in problems.lines()[0]


@pytest.mark.parametrize(("name", "data"), [("a.jsonl", b'{"text": "fine"}\n{"body": 1}'), ("a.txt", b"fine\n\xff")])
def test_strict_makes_the_first_problem_an_error(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name}:2: .*strict"):
        texts(tmp_path / name, strict=True)


def test_paths_that_cannot_be_read_are_errors_that_name_them(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.pdf").write_text("a")
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "not.parquet").write_text("a")
    for paths, complaint in [
        (["missing.txt"], "missing.txt cannot be read: No such file"),
        (["empty"], "no file to read in"),
        (["a.pdf"], "a.pdf is of no known format"),
        (["a.txt", "a.txt"], "a.txt is given twice"),
        (["not.parquet"], "not.parquet is no Parquet file"),
    ]:
        with pytest.raises(DataError, match=complaint):
            texts(*(tmp_path / path for path in paths))


def test_a_parquet_column_that_is_missing_or_not_text_is_an_error(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"texts": ["a"], "id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(UnknownName, match="did you mean 'texts'"):
        texts(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'id' is not text but int64"):
        texts(tmp_path / "a.parquet", field="id")


def test_reading_tells_how_far_in_all_files_it_is(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(LINES)
    positions = [document.position for document in read_documents([tmp_path])]
    assert positions == sorted(positions)
    assert positions[-1] == 2 * len(LINES)


def test_a_long_text_is_handed_on_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LONGEST", 12)
    text = "first line\nsecond line\nthird"
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}))
    expected = [("first line", 1), ("second line", 2), ("third", 3)]
    for path in (tmp_path / "a.txt", tmp_path / "a.jsonl"):
        assert [(document.text, document.piece) for document in read_documents([path])] == expected


def test_a_bad_byte_at_the_end_of_a_line_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\nand more\n")
    problems = Problems()
    (document,) = read_documents([tmp_path / "a.txt"], problems=problems)
    assert document.text == "caf\ufffd\nand more\n"
    assert problems.total == 1
