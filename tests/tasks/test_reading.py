"""From labelled files to examples and the schema that they teach, and what is said about files that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from foretext.errors import DataError, ForetextError, SettingsError, UnknownName
from foretext.tasks.examples import Example, Span
from foretext.tasks.files.problems import Problems
from foretext.tasks.files.tables import open_table
from foretext.tasks.files.writing import write_rows
from foretext.tasks.labelled import LabelledDataSettings, read_as_given
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.reading import read_examples, read_labelled, unlabelled

Write = Callable[[str, str | bytes], Path]


def complaint(path: Path, kind: str = "classification", error: type[ForetextError] = DataError, **how: Any) -> str:
    with pytest.raises(error) as caught:
        read_examples(path, kind=kind, **how)
    return str(caught.value).replace(str(path.parent) + "/", "")


ARROW = {  # labels as Arrow may hold them, by the kind of task that they are for
    "decimals": ("regression", [Decimal("0.50"), Decimal("1.25")], None, [0.5, 1.25]),
    "large whole numbers": ("regression", [2**60, 3], None, [2.0**60, 3.0]),
    "half floats": ("regression", [np.float16(0.5), np.float16(1)], pyarrow.float16(), [0.5, 1.0]),
    "a dictionary": ("classification", ["b", "a"], pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), ["b", "a"]),
    "truth values": ("classification", [True, False], None, ["true", "false"]),
    "dates": ("classification", [date(2026, 1, 1), date(2026, 1, 2)], None, ["2026-01-01", "2026-01-02"]),
    "large class numbers": ("classification", [2**53 + 1, 2**53], None, ["9007199254740993", "9007199254740992"]),
    "decimal class numbers": ("classification", [Decimal(1), Decimal(2)], None, ["1", "2"]),
}


@pytest.mark.parametrize("where", ["file", "memory"])
@pytest.mark.parametrize("what", ARROW)
def test_labels_of_any_arrow_type_are_read_for_what_they_are(tmp_path: Path, what: str, where: str) -> None:
    kind, labels, arrow_type, expected = ARROW[what]
    table = pyarrow.table({"text": ["one", "two"] * 2, "label": pyarrow.array(labels * 2, arrow_type)})
    parquet.write_table(table, tmp_path / "a.parquet")
    reading = read_examples(tmp_path / "a.parquet" if where == "file" else table, kind=kind)
    assert [example.label for example in reading.examples] == expected * 2


def test_parquet_of_programs_that_do_not_say_what_is_text_holds_text_all_the_same(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["schön".encode(), b"two"] * 2, "label": [b"x", b"y"] * 2})
    parquet.write_table(table, tmp_path / "a.parquet")
    reading = read_examples(tmp_path / "a.parquet", kind="classification")
    assert [(example.texts, example.label) for example in reading.examples[:2]] == [(("schön",), "x"), (("two",), "y")]


OUT_OF_TIME = pyarrow.array([2**61, 0, 2**61], pyarrow.timestamp("us"))
NOT_UTF8 = pyarrow.Array.from_buffers(
    pyarrow.string(), 3, pyarrow.array([b"caf\xe9", b"ok", b"caf\xe9"], pyarrow.binary()).buffers()
)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (OUT_OF_TIME, "a value of type timestamp[us] is not to be read: date value out of range"),
        (NOT_UTF8, "not UTF-8: byte 0xE9 after 3 characters"),
    ],
)
def test_each_cell_of_parquet_that_python_cannot_hold_is_named(tmp_path: Path, cells: Any, problem: str) -> None:
    parquet.write_table(
        pyarrow.table({"text": list("abc"), "label": list("xyx"), "odd": cells}), tmp_path / "a.parquet"
    )
    first, *named = complaint(tmp_path / "a.parquet").splitlines()
    assert first.startswith("a.parquet: 2 problems")
    assert [line.split(": ")[0] for line in named] == ["a.parquet, row 1", "a.parquet, row 3"]
    assert all(f"column 'odd': {problem}" in line for line in named)


def test_a_number_of_thousands_of_digits_is_no_label() -> None:
    with pytest.raises(DataError, match="row 2: column 'label': a whole number has thousands of digits"):
        read_examples([("a", 3), ("b", 10**5_000)])


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("\ud83d", "half a surrogate pair"),
        ("a\0b", "a NUL character after 1 character, which no text has; take it out"),
    ],
)
@pytest.mark.parametrize("kind", ["classification", "multi-label", "tagging"])
def test_a_label_that_is_no_text_is_named(write: Write, label: str, problem: str, kind: str) -> None:
    cell = {"classification": label, "multi-label": [label], "tagging": [{"start": 0, "end": 1, "label": label}]}[kind]
    message = complaint(write("a.jsonl", json.dumps({"text": "a", "label": cell})), kind, label="label")
    assert message.startswith(f"a.jsonl:1: column 'label': {problem}")


def test_an_example_has_its_texts_its_label_and_its_place(write: Write) -> None:
    path = write("a.csv", "premise,hypothesis,label\na b,c,yes\nd,e,no\n")
    reading = read_examples(path, kind="entailment")
    assert reading.examples == [
        Example(("a b", "c"), label="yes", where=f"{path}:2"),
        Example(("d", "e"), label="no", where=f"{path}:3"),
    ]
    assert reading.schema.classes == ("no", "yes")


def test_how_a_file_was_understood_is_said(write: Write) -> None:
    path = write("a.tsv", 'text\tlabel\n"a" b\tyes\nd\tno\n')
    assert read_examples(path, kind="classification").lines() == [
        f"{path}: 2 examples (TSV, no quoting)",
        "text: 'text' (guessed)",
        "label: 'label' (guessed)",
        "classes: no, yes",
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("labels", [["x", "y"], [0, 1], [True, False], [0.5, 1.5]])
def test_labels_of_any_type_are_classes_in_every_format(tmp_path: Path, name: str, labels: list[Any]) -> None:
    write_rows(tmp_path / name, [{"text": "a", "label": label} for label in labels * 2])
    schema = read_examples(tmp_path / name, kind="classification").schema
    assert sorted(schema.classes) == sorted(json.dumps(label).strip('"') for label in labels)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_questions_may_have_any_number_of_answers_in_every_format(tmp_path: Path, name: str) -> None:
    rows = [{"question": "q", "answers": ["a", "b", "c"][:count], "label": 0} for count in (2, 3)]
    write_rows(tmp_path / name, rows)
    reading = read_examples(tmp_path / name, kind="choice")
    assert [example.choices for example in reading.examples] == [("a", "b"), ("a", "b", "c")]
    assert [example.label for example in reading.examples] == [0, 0]
    assert reading.schema.answer_labels == "index0"


def test_empty_cells_behind_the_answers_mean_that_there_are_fewer(write: Write) -> None:
    path = write("a.csv", "question,A,B,C,answer\nq,x,y,,B\nq,x,y,z,C\n")
    reading = read_examples(path, kind="choice")
    assert [(example.choices, example.label) for example in reading.examples] == [(("x", "y"), 1), (("x", "y", "z"), 2)]


def test_answers_under_text_in_an_object_are_understood(write: Write) -> None:
    row = {"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}
    reading = read_examples(write("a.jsonl", json.dumps(row)), kind="choice")
    assert (reading.examples[0].choices, reading.examples[0].label) == (("x", "y"), 1)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("red or blue", "'red or blue' is no list of answers such as"),
        ('"[""a""]"', "1 answer, but there must be two or more"),
        ('"[""a"", """"]"', "answer 2 is empty"),
        ("7", "7 is no list of answers"),
        ("[" * 200_000, "'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[… is no list of answers"),
    ],
)
def test_a_cell_that_holds_no_answers_is_named(write: Write, cell: str, problem: str) -> None:
    message = complaint(write("a.csv", f"question,answers,label\nq,{cell},0\n"), "choice")
    assert message.startswith(f"a.csv:2: column 'answers': {problem}")


