"""X in every form gives the same rows, by position; what is no text is refused, not read as one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from foretext.errors import DataError, UnknownName
from foretext.sklearn import ForetextClassifier, ForetextFeaturizer, ForetextRegressor, Refused
from foretext.sklearn.inputs import Read, table_of

from .conftest import NAMES, TEXTS

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

PAIRS = [("a cat", "a dog"), ("a hen", "a cat")]


def texts(data, columns=None):
    """The texts of each row, as `fit` reads them."""
    table = table_of(data)
    return [example.texts for example in Read.of(table, columns).examples(table)]


@pytest.mark.parametrize(
    "data",
    [
        ["a cat", "a dog"],
        ("a cat", "a dog"),
        np.array(["a cat", "a dog"]),
        np.array(["a cat", "a dog"], dtype=object),
        np.array([["a cat"], ["a dog"]]),
        pandas.Series(["a cat", "a dog"], index=[7, 7]),
        pandas.Series(["a cat", "a dog"], dtype="category"),
        pandas.DataFrame({"words": ["a cat", "a dog"]}, index=[1, 0]),
        polars.Series(["a cat", "a dog"]),
        polars.DataFrame({"words": ["a cat", "a dog"]}),
        [["a cat"], ["a dog"]],
        [{"words": "a cat"}, {"words": "a dog"}],
    ],
    ids=lambda data: f"{type(data).__module__}.{type(data).__name__}",
)
def test_texts_come_in_many_forms(data):
    assert texts(data) == [("a cat",), ("a dog",)]


@pytest.mark.parametrize(
    "data",
    [
        PAIRS,
        np.array(PAIRS),
        np.array(PAIRS, dtype=object),
        pandas.DataFrame(PAIRS, columns=["one", "two"]),
        pandas.DataFrame(PAIRS),
        polars.DataFrame(PAIRS, schema=["one", "two"], orient="row"),
    ],
    ids=lambda data: f"{type(data).__module__}.{type(data).__name__}",
)
def test_pairs_come_in_many_forms_and_columns_choose_among_them(data):
    names = table_of(data).names
    assert texts(data) == PAIRS
    assert texts(data, names[::-1]) == [pair[::-1] for pair in PAIRS]
    assert texts(data, names[1]) == [pair[1:] for pair in PAIRS]
    with pytest.raises(UnknownName, match="no column of X called 'three'"):
        texts(data, "three")
    with pytest.raises(DataError, match="is given twice"):
        texts(data, [names[0], names[0]])


def test_a_place_names_a_column_that_has_no_name():
    assert texts(np.array(PAIRS), 1) == texts(PAIRS, [1]) == [("a dog",), ("a cat",)]


@pytest.mark.parametrize("data", ["a cat", b"a cat", {"words": ["a cat"]}, scipy.sparse.eye(2).tocsr()], ids=repr)
def test_what_holds_no_rows_of_texts_is_a_type_error(data):
    with pytest.raises(TypeError, match=r"^X is (one text|a mapping|a sparse matrix)"):
        table_of(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "X has no rows"),
        (pandas.DataFrame({"words": []}), "X has no rows"),
        (3, "holds no examples"),
        (["a", None], "X, row 2: column 'text': the text is missing"),
        (["a", float("nan")], "X, row 2: column 'text': the text is missing"),
        (pandas.Series(["a", pandas.NA]), "X, row 2: column 'text': the text is missing"),
        ([{"words": None}], "X, row 1: column 'words': the text is missing"),
        ([{"words": "a"}, {"word": "a"}], "X, row 2: column 'words': the text is missing"),
        (["a", 2.5], "X, row 2: column 'text': 2.5 is a number, not a text"),
        (["a", b"b"], "row 2: column 'text': b'b' is bytes, not a text"),
        (np.eye(2), "2 problems|4 problems"),
        (["a", ("b", "c")], r"row 2: column 'text': \('b', 'c'\) is of type tuple, not a text"),
        ([("a", "b"), ("c",)], "the rows of X have 1 to 2 cells"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_text_is_named_with_its_row(data, message):
    with pytest.raises(DataError, match=message):
        texts(data)


def test_all_bad_rows_are_named_together():
    with pytest.raises(DataError, match=r"(?s)2 problems.*row 1: .*row 3: "):
        texts([None, "a", 3])


class TestAsInFit:
    FRAME = pandas.DataFrame(PAIRS, columns=["one", "two"])

    def read(self, data, columns=None):
        return Read.of(table_of(data), columns)

    def test_named_columns_are_found_by_name_in_any_order(self):
        read = self.read(self.FRAME)
        turned = read.examples(table_of(self.FRAME[["two", "one"]]))
        assert [example.texts for example in turned] == PAIRS

    def test_columns_that_are_missing_or_new_are_refused_unless_others_were_chosen(self):
        read = self.read(self.FRAME)
        for other in (self.FRAME[["one"]], self.FRAME.assign(three="x"), self.FRAME.rename(columns={"two": "too"})):
            with pytest.raises(
                DataError, match=r"the columns of X are .*; in fit they were 'one', 'two': give the same"
            ):
                read.examples(table_of(other))
        chosen = self.read(self.FRAME, ["two"])
        assert chosen.examples(table_of(self.FRAME[["two"]].assign(three=1)))[0].texts == ("a dog",)

    def test_columns_without_names_are_taken_by_place_if_there_are_as_many_and_it_is_said(self):
        read = self.read(self.FRAME)
        with pytest.warns(UserWarning, match="X has no names of columns, and had some in fit"):
            assert [example.texts for example in read.examples(table_of(PAIRS))] == PAIRS
        with pytest.raises(DataError, match="X has 1 column; in fit it had 2"):
            read.examples(table_of(["a cat"]))
        with pytest.warns(UserWarning, match="X has names of columns, and had none in fit"):
            self.read(PAIRS).examples(table_of(self.FRAME))

    def test_the_one_column_may_be_called_anything_and_nothing_is_said(self, recwarn):
        read = self.read(["a cat"])
        assert read.examples(table_of(pandas.DataFrame({"words": ["a dog"]})))[0].texts == ("a dog",)
        assert self.read(pandas.DataFrame({"words": ["a"]})).examples(table_of(["a dog"]))[0].texts == ("a dog",)
        assert not recwarn.list


def test_rows_meet_labels_by_position_whatever_the_index_says(quick):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    frame = pandas.DataFrame({"words": TEXTS}).iloc[order]
    labels = [NAMES[place] for place in order]
    expected = ForetextClassifier(**quick).fit([TEXTS[place] for place in order], labels).predict_proba(TEXTS)
    for y in (
        labels,
        np.array(labels),
        pandas.Series(labels),
        pandas.Series(labels, index=range(50, 50 + len(labels))),
    ):
        classifier = ForetextClassifier(**quick).fit(frame, y)
        assert (classifier.predict_proba(TEXTS) == expected).all()
        assert (classifier.predict_proba(frame["words"].sort_index()) == expected).all()


@pytest.mark.parametrize(
    "y", [NAMES[1:], np.array(NAMES[1:]), pandas.Series([*NAMES, "cat"])], ids=lambda y: type(y).__name__
)
def test_as_many_labels_as_rows_are_wanted(quick, y):
    with pytest.raises(ValueError, match=r"X has 12 rows and y has 1[13]"):
        ForetextClassifier(**quick).fit(TEXTS, y)


def test_labels_that_are_none_are_a_type_error_and_missing_ones_are_asked_for(quick):
    for y in ("cat", {"a": 1}, 3):
        with pytest.raises(TypeError, match="give a list, an array or a Series of labels"):
            ForetextClassifier(**quick).fit(TEXTS, y)
    with pytest.raises(ValueError, match="requires y"):
        ForetextClassifier(**quick).fit(TEXTS, None)


def test_a_single_text_is_not_asked_letter_by_letter(fitted):
    for ask in (fitted.predict, fitted.predict_proba):
        with pytest.raises(TypeError, match="X is one text; give a list of texts"):
            ask("a cat")
        with pytest.raises(Refused, match="the text is missing"):
            ask([{"text": None}])


@pytest.mark.parametrize("estimator", [ForetextClassifier, ForetextRegressor, ForetextFeaturizer])
def test_what_was_seen_in_fit_is_remembered(quick, estimator):
    params = {name: value for name, value in quick.items() if name in estimator().get_params()}
    y = np.arange(len(TEXTS)) % 2
    made = estimator(**params).fit(pandas.DataFrame({"words": TEXTS}), y)
    assert (made.n_features_in_, made.feature_names_in_.tolist()) == (1, ["words"])
    made.fit(TEXTS, y)
    assert made.n_features_in_ == 1
    assert not hasattr(made, "feature_names_in_")
