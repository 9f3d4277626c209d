"""What is in memory is read row by row, whatever holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow
import pytest

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.memory import values_of
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import open_table

COLUMNS = {"text": ["a", "b"], "label": [1, 2]}
ROWS = [{"text": "a", "label": 1}, {"text": "b", "label": 2}]


def table_of(library: str) -> Any:
    return pytest.importorskip(library).DataFrame(COLUMNS)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_is_its_rows(library):
    assert list(values_of(table_of(library))) == ROWS


def test_a_lazy_frame_is_its_rows():
    assert list(values_of(table_of("polars").lazy())) == ROWS


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_texts_is_its_texts(library):
    assert list(values_of(table_of(library)["text"])) == ["a", "b"]


def test_an_arrow_table_and_a_mapping_of_columns_are_their_rows():
    assert list(values_of(pyarrow.table(COLUMNS))) == ROWS
    assert list(values_of(COLUMNS)) == ROWS


def test_arrays_batches_and_streams_of_arrow_are_their_rows():
    batch = pyarrow.record_batch(COLUMNS)
    assert list(values_of(batch)) == ROWS
    assert list(values_of(pyarrow.RecordBatchReader.from_batches(batch.schema, [batch]))) == ROWS
    assert list(values_of(pyarrow.array(["a", "b"]))) == ["a", "b"]


def test_an_array_of_no_dimension_is_one_text():
    with pytest.raises(DataError, match="'ab' is one text"):
        values_of(np.array("ab"))


def test_a_table_with_a_name_twice_is_refused():
    frame = pytest.importorskip("pandas").DataFrame([["a", "b"]], columns=["text", "text"])
    with pytest.raises(DataError, match="two columns of one name"):
        values_of(frame)


NOT_UTF8 = pyarrow.Array.from_buffers(pyarrow.string(), 1, pyarrow.array([b"caf\xe9"], pyarrow.binary()).buffers())


@pytest.mark.parametrize("cells", [NOT_UTF8, pyarrow.array([2**61], pyarrow.timestamp("us"))], ids=["bytes", "time"])
@pytest.mark.parametrize(
    "held_by", [pyarrow.table, pyarrow.record_batch, lambda both: pyarrow.chunked_array([both["odd"]])]
)
def test_a_cell_in_memory_that_python_cannot_hold_is_refused(cells, held_by):
    with pytest.raises(DataError, match="the examples have a cell that Python cannot hold, behind row 0: ") as caught:
        list(values_of(held_by({"text": ["a"], "odd": cells})))
    assert "\n" not in str(caught.value)


def test_arrays_become_lists_of_what_python_has():
    (row,) = values_of({"text": np.array(["a"]), "label": np.array([3])})
    assert row == {"text": "a", "label": 3}
    assert type(row["label"]) is int
    assert list(values_of(np.array([["a", "b"]]))) == [["a", "b"]]


def test_what_pandas_marks_as_missing_is_none():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": pandas.array(["a", None], dtype="string")})
    assert list(values_of(frame)) == [{"text": "a"}, {"text": None}]


@dataclass
class ClassLabel:
    """As `datasets` has it, in what we look at."""

    names: list[str]


@dataclass
class Dataset:
    rows: list[dict[str, Any]]
    features: dict[str, Any] = field(default_factory=dict)

    @property
    def column_names(self) -> list[str]:
        return list(self.rows[0])

    def __iter__(self):
        return iter(self.rows)


def test_class_numbers_of_a_dataset_become_their_names_and_minus_one_is_none():
    dataset = Dataset([{"text": "a", "label": 1}, {"text": "b", "label": -1}], {"label": ClassLabel(["bad", "good"])})
    assert list(values_of(dataset)) == [{"text": "a", "label": "good"}, {"text": "b", "label": None}]


def test_lists_of_class_numbers_become_lists_of_names():
    @dataclass
    class Several:
        feature: ClassLabel

    dataset = Dataset([{"labels": [0, 1]}, {"labels": None}], {"labels": Several(ClassLabel(["bad", "good"]))})
    assert list(values_of(dataset)) == [{"labels": ["bad", "good"]}, {"labels": None}]


def test_of_several_datasets_one_is_asked_for():
    class Splits(dict):
        column_names: ClassVar = {"train": ["text"], "test": ["text"]}

    with pytest.raises(DataError, match=r"give one of them: data\['train'\]"):
        values_of(Splits())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("one text", "give a list of examples"),
        ({"text": "a", "label": "x"}, "this mapping is one example"),
        ({"text": ["a", "b"], "label": ["x"]}, "different lengths: text 2, label 1"),
        (Example(("a",)), "one example"),
        (None, "holds no examples"),
        (3, "holds no examples"),
    ],
    ids=repr,
)
def test_what_holds_no_examples_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        list(values_of(data))


@pytest.mark.parametrize(
    "example",
    [{"text": "a", "label": "x"}, ("a", "x"), ["a", "x"], Example(("a",), label="x")],
    ids=lambda example: type(example).__name__,
)
def test_labelled_examples_of_any_form_are_rows_of_text_and_label(example):
    with open_table([example]) as table:
        assert table.columns == ("text", "label")
        assert [row.values for row in table.rows] == [{"text": "a", "label": "x"}]


def test_pairs_and_choices_are_called_what_their_kinds_know():
    with open_table([("a", "b", "x")]) as table:
        assert table.columns == ("text1", "text2", "label")
    with open_table([("what?", ["one", "two"], 1), Example(("what?",), ("one", "two"), 0)]) as table:
        assert [row.values for row in table.rows] == [
            {"question": "what?", "answers": ["one", "two"], "label": label} for label in (1, 0)
        ]


def test_rows_that_are_no_examples_are_named_by_their_number():
    problems = Problems("the examples")
    with open_table([("a", "x"), "b", None], problems=problems) as table:
        assert [row.line for row in table.rows] == [1]
    assert problems.count == 2
    assert problems.first.startswith("the examples, row 2: 'b' is no example with a label")