def test_an_answer_missing_between_answers_is_named(write: Write) -> None:
    message = complaint(write("a.csv", "question,A,B,C,answer\nq,x,,z,C\n"), "choice")
    assert message == "a.csv:2: column 'B': answer 2 is empty"


def test_a_label_that_is_none_of_the_answers_is_named(write: Write) -> None:
    message = complaint(write("a.csv", "question,A,B,answer\nq,x,y,A\nq,x,y,E\nq,x,y,B\n"), "choice")
    assert message == "a.csv:3: column 'answer': the label 'E', read as letter, is none of the 2 answers"


def test_labels_of_answers_that_can_be_read_in_two_ways_are_asked_about(write: Write) -> None:
    path = write("a.csv", "question,A,B,C,answer\nq,x,y,z,1\n")
    assert "--answer-labels index0|index1" in complaint(path, "choice", SettingsError)
    assert read_examples(path, kind="choice", labels=LabelOptions(answer_labels="index1")).examples[0].label == 0


def test_every_bad_row_is_found_whatever_is_wrong_with_it(write: Write) -> None:
    message = complaint(write("a.csv", b"text,label\na,1\nb,\nc\n\xff,0\nd,0\n")).splitlines()
    assert message == [
        "a.csv: 3 problems; mend them and try again.",
        "a.csv:3: column 'label': the label is missing",
        "a.csv:4: 1 cell, but the first row has 2",
        "a.csv:5: column 'text': not UTF-8: byte 0xFF after 0 characters ('ÿ' in Windows-1252 and Latin-1); "
        "save the file as UTF-8",
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "the text is missing"),
        (7, "7 is a number, not a text"),
        ("\ud800", "half a surrogate pair (\\ud800) after 0 characters"),
        ("a\0b", "a NUL character after 1 character, which no text has; take it out"),
    ],
)
def test_a_text_that_is_no_text_is_named(write: Write, value: Any, problem: str) -> None:
    path = write("a.jsonl", json.dumps({"text": value, "label": 1}))
    assert complaint(path) == f"a.jsonl:1: column 'text': {problem}"


