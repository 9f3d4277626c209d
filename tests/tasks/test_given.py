"""Examples to answer are read as those of a file are: none is read letter by letter, and nothing becomes a word."""

from __future__ import annotations

import numpy as np
import pytest

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.given import examples_given
from foretext.tasks.schema import TaskSchema

TEXT = TaskSchema(kind="classification", text=("sentence",), label="label", classes=("a", "b"))
PAIR = TaskSchema(kind="entailment", text=("premise", "hypothesis"), label="label", classes=("a", "b"))
CHOICE = TaskSchema(kind="choice", text=("story",), choices=("answers",), label="label")
SPREAD = TaskSchema(kind="choice", text=("story",), choices=("one", "two", "three"), label="label")


@pytest.mark.parametrize(
    "data",
    [
        ["a", "b"],
        ("a", "b"),
        [("a",), ["b"]],
        [{"sentence": "a", "page": 1}, {"sentence": "b"}],
        [Example(("a",)), Example(("b",))],
        np.array(["a", "b"]),
        {"sentence": ["a", "b"]},
        (text for text in "ab"),
    ],
    ids=lambda data: type(data).__name__,
)
def test_texts_come_in_many_forms(data):
    assert [example.texts for example in examples_given(data, TEXT)] == [("a",), ("b",)]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_gives_the_texts_of_its_rows(library):
    frame = pytest.importorskip(library).DataFrame({"id": [1, 2], "sentence": ["a", "b"]})
    assert [example.texts for example in examples_given(frame, TEXT)] == [("a",), ("b",)]


def test_a_row_of_a_table_is_not_a_column_of_texts():
    row = pytest.importorskip("pandas").DataFrame({"sentence": ["a"], "page": ["b"]}).iloc[0]
    with pytest.raises(DataError, match="this is one row of a table"):
        list(examples_given(row, TEXT))


def test_what_is_no_example_is_shown_in_one_line():
    frame = pytest.importorskip("pandas").DataFrame({"sentence": ["a"], "page": ["b"]})
    with pytest.raises(DataError, match="given: ") as caught:
        list(examples_given(frame.iterrows(), TEXT))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("The boat sank.", "give a list of examples"),
        ({"sentence": "The boat sank."}, "this mapping is one example"),
        (["a", None], "the examples, row 2: column 'sentence': the text is missing"),
        (["a", float("nan")], "row 2: column 'sentence': the text is missing"),
        ([{"sentence": None}], "row 1: column 'sentence': the text is missing"),
        ([{"sentence": 3}], "row 1: column 'sentence': 3 is a number, not a text"),
        ([{"sentence": ["a", "b"]}], "is a list, not a text"),
        ([{"text": "a"}], "row 1: the columns 'sentence' are missing; there are: 'text'"),
        ([("a", "b")], r"the model reads 1 text \(sentence\)"),
    ],
    ids=repr,
)
def test_what_cannot_be_answered_is_named_with_its_row(data, message):
    with pytest.raises(DataError, match=message):
        list(examples_given(data, TEXT))


def test_a_missing_text_of_a_table_is_no_word():
    frame = pytest.importorskip("pandas").DataFrame({"sentence": ["a", None]})
    with pytest.raises(DataError, match="row 2: column 'sentence': the text is missing"):
        list(examples_given(frame, TEXT))


def test_pairs_are_sequences_of_two_texts_and_one_pair_is_no_list_of_them():
    assert [example.texts for example in examples_given([("a", "b"), ["c", "d"]], PAIR)] == [("a", "b"), ("c", "d")]
    with pytest.raises(DataError, match=r"the model reads 2 texts \(premise, hypothesis\)"):
        list(examples_given(("premise text", "hypothesis text"), PAIR))


@pytest.mark.parametrize(
    ("schema", "example", "message"),
    [
        (TEXT, Example(("a", "b")), r"row 2: the model reads 1 text \(sentence\); given: 2"),
        (PAIR, Example(("a",)), r"row 2: the model reads 2 texts \(premise, hypothesis\); given: 1"),
        (CHOICE, Example(("a",)), "row 2: 0 answers, but there must be two or more"),
    ],
)
def test_an_example_of_another_shape_than_those_of_training_is_refused(schema, example, message):
    good = Example(("a",) * len(schema.text), ("x", "y") if schema is CHOICE else ())
    with pytest.raises(DataError, match=message):
        list(examples_given([good, example], schema))


@pytest.mark.parametrize(
    "answers", [["x", "y"], ("x", "y"), '["x", "y"]', {"text": ["x", "y"], "label": ["A", "B"]}], ids=repr
)
def test_answers_come_as_in_files(answers):
    (example,) = examples_given([{"story": "s", "answers": answers}], CHOICE)
    assert example.choices == ("x", "y")


def test_not_a_number_is_no_answer_as_pandas_has_it_for_an_empty_cell():
    row = {"story": "s", "one": "x", "two": "y", "three": float("nan")}
    (example,) = examples_given([row], SPREAD)
    assert example.choices == ("x", "y")
    for bad in ({**row, "two": float("nan"), "three": "z"}, {"story": "s", "one": "x", "two": " ", "three": "z"}):
        with pytest.raises(DataError, match="row 1: column 'two': answer 2 is empty"):
            list(examples_given([bad], SPREAD))


def test_answers_behind_texts_fill_the_columns_that_training_had():
    (one,) = examples_given([("s", ["x", "y"])], CHOICE)
    (two,) = examples_given([("s", ["x", "y"])], SPREAD)
    assert one.choices == two.choices == ("x", "y")


@pytest.mark.parametrize(
    "example", [("s", "x"), ("s", ["x"]), ("s", ["x", ""]), {"story": "s", "answers": None}], ids=repr
)
def test_a_choice_without_answers_to_choose_among_is_refused(example):
    with pytest.raises(DataError, match="row 1"):
        list(examples_given([example], CHOICE))
