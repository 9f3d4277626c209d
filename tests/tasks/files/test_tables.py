"""Rows of CSV, TSV, JSON lines and Parquet: where they stand, how they are quoted, what is wrong with them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from foretext.errors import DataError, SettingsError
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import TableOptions, open_table

Write = Callable[[str, str | bytes], Path]


def rows(path: Path | str, **options: Any) -> list[dict[str, Any]]:
    with open_table(path, TableOptions(**options)) as table:
        return [row.values for row in table.rows]


def lines(path: Path) -> list[tuple[int, str]]:
    """Where each row begins, and its text."""
    with open_table(path) as table:
        return [(row.line, row.values["text"]) for row in table.rows]


def problems_of(path: Path) -> str:
    problems = Problems(path.name)
    with open_table(path, problems=problems) as table:
        list(table.rows)
    with pytest.raises(DataError) as caught:
        problems.check()
    return str(caught.value)


def test_a_row_knows_the_line_it_begins_on_after_quoted_line_breaks(write: Write) -> None:
    path = write("a.csv", 'text,label\n"one\ntwo\nthree",1\nplain,0\n')
    assert lines(path) == [(2, "one\ntwo\nthree"), (5, "plain")]


def test_a_bad_row_behind_quoted_line_breaks_is_named_by_its_true_line(write: Write) -> None:
    assert problems_of(write("a.csv", 'text,label\n"one\ntwo",1\nalone\n')) == (
        "a.csv:4: 1 cell, but the first row has 2"
    )


def test_all_bad_rows_are_counted_and_the_first_ten_named_in_order_of_lines(write: Write) -> None:
    message = problems_of(write("a.csv", "text,label\n" + "x,1\ny\n" * 12)).splitlines()
    assert message[0] == "a.csv: 12 problems; mend them and try again. The first 10:"
    assert [line.split(": ")[0] for line in message[1:]] == [f"a.csv:{line}" for line in range(3, 23, 2)]


def test_a_byte_that_is_not_utf8_is_named_with_line_column_and_value(write: Write) -> None:
    message = problems_of(write("a.csv", b"text,label\nfine,1\ncaf\xe9,0\n"))
    assert message.startswith("a.csv:3: column 'text': not UTF-8: byte 0xE9 after 3 characters ('é' in Windows-1252")
    assert message.endswith("; save the file as UTF-8")


def test_a_nul_byte_is_refused(write: Write) -> None:
    assert "a.csv:2: column 'text': a NUL byte after 1 character;" in problems_of(write("a.csv", b"text,n\na\0b,1\n"))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pyarrow.Codec("zstd").compress(data, asbytes=True),
}
TABLES = {".csv": "text,label\nä,1\n", ".tsv": "text\tlabel\nä\t1\n", ".jsonl": '{"text": "ä", "label": "1"}\n'}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("ending", TABLES)
def test_a_byte_order_mark_says_how_a_table_is_encoded(write: Write, ending: str, encoding: str) -> None:
    assert rows(write("a" + ending, TABLES[ending].encode(encoding))) == [{"text": "ä", "label": "1"}]


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("ending", [*TABLES, ".parquet"])
def test_a_compressed_table_is_read_by_its_name_or_by_what_is_said(
    write: Write, tmp_path: Path, ending: str, compression: str
) -> None:
    if ending == ".parquet":
        parquet.write_table(pyarrow.table({"text": ["ä"], "label": ["1"]}), tmp_path / "a.parquet")
        content = (tmp_path / "a.parquet").read_bytes()
    else:
        content = TABLES[ending].encode()
    packed = COMPRESS[compression](content)
    assert rows(write(f"b{ending}{compression}", packed)) == [{"text": "ä", "label": "1"}]
    assert rows(write("c.bin", packed), format=ending[1:]) == [{"text": "ä", "label": "1"}]


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_compressed_table_that_is_cut_off_is_refused(write: Write, compression: str) -> None:
    packed = COMPRESS[compression](random.Random(0).randbytes(50_000).hex().encode())
    with pytest.raises(DataError, match=r"a\.csv: the compressed data are damaged or cut off"):
        rows(write("a.csv", packed[: len(packed) // 2]), header=False)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "what Git LFS keeps in place of the file"),
        (b"PAR1\x15\x04", "a Parquet file; name it .parquet"),
        (b"SQLite format 3\0", "a database of SQLite"),
        (gzip.compress(gzip.compress(b"text\na\n")), "compressed twice"),
        (gzip.compress(b"a.csv".ljust(257, b"\0") + b"ustar"), "an archive of tar"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_at_all_is_called_what_it_is(write: Write, start: bytes, what: str) -> None:
    with pytest.raises(DataError, match=rf"a\.csv is {what}"):
        rows(write("a.csv", start + (b"" if start.startswith(b"\x1f") else b"and more")))


@pytest.mark.parametrize(
    ("name", "what"), [("a.xlsx", "a workbook; save the table as CSV"), ("a.tar.gz", "an archive")]
)
def test_an_ending_of_what_is_no_table_is_called_what_it_is(write: Write, name: str, what: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is {what}"):
        rows(write(name, b"text\na\n"))


@pytest.mark.parametrize("note", ["sep=;", '"sep=,"', "sep=,,"])
def test_a_note_for_excel_is_no_header(write: Write, note: str) -> None:
    with pytest.raises(DataError, match="a.csv:1: .* is a note for Excel, not the header; take this line out"):
        rows(write("a.csv", f"{note}\r\ntext,label\r\na,b\r\n"))


def test_an_ending_of_compression_alone_says_no_format(write: Write) -> None:
    with pytest.raises(SettingsError, match=r"ends in '\.txt'"):
        rows(write("a.txt.gz", gzip.compress(b"text\na\n")))


@pytest.mark.parametrize(
    ("name", "content", "marks", "said"),
    [
        ("a.csv", 'text;label\na, b;1\n"c; d";2\n', "semicolons", "semicolon"),
        ("a.csv", '"text";"label"\n"a, b";"1"\n"c; d";"2"\n', "semicolons", ";"),
        ("a.csv", "text\tlabel\na, b\t1\nc; d\t2\n", "tabs", "tab"),
        ("a.csv", "text|label\na, b|1\nc; d|2\n", "vertical bars", "|"),
        ("a.tsv", 'text,label\n"a, b",1\nc; d,2\n', "commas", "comma"),
    ],
)
def test_another_separator_is_named_and_read_when_it_is_said(
    write: Write, name: str, content: str, marks: str, said: str
) -> None:
    with pytest.raises(
        DataError, match=rf"{name}: the cells of the header .* are separated by {marks}, .* --delimiter"
    ):
        rows(write(name, content))
    with open_table(write(name, content), TableOptions(delimiter=said)) as table:
        assert table.how.endswith(f", separated by {marks}")
        assert [row.values for row in table.rows] == [{"text": "a, b", "label": "1"}, {"text": "c; d", "label": "2"}]


def test_a_separator_that_is_said_is_taken_without_a_doubt(write: Write) -> None:
    assert rows(write("a.csv", "text;label\na;1\n"), delimiter=",") == [{"text;label": "a;1"}]
    assert rows(write("a.csv", "a;1\n"), delimiter=";", header=False) == [{"1": "a", "2": "1"}]


@pytest.mark.parametrize("said", ["", "a", "::", "\n", '"', "komma"])
def test_what_cannot_separate_cells_is_refused(write: Write, said: str) -> None:
    with pytest.raises(SettingsError, match="separates no cells"):
        rows(write("a.csv", "text;label\na;1\n"), delimiter=said)


@pytest.mark.parametrize(
    "content",
    ["to be; or not\nto be, to be\n", "a;b|c\nd;e|f\n", "text\na; b\n", ";text\n;a\n", "a;a\nb;c\n"],
)
def test_where_a_separator_is_in_doubt_nothing_is_guessed(write: Write, content: str) -> None:
    with open_table(write("a.csv", content)) as table:
        assert table.columns == (content.splitlines()[0],)
        assert not table.separator


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(
    ("again", "what"),
    [
        ("text,label", "stands here again, as in a file put together"),
        ("\ufefftext,label", "stands here again, as in a file put together"),
        ("Text , LABEL", "stands here again, as in a file put together"),
        ("label,text", "stands here again in another order"),
    ],
)
def test_a_header_in_the_middle_is_a_problem_of_its_line(write: Write, name: str, again: str, what: str) -> None:
    content = f"text,label\na,1\n{again}\nb,2\n"
    message = problems_of(write(name, content.replace(",", "\t") if name == "a.tsv" else content))
    assert message.startswith(f"{name}:3: the header ")
    assert what in message


@pytest.mark.parametrize(("content", "options"), [("text\na\ntext\n", {}), ("a,b\na,b\n", {"header": False})])
def test_a_row_like_a_header_is_a_row_where_that_is_not_sure(write: Write, content: str, options: Any) -> None:
    assert len(rows(write("a.csv", content), **options)) == 2


def test_a_byte_order_mark_is_no_part_of_the_first_column(write: Write) -> None:
    assert rows(write("a.tsv", b'\xef\xbb\xbftext\tlabel\n"a" b\t1\n')) == [{"text": '"a" b', "label": "1"}]
    assert rows(write("a.csv", b"\xef\xbb\xbftext,label\na,1\n")) == [{"text": "a", "label": "1"}]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_will_do(write: Write, ending: str) -> None:
    path = write("a.csv", ending.join(["text,label", "a,1", "b,2", ""]))
    assert lines(path) == [(2, "a"), (3, "b")]


def test_empty_lines_at_the_end_are_nothing_but_between_rows_a_problem(write: Write) -> None:
    assert len(rows(write("a.csv", "text,n\na,1\n\n\n"))) == 1
    assert problems_of(write("b.csv", "text,n\na,1\n\nb,2\n")) == "b.csv:3: an empty line between rows"
    assert problems_of(write("c.jsonl", '{"a": 1}\n\n{"a": 2}\n')) == "c.jsonl:2: an empty line between rows"


def test_a_quotation_mark_that_is_never_closed_is_found_where_it_opens(write: Write) -> None:
    message = problems_of(write("a.csv", 'text,label\na,1\n"b,2\nc,3\n'))
    assert message == "a.csv:3: a quotation mark opens a cell that begins in this row and is never closed"


def test_a_cell_of_millions_of_characters_is_named_with_both_its_causes(write: Write) -> None:
    problems = Problems("a.csv")
    with open_table(write("a.csv", 'text,label\n"' + "a " * (1 << 23) + 'b",x\n'), problems=problems) as table:
        assert not list(table.rows)
    assert problems.first.startswith("a.csv:2: a cell that begins in this row has more than 16,777,216 characters")


def test_a_header_of_fifty_thousand_names_is_read_in_seconds(write: Write) -> None:
    names = [f"c{number}" for number in range(50_000)]
    started = time.process_time()
    assert rows(write("a.csv", ",".join(names) + "\n" + ",".join(names) + "x\n"))[0]["c7"] == "c7"
    assert time.process_time() - started < 5  # comparing each with each takes half a minute


def test_text_behind_a_closing_mark_is_a_problem_of_its_row_alone(write: Write) -> None:
    path = write("a.csv", 'text,label\n"a" b,1\nc,2\n')
    assert problems_of(path).startswith("a.csv:2: text behind a closing quotation mark; double the marks")


def test_a_name_that_the_header_has_twice_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="the header names 'text' twice"):
        rows(write("a.csv", "text,text\na,1\n"))


def test_without_a_header_columns_are_numbers(write: Write) -> None:
    assert rows(write("a.tsv", "x\ty\n"), header=False) == [{"1": "x", "2": "y"}]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_an_empty_file_is_named(write: Write, name: str) -> None:
    with pytest.raises(DataError, match=f"{name} is empty"):
        rows(write(name, ""))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*a\.csv"):
        rows(tmp_path / "a.csv")


def test_a_name_with_a_line_break_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*a\\nb\.csv$"):
        rows(tmp_path / "a\nb.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Is a directory"):
        rows(tmp_path, format="csv")


def test_an_ending_that_says_nothing_is_refused_with_those_that_do(write: Write) -> None:
    with pytest.raises(SettingsError, match=r"ends in '\.doc': name it \.csv, .* or say --format csv"):
        rows(write("a.doc", "x"))


def test_a_tsv_whose_text_begins_with_marks_is_read_without_quoting(write: Write) -> None:
    assert rows(write("a.tsv", 'text\tlabel\n"Go!"\t1\n"I go," he said\t0\n')) == [
        {"text": '"Go!"', "label": "1"},
        {"text": '"I go," he said', "label": "0"},
    ]


def test_a_tsv_of_fully_marked_sentences_under_a_plain_header_is_read_without_quoting(write: Write) -> None:
    assert rows(write("a.tsv", 'text\tlabel\n"Go!"\t1\n'))[0]["text"] == '"Go!"'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('text\tlabel\n"a\tb"\t1\n', "a\tb"),
        ('text\tlabel\n"a\nb"\t1\n', "a\nb"),
        ('text\tlabel\n"say ""a"""\t1\n', 'say "a"'),
        ('"text"\t"label"\n"a"\t"1"\n', "a"),
    ],
)
def test_a_tsv_that_needs_its_marks_is_read_with_quoting(write: Write, content: str, text: str) -> None:
    path = write("a.tsv", content)
    with open_table(path) as table:
        assert table.quoting == "minimal"
        assert next(table.rows).values == {"text": text, "label": "1"}