def test_one_class_only_is_refused(write: Write) -> None:
    message = complaint(write("a.csv", "text,label\na,yes\nb,yes\n"))
    assert message == "a.csv: every label is 'yes'; a task needs two classes at least"


def test_a_label_for_every_row_is_no_class(write: Write) -> None:
    message = complaint(write("a.csv", "text,label\na,1.5\nb,2.5\nc,3.5\n"))
    assert "each of 3 rows has a label of its own, such as '1.5'; is this the label column?" in message


def test_a_header_without_rows_is_refused(write: Write) -> None:
    assert complaint(write("a.csv", "text,label\n")) == "a.csv is empty: no row stands below the header"


def test_a_label_column_that_is_neither_said_nor_known_is_asked_for(write: Write) -> None:
    message = complaint(write("a.csv", "text,x1\na,1\n"), error=SettingsError)
    assert message == "which column of a.csv holds the label? Say --label NAME; there are: text, x1"


def test_a_score_that_is_no_number_is_named(write: Write) -> None:
    message = complaint(write("a.csv", 'first,second,score\na,b,1\na,b,"2,5"\na,b,3\na,b,0\n'), "similarity")
    assert message == "a.csv:3: column 'score': the label '2,5' is no number"


def test_grades_give_a_range_and_two_labels_of_a_pair_are_classes(write: Write) -> None:
    graded = read_examples(write("a.csv", "first,second,score\na,b,0\na,c,2.5\na,d,5\n"), kind="similarity").schema
    assert (graded.labels, graded.classes) == (ScoreLabels(0.0, 5.0), ())
    classed = read_examples(write("b.csv", "first,second,label\na,b,0\na,c,1\n"), kind="similarity").schema
    assert classed.labels == ClassLabels(("0", "1"))


def test_two_grades_are_scores_if_that_is_said(write: Write) -> None:
    path = write("a.csv", "first,second,label\na,b,0\na,c,1\n")
    assert read_examples(path, kind="similarity", labels=LabelOptions(labels="score")).schema.labels == ScoreLabels(
        0.0, 1.0
    )


def test_scores_that_are_all_one_teach_nothing(write: Write) -> None:
    assert "every label is 3; there is nothing to learn" in complaint(
        write("a.csv", "text,score\na,3\nb,3\n"), "regression"
    )


@pytest.mark.parametrize(
    ("kind", "said", "message"),
    [
        ("classification", {"order": ("x", "y")}, "--order is for ordinal; this is classification"),
        ("classification", {"separator": "/"}, "--separator is for multi-label; this is classification"),
        ("classification", {"answer_labels": "index0"}, "--answer-labels is for choice; this is classification"),
        ("classification", {"labels": "score"}, "--labels is for similarity; this is classification"),
        ("multi-label", {"positive": "x", "separator": "/"}, "--positive is for .*entailment.*; this is multi-label"),
        ("regression", {"positive": "1"}, "--positive is for classification, .*; this is regression"),
        ("tagging", {"labels": "class"}, "--labels is for similarity; this is tagging"),
    ],
)
def test_what_is_said_of_labels_and_means_nothing_for_their_kind_is_refused(write, kind, said, message):
    path = write("a.csv", "text,label\na,x\nb,y\n")
    with pytest.raises(SettingsError, match=message):
        read_examples(path, kind=kind, labels=LabelOptions(**said))


