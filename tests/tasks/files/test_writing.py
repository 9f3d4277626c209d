"""What is written can be read back, and a file is replaced whole or not at all."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foretext.errors import DataError, SettingsError
from foretext.tasks.files.tables import TableOptions, open_table
from foretext.tasks.files.writing import write_rows

cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ROW = {"text": 'say "a",\tb\nc', "answers": ["x", "y"], "label": 1, "sure": True, "share": 0.25, "note": None}


def read(path: Path, options: TableOptions | None = None) -> list[dict[str, Any]]:
    with open_table(path, options) as table:
        return [row.values for row in table.rows]


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_json_lines_and_parquet_keep_every_type(tmp_path: Path, name: str) -> None:
    assert write_rows(tmp_path / name, [ROW, ROW]) == 2
    assert read(tmp_path / name) == [ROW, ROW]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_decimals_and_dates_stand_in_csv_and_tsv_without_marks(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / name, [{"price": Decimal("0.50"), "day": date(2026, 1, 31)}])
    assert read(tmp_path / name) == [{"price": "0.50", "day": "2026-01-31"}]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_cells_that_are_no_text_stand_as_json_in_csv_and_tsv(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / name, [ROW])
    assert read(tmp_path / name) == [
        {"text": ROW["text"], "answers": '["x", "y"]', "label": "1", "sure": "true", "share": "0.25", "note": ""}
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=4))
@example([("\t\n", "")])
def test_any_text_comes_back_as_it_was(tmp_path: Path, name: str, cells: list[tuple[str, str]]) -> None:
    """That a TSV is quoted is said: a cell of a tab and a line break beside an empty one could be two rows."""
    rows = [{"one": one, "two": two} for one, two in cells]
    write_rows(tmp_path / name, rows)
    assert read(tmp_path / name, TableOptions(quoting="minimal")) == rows


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_an_empty_cell_in_the_only_column_is_no_empty_line(tmp_path: Path, name: str) -> None:
    rows = [{"one": ""}, {"one": "x"}]
    write_rows(tmp_path / name, rows)
    assert read(tmp_path / name) == rows


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, str]]:
        yield {"text": "new"}
        raise DataError("row 2 is bad")

    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(DataError):
        write_rows(path, broken())
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_row_with_other_columns_than_the_first_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"row 2 and the first row differ in columns: b; write \.jsonl instead"):
        write_rows(tmp_path / name, [{"a": 1}, {"a": 1, "b": 2}])


def test_columns_in_another_order_are_put_in_place(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"a": 1, "b": 2}, {"b": 4, "a": 3}])
    assert (tmp_path / "a.csv").read_text() == "a,b\n1,2\n3,4\n"


def test_parquet_keeps_one_type_a_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rows 1 and on do not fit one type a column"):
        write_rows(tmp_path / "a.parquet", [{"a": 1}, {"a": "x"}])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"a": "\ud83d"}, "a cell holds half a surrogate pair, which only .jsonl can"),
        ({"\ud83d": "a"}, "a cell holds half a surrogate pair, which only .jsonl can"),
        ({"a": 2**70}, "do not fit one type a column: .*; write .jsonl instead"),
    ],
)
def test_what_parquet_cannot_hold_is_refused(tmp_path: Path, row: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        write_rows(tmp_path / "a.parquet", [row])
    assert not (tmp_path / "a.parquet").exists()


def test_nothing_to_write_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no row to write"):
        write_rows(tmp_path / "a.csv", [])
    assert not (tmp_path / "a.csv").exists()


def test_a_file_to_write_of_unknown_ending_is_refused_with_the_flag_that_says_its_format(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ends in '\.txt': name it \.csv, .* or say --out-format csv\|tsv"):
        write_rows(tmp_path / "answers.txt", [{"a": 1}])


def test_a_dash_writes_to_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream))
    write_rows("-", [{"a": "é"}], "csv")
    assert stream.getvalue().decode() == "a\né\n"
