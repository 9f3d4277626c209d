"""JSON, an object a line or an array of them, gives rows with their true places."""

from __future__ import annotations

import io
import json

import pytest

from foretext.errors import DataError
from foretext.tasks.files import json_rows
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import iterate_rows, open_table

ROWS = [{"text": "a [b], {c}", "label": "x"}, {"text": 'd "e" \\', "label": 1}, {"text": "ü", "label": None}]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_an_array_is_its_objects_however_it_is_written_and_read(write, monkeypatch, indent, piece):
    monkeypatch.setattr(json_rows, "PIECE", piece)
    path = write("a.json", " \n" + json.dumps(ROWS, indent=indent, ensure_ascii=False) + "\n")
    assert [(row.line, row.values) for row in iterate_rows(path)] == list(enumerate(ROWS, start=1))


def test_lines_may_stand_in_a_file_that_is_called_json(write):
    path = write("a.json", "".join(json.dumps(row) + "\n" for row in ROWS))
    assert [row.values for row in iterate_rows(path)] == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"a": 1}, 2]', "a.json, row 2: not a JSON object"),
        ('[{"a": 1}, {"a": ]', "a.json, row 2: not JSON: Expecting value at character 7 of the row"),
        ('[{"a": 1}, {"a": "b', "a.json, row 2: not JSON: Unterminated string"),
        ('[{"a": 1}', "a.json, row 1: the array is torn behind this row: the file ends"),
        ('[{"a": 1} {"a": 2}]', "a.json, row 1: the array is torn behind this row: '{'"),
        ('[{"a": 1}] 3', "'3' stands behind the end of the array"),
        ('[{"a": NaN}]', "a.json, row 1: not JSON: NaN"),
        ("[]", "a.json is empty"),
    ],
)
def test_an_array_of_anything_else_or_a_torn_one_is_refused_with_the_row(write, content, message):
    with pytest.raises(DataError, match=message):
        list(iterate_rows(write("a.json", content)))


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"a": ' + DEEP + "}", "its brackets are nested too deep"),
        ('{"a": ' + "9" * 5_000 + "}", "a whole number has thousands of digits"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "an object names 'c' twice"),
    ],
)
@pytest.mark.parametrize("in_array", [False, True])
def test_what_python_would_lose_or_break_on_is_named_with_its_row(write, row, message, in_array):
    before = '{"a": 0}'
    path = write("a.json", f"[{before}, {row}]" if in_array else f"{before}\n{row}\n")
    with pytest.raises(DataError) as caught:
        list(iterate_rows(path))
    assert str(caught.value).startswith(f"{path}, row 2: " if in_array else f"{path}:2: ")
    assert message in str(caught.value)


def test_an_object_over_several_lines_is_called_that(write):
    with pytest.raises(DataError, match="a.jsonl:1: not JSON: .*, where the line ends; an object stands"):
        list(iterate_rows(write("a.jsonl", json.dumps({"a": 1}, indent=2))))


def test_columns_are_those_of_all_rows_that_are_read_ahead(write):
    path = write("a.jsonl", '{"text": "a"}\n{"text": "b", "label": "x"}\n{"more": 1}\n')
    for ahead, columns in ((1, ("text",)), (2, ("text", "label")), (None, ("text", "label", "more"))):
        with open_table(path, ahead=ahead) as table:
            assert table.columns == columns
            assert len(list(table.rows)) == 3


def test_no_more_of_an_array_is_read_than_the_next_rows_need():
    text = io.StringIO(json.dumps([{"text": "word " * 200}] * 2_000))
    rows = json_rows.json_rows(text, Problems("a.json"))
    next(rows)
    assert text.tell() <= json_rows.PIECE + 1


@pytest.mark.parametrize("before", ["", '{"text": "a", "label": "x"}\n'])
def test_a_line_that_never_ends_is_not_read_whole(write, monkeypatch, before):
    monkeypatch.setattr(json_rows, "LONGEST_OBJECT", 60)
    line = before.count("\n") + 1
    path = write("a.jsonl", before + '{"text": "' + "a" * 1000)
    with pytest.raises(DataError, match=f"a.jsonl:{line}: a line that goes on behind 60 characters"):
        list(iterate_rows(path))
    ends = write("b.jsonl", before + json.dumps({"text": "a" * 30, "label": "x"}) + "\n")
    assert len(list(iterate_rows(ends))) == line