def test_a_positive_class_of_scores_is_refused_and_one_of_two_classes_of_pairs_is_not(write: Write) -> None:
    path, said = write("a.csv", "first,second,label\na,b,0\na,c,1\n"), LabelOptions(positive="0")
    assert read_examples(path, kind="similarity", labels=said).schema.classes == ("1", "0")
    with pytest.raises(SettingsError, match="--positive is for .*; this is similarity, whose labels are scores"):
        read_examples(path, kind="similarity", labels=LabelOptions(positive="0", labels="score"))


def test_labels_that_are_said_to_be_what_they_are_are_read(write: Write) -> None:
    path = write("a.csv", "premise,hypothesis,label\na,b,x\nb,c,y\n")
    assert read_examples(path, labels=LabelOptions(labels="class")).schema.classes == ("x", "y")


def test_the_positive_class_goes_second(write: Write) -> None:
    path = write("a.csv", "text,label\na,spam\nb,ham\n")
    assert read_examples(path, kind="classification", labels=LabelOptions(positive="ham")).schema.classes == (
        "spam",
        "ham",
    )
    assert "no class called 'hm'; did you mean 'ham'?" in complaint(
        path, error=UnknownName, labels=LabelOptions(positive="hm")
    )


def test_a_metric_that_does_not_fit_is_refused_while_reading(write: Write) -> None:
    path = write("a.csv", "text,label\na,x\nb,y\n")
    assert "pearson does not fit" in complaint(path, error=SettingsError, metric="pearson")


def test_a_test_file_is_read_as_training_was(write: Write) -> None:
    schema = read_examples(
        write("a.csv", "question,A,B,C,key\nq,x,y,z,3\nq,x,y,z,1\n"), kind="choice", label="key"
    ).schema
    test = read_labelled(write("b.csv", "question,A,B,C,key\nq,x,y,z,1\n"), schema)
    assert (schema.answer_labels, test.examples[0].label) == ("index1", 0)


def test_columns_of_a_test_file_may_be_called_otherwise(write: Write) -> None:
    schema = read_examples(write("a.csv", "text,label\na,x\nb,y\n"), kind="classification").schema
    test = read_labelled(write("b.csv", "body,truth\nc,y\n"), schema, text=["body"], label="truth")
    assert (test.examples[0].texts, test.examples[0].label) == (("c",), "y")


@pytest.mark.parametrize("columns", [["body", "text"], ["text", "body"]])
def test_columns_of_another_number_of_texts_than_in_training_are_refused(write: Write, columns: list[str]) -> None:
    one = read_examples(write("a.csv", "text,label\na,x\nb,y\n"), kind="classification").schema
    pair = read_examples(write("b.csv", "premise,hypothesis,label\na,b,x\nb,c,y\n"), kind="entailment").schema
    test = write("c.csv", "text,body,label\na,b,x\n")
    with pytest.raises(SettingsError, match=rf"the model reads 1 text \(text\); given: {', '.join(columns)}"):
        read_labelled(test, one, text=columns)
    with pytest.raises(SettingsError, match=rf"reads 2 texts \(premise, hypothesis\); given: {columns[0]}$"):
        read_labelled(test, pair, text=columns[:1])


def test_a_class_that_training_has_not_seen_is_a_bad_row_of_a_test_file(write: Write) -> None:
    schema = read_examples(write("a.csv", "text,label\na,x\nb,y\n"), kind="classification").schema
    with pytest.raises(DataError, match=r"b\.csv:3: column 'label': the label 'z' is none of the classes x, y"):
        read_labelled(write("b.csv", "text,label\nc,y\nd,z\n"), schema)


def test_prediction_needs_no_label_and_keeps_every_cell(write: Write) -> None:
    schema = read_examples(write("a.csv", "text,label\na,x\nb,y\n"), kind="classification").schema
    with open_table(write("b.csv", "id,text\n7,c d\n")) as table:
        [(row, example)] = unlabelled(table, schema, Problems(table.source, stop=True))
    assert row.values == {"id": "7", "text": "c d"}
    assert (example.texts, example.label) == (("c d",), None)