def test_quoting_that_is_said_is_not_guessed(write: Write) -> None:
    path = write("a.tsv", 'text\tlabel\n"Go!"\t1\n')
    assert rows(path, quoting="minimal")[0]["text"] == "Go!"


def test_json_lines_keep_the_types_of_their_values(write: Write) -> None:
    path = write("a.jsonl", '{"text": "a", "answers": ["x", "y"], "label": 1, "sure": true, "note": null}\n')
    assert rows(path) == [{"text": "a", "answers": ["x", "y"], "label": 1, "sure": True, "note": None}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": 1', "not JSON: Expecting ',' delimiter at character"),
        ("[1, 2]", "not a JSON object: a row is {...}"),
        ('{"a": NaN}', "not JSON: NaN is not a number that JSON knows"),
    ],
)
def test_a_line_that_is_no_json_object_is_named(write: Write, line: str, problem: str) -> None:
    assert problems_of(write("a.jsonl", f'{{"a": 1}}\n{line}\n')).startswith(f"a.jsonl:2: {problem}")


def test_a_truncated_parquet_file_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="is not a whole Parquet file"):
        rows(write("a.parquet", b"PAR1 and then nothing"))


@pytest.mark.parametrize(("kind", "content"), [("csv", b"text,n\na,1\n"), ("tsv", b'text\tn\na\t1\n"b"\t2\n')])
def test_standard_input_is_a_file_like_any_other(monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Pipe(content))))  # type: ignore[arg-type]
    assert rows("-", format=kind)[0] == {"text": "a", "n": "1"}
    assert not sys.stdin.closed


def test_standard_input_has_no_ending_so_its_format_must_be_said() -> None:
    with pytest.raises(SettingsError, match=r"standard input has no file name: .* say --format"):
        rows("-")