def test_the_first_row_may_lack_a_key_and_is_named(write):
    rows = '{"text": "a"}\n{"text": "b", "label": "x"}\n{"text": "c", "label": "y"}\n'
    with pytest.raises(DataError, match=r"a\.jsonl:1: column 'label': the label is missing"):
        read_examples(write("a.jsonl", rows), kind="classification")


def test_answer_columns_are_those_of_all_rows(write):
    rows = [{"question": "q", "answer1": "a", "answer2": "b", "label": 0}]
    rows += [{"question": "q", "answer1": "a", "answer2": "b", "answer3": "c", "label": 1}] * 2
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    reading = read_examples(path, kind="choice", labels=LabelOptions(answer_labels="index0"))
    assert reading.schema.choices == ("answer1", "answer2", "answer3")
    assert [len(example.choices) for example in reading.examples] == [2, 3, 3]


def test_rows_in_memory_are_read_as_a_file_is(write):
    rows = [("a", "x"), ("b", "y")]
    reading = read_examples(rows, kind="classification")
    path = write("a.csv", "text,label\na,x\nb,y\n")
    assert reading.schema == read_examples(path, kind="classification").schema
    assert reading.lines()[0] == "the examples: 2 examples (in memory)"
    with pytest.raises(DataError, match="the examples, row 2: column 'label': the label is missing"):
        read_labelled([("a", "x"), ("b", None)], reading.schema)


@pytest.mark.parametrize("as_examples", [True, False])
def test_all_texts_of_a_row_without_names_are_read_however_many(as_examples: bool) -> None:
    def rows(*texts: str) -> list[Any]:
        return [Example(texts, label=label) if as_examples else (*texts, label) for label in "xyxy"]

    for count, kind in ((1, "classification"), (2, "entailment"), (3, "classification"), (4, "classification")):
        reading = read_examples(rows(*"abcd"[:count]))
        assert (reading.schema.kind, reading.examples[0].texts) == (kind, tuple("abcd"[:count]))
    assert read_examples(rows("a", "b", "c"), kind="multi-label", labels=LabelOptions(separator="|")).examples[
        0
    ].texts == ("a", "b", "c")
    with pytest.raises(SettingsError, match="entailment takes 2 text columns; given: text1, text2, text3"):
        read_examples(rows("a", "b", "c"), kind="entailment")
    with pytest.raises(SettingsError, match=r"the model reads 2 texts \(text1, text2\); given: text1, text2, text3"):
        read_labelled(rows("a", "b", "c"), read_examples(rows("a", "b")).schema)


def test_all_texts_before_the_answers_of_a_row_without_names_are_read() -> None:
    for texts in (("a",), ("a", "b"), ("a", "b", "c")):
        reading = read_examples([(*texts, ["x", "y"], "x"), (*texts, ["x", "y"], "y")])
        assert (reading.schema.kind, reading.examples[0].texts) == ("choice", texts)


def test_a_kind_that_is_not_named_is_guessed_and_said(write):
    reading = read_examples(write("a.csv", "text,label\na,x\nb,y\n"))
    assert reading.schema.kind == "classification"
    assert reading.lines()[1:4] == [
        "kind: classification (guessed; --kind says otherwise)",
        "text: 'text' (guessed)",
        "label: 'label' (guessed)",
    ]


def test_what_was_guessed_is_said_before_a_label_that_does_not_fit_is_refused(write, caplog):
    caplog.set_level("INFO", "foretext")
    path = write("a.csv", "text,rating\na,1.5\nb,2.25\nc,\n")
    with pytest.raises(DataError, match="column 'rating': the label is missing"):
        read_as_given(LabelledDataSettings(data=path))
    kind, text, label = caplog.messages
    assert (kind.split(" (")[0], text, label) == (
        "kind: regression",
        "text: 'text' (guessed)",
        "label: 'rating' (guessed)",
    )
    caplog.clear()
    path.write_text("one,two,label\na,b,1\n")
    with pytest.raises(SettingsError, match="which columns hold the texts"):
        read_as_given(LabelledDataSettings(data=path))
    assert caplog.messages == ["kind: classification (guessed; --kind says otherwise)"]


def test_how_a_file_was_understood_is_said_once(write, caplog):
    caplog.set_level("INFO", "foretext")
    path = write("a.csv", "text,label\na,x\nb,y\n")
    read_as_given(LabelledDataSettings(data=path))
    assert sorted(caplog.messages) == sorted(read_examples(path).lines())


@pytest.mark.parametrize(
    ("columns", "kind", "label"),
    [
        ("text,label,rating", "regression", "label"),  # scores may be called both; of kinds together label comes first
        ("text,y,stars", "regression", "y"),
        ("sentence1,sentence2,label,score", "similarity", "label"),
    ],
)
def test_the_column_that_the_kind_was_guessed_from_is_the_label(write, columns, kind, label):
    texts = ",".join("t" for name in columns.split(",") if name not in ("label", "rating", "y", "stars", "score"))
    rows = "".join(f"{texts},{number}.5,word\n" for number in range(8))
    reading = read_examples(write("a.csv", f"{columns}\n{rows}"))
    assert (reading.schema.kind, reading.schema.label) == (kind, label)
    assert "label" in reading.columns.guessed


def test_several_names_a_cell_are_parted_as_the_settings_say(write):
    path = write("a.csv", "text,labels\na,x+y\nb,y\n")
    settings = LabelledDataSettings(data=path, kind="multi-label", separator="+")
    assert read_as_given(settings).schema.classes == ("x", "y")


def test_lists_of_names_as_python_prints_them_are_bad_rows_named_with_their_lines(write):
    path = write("a.csv", "text,labels\na,\"['law', 'sea']\"\nb,\"['sea']\"\n")
    lines = complaint(path, "multi-label").splitlines()
    assert lines[1:] == [
        """a.csv:2: column 'labels': "['law', 'sea']" is no list of names such as ["law", "sea"]""",
        """a.csv:3: column 'labels': "['sea']" is no list of names such as ["law", "sea"]""",
    ]


def test_an_example_counts_its_answers_from_0_whatever_the_labels_are():
    examples = [Example(("q",), ("a", "b", "c"), 1), Example(("q",), ("a", "b", "d"), 2)]
    found = read_as_given(LabelledDataSettings(kind="choice"), data=examples)
    assert [example.label for example in found.train] == [1, 2]


def test_words_with_bio_tags_are_a_text_with_spans_without_a_flag(write: Write) -> None:
    rows = [
        {"tokens": ["Ada", "Lovelace", "met", "Bo"], "tags": ["B-person", "I-person", "O", "B-person"]},
        {"tokens": ["It", "rained"], "tags": ["O", "O"]},
    ]
    reading = read_examples(write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert reading.schema.kind == "tagging"
    assert reading.examples[0].texts == ("Ada Lovelace met Bo",)
    assert reading.examples[0].label == (Span(0, 12, "person"), Span(17, 19, "person"))
    assert reading.examples[1].label == ()


def test_a_word_with_a_blank_inside_is_named_where_each_word_has_a_tag(write: Write) -> None:
    row = {"tokens": ["Ada Lovelace", "met"], "tags": ["B-person", "O"]}
    path = write("a.jsonl", json.dumps(row) + "\n")
    assert "a.jsonl:1: column 'tokens': 'Ada Lovelace' is not one word" in complaint(path, "tagging")
    path.write_text(path.read_text().replace("Ada Lovelace", ""))
    assert "a.jsonl:1: column 'tokens': '' is not one word" in complaint(path, "tagging")


def test_spans_are_found_by_their_column_and_bad_ones_named_with_their_line(write: Write) -> None:
    good = {"text": "Ada met Bo", "spans": [{"start": 0, "end": 3, "label": "person"}]}
    assert read_examples(write("a.jsonl", json.dumps(good) + "\n")).schema.kind == "tagging"
    bad = {"text": "Ada", "spans": [{"start": 0, "end": 9, "label": "person"}]}
    path = write("b.jsonl", json.dumps(good) + "\n" + json.dumps(bad) + "\n")
    assert "b.jsonl:2: column 'spans': the span 0 to 9 (person) ends beyond the text" in complaint(path, "tagging")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_order_of_a_table_s_own_categories_is_that_of_ordinal_classes(library: str) -> None:
    frames: Any = pytest.importorskip(library)
    order, levels = ["calm", "breezy", "stormy"], ["stormy", "calm", "stormy", "calm"]
    if library == "pandas":
        column: Any = frames.Categorical(levels, categories=order, ordered=True)
    else:
        column = frames.Series(levels, dtype=frames.Enum(order))
    table = frames.DataFrame({"text": ["a", "b", "c", "d"], "label": column})
    assert read_examples(table, kind="ordinal").schema.classes == ("calm", "breezy", "stormy")
    assert read_examples(table, kind="classification").schema.classes == ("calm", "stormy")
