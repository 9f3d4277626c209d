"""The classifier: one order of classes, rows by position, and what it is told and refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import roc_auc_score

import foretext
from foretext.sklearn import ForetextClassifier, Refused
from foretext.sklearn.targets import as_classes, weights_of

from .conftest import NAMES, TEXTS


def by_name(classifier, texts=TEXTS):
    """The probabilities of each text by the class's name."""
    return [dict(zip(map(str, classifier.classes_), row, strict=True)) for row in classifier.predict_proba(texts)]


class TestClasses:
    def test_it_learns_and_names_the_classes(self, fitted):
        assert fitted.classes_.tolist() == ["cat", "dog", "hen"]
        assert fitted.predict(["a hen saw Ann in the yard", "a cat saw Bob in the barn"]).tolist() == ["hen", "cat"]
        assert fitted.score(TEXTS, NAMES) == 1.0

    def test_what_is_predicted_is_the_largest_probability_of_each_row(self, fitted):
        probabilities = fitted.predict_proba(TEXTS)
        assert probabilities.shape == (len(TEXTS), 3)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert (fitted.predict(TEXTS) == fitted.classes_[probabilities.argmax(axis=1)]).all()

    @pytest.mark.parametrize(
        "names",
        [
            ["9", "10", "2"],  # np.unique has "10", "2", "9", a person 2, 9, 10
            ["a", "B", "C"],
            [9, 10, 2],
            [1.0, 2.0, 0.0],
            ["item 10", "item 9", " item 9"],
        ],
        ids=repr,
    )
    def test_the_order_of_classes_is_numpys_down_to_the_head(self, quick, fitted, names):
        y = [names[fitted.classes_.tolist().index(name)] for name in NAMES]
        classifier = ForetextClassifier(**quick).fit(TEXTS, y)
        assert classifier.classes_.tolist() == np.unique(y).tolist()
        assert classifier.predict(TEXTS).dtype == np.unique(y).dtype
        assert classifier.model_.schema.classes == tuple(map(str, np.unique(y)))
        said = [answer.probabilities for answer in classifier.model_.predict(TEXTS)]
        assert by_name(classifier) == said

    def test_more_than_ten_numbers_score_as_worked_out_by_name(self, learns):
        numbers = {text: place for place, text in enumerate(TEXTS)}
        for kind in (int, str):
            y = [kind(numbers[text]) for text in TEXTS]
            classifier = ForetextClassifier(**{**learns, "batch": 12, "epochs": 8}).fit(TEXTS, y)
            assert classifier.classes_.tolist() == sorted(y)
            probabilities = classifier.predict_proba(TEXTS)
            named = by_name(classifier)
            worked_out = np.mean(
                [
                    np.mean(
                        [
                            (named[row][name] > named[other][name]) + (named[row][name] == named[other][name]) / 2
                            for other in range(len(y))
                            if other != row
                        ]
                    )
                    for row, name in enumerate(map(str, y))
                ]
            )
            found = roc_auc_score(y, probabilities, multi_class="ovr", labels=classifier.classes_)
            assert found == pytest.approx(worked_out)

    def test_rows_in_another_order_have_the_same_classes_by_name(self, learns, fitted):
        turned = ForetextClassifier(**learns).fit(TEXTS[::-1], NAMES[::-1])
        assert turned.classes_.tolist() == fitted.classes_.tolist()
        assert turned.predict(TEXTS).tolist() == fitted.predict(TEXTS).tolist() == NAMES

    def test_labels_keep_their_type(self):
        pandas = pytest.importorskip("pandas")
        columns = {
            "bool": [True, False],
            "int8": np.array([3, -1], dtype=np.int8),
            "category": pandas.Series(["b", "a"], dtype="category"),
            "Int64": pandas.Series([2, 1], dtype="Int64"),
            "string": pandas.Series(["b", "a"], dtype="string"),
            "object": np.array(["b", "a"], dtype=object),
        }
        for name, y in columns.items():
            found = as_classes(y)
            assert found.classes.tolist() == sorted(np.asarray(y).tolist()), name
            assert found.labels == [str(value) for value in np.asarray(y).tolist()], name
        assert as_classes(columns["int8"]).classes.dtype == np.int8
        assert as_classes(columns["bool"]).classes.dtype == np.bool_
        assert as_classes(columns["Int64"]).classes.dtype.kind == "i"
        assert as_classes(columns["object"]).classes.dtype == object

    def test_a_column_of_labels_is_one_label_a_row_and_says_so(self):
        with pytest.warns(DataConversionWarning):
            assert as_classes(np.array([[1], [2]])).labels == ["1", "2"]

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (["a", None], "y, row 2: the label is missing"),
            (np.array(["a", np.nan, "b"], dtype=object), "y, row 2: the label is missing"),
            (np.array([1.0, np.nan]), "y, row 2: the label is missing"),
            (["a", float("nan"), "b"], "y, row 2: the label is missing"),
            (["a", 1], "of several types, numbers and text"),
            ([True, 2], "of several types, numbers and truth values"),
            (np.array(["a", 1], dtype=object), "of several types, numbers and text"),
            (["a", "a"], "only one class, 'a'"),
            ([0.5, 1.25], "continuous"),
            ([["a"], ["a", "b"]], "MultiLabelBinarizer"),
            ([np.array(["a"]), np.array(["a", "b"])], "MultiLabelBinarizer"),
        ],
        ids=repr,
    )
    def test_what_are_no_classes_is_refused(self, y, message):
        with pytest.raises((ValueError, foretext.ForetextError), match=message):
            as_classes(y)


class TestWeights:
    def test_equal_weights_change_nothing(self, quick):
        plain = ForetextClassifier(**quick).fit(TEXTS, NAMES).predict_proba(TEXTS)
        weighted = ForetextClassifier(**quick).fit(TEXTS, NAMES, sample_weight=np.full(len(TEXTS), 2.5))
        assert (weighted.predict_proba(TEXTS) == plain).all()

    def test_a_row_of_weight_0_is_as_if_it_were_not_there(self, quick):
        more = [*TEXTS, "a cat saw a dog", "a hen"]
        weights = [1.0] * len(TEXTS) + [0.0, 0.0]
        without = ForetextClassifier(**quick).fit(TEXTS, NAMES).predict_proba(TEXTS)
        assert (
            ForetextClassifier(**quick).fit(more, [*NAMES, "hen", "dog"], weights).predict_proba(TEXTS) == without
        ).all()

    def test_heavy_rows_win_over_light_ones_that_say_otherwise(self, learns):
        y, other = NAMES, [{"cat": "dog", "dog": "hen", "hen": "cat"}[name] for name in NAMES]
        weights = [20.0] * len(y) + [1.0] * len(y)
        for first, second in ((y, other), (other, y)):
            classifier = ForetextClassifier(**learns).fit(TEXTS * 2, first + second, sample_weight=weights)
            assert classifier.predict(TEXTS).tolist() == first

    def test_weights_of_classes_go_with_those_of_rows(self):
        y = ["a", "a", "a", "b"]
        assert weights_of(y, None, "balanced", 4) == pytest.approx([2 / 3] * 3 + [2])
        assert weights_of(y, None, {"b": 3.0}, 4) == pytest.approx([4 / 6] * 3 + [2])
        assert weights_of(y, [1, 0, 1, 1], {"b": 2.0}, 4) == pytest.approx([3 / 4, 0, 3 / 4, 6 / 4])
        assert weights_of(y, None, None, 4) == [1.0] * 4

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([1.0] * 3, r"has shape \(3,\)"),
            ([1.0] * 11 + [-1.0], "row 12: -1.0 is no weight"),
            ([1.0] * 11 + [np.nan], "row 12: nan is no weight"),
            ([0.0] * 12, "every weight is zero"),
            (["much"] * 12, "no number"),
        ],
    )
    def test_weights_that_are_none_are_refused(self, quick, weights, message):
        with pytest.raises(Refused, match=message):
            ForetextClassifier(**quick).fit(TEXTS, NAMES, sample_weight=weights)

    def test_a_weight_for_a_class_that_is_not_there_is_refused(self, quick):
        with pytest.raises(
            Refused, match="class_weight names 'duck', which is none of the classes 'cat', 'dog', 'hen'"
        ):
            ForetextClassifier(**quick, class_weight={"duck": 2.0}).fit(TEXTS, NAMES)


class TestSettings:
    def test_early_stopping_keeps_rows_aside_and_the_best_epoch(self, quick):
        kept = {**quick, "epochs": 3}
        stopping = ForetextClassifier(**kept, early_stopping=True, validation_fraction=0.25).fit(TEXTS, NAMES)
        assert stopping.model_.saved.history.finetuning.result.validation["count"] == 3
        assert ForetextClassifier(**quick).fit(TEXTS, NAMES).model_.scores is None

    def test_other_settings_of_the_command_go_through(self, quick):
        settings = {"optimizer": {"beta1": 0.8}, "read_twice": True, "metric": "f1_macro", "cutting": "fill"}
        classifier = ForetextClassifier(**quick, settings=settings).fit(TEXTS, NAMES)
        schema = classifier.model_.schema
        assert (schema.read_twice, schema.metric, schema.cutting) == (True, "f1_macro", "fill")
        assert classifier.model_.saved.history.finetuning.settings["optimizer"]["beta1"] == 0.8

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"settings": {"epochs": 2}}, "settings: epochs is a parameter of its own"),
            ({"settings": {"out": "run"}}, "settings: out is settled by the estimator"),
            ({"settings": {"epoch": 2}}, "no setting called 'epoch'"),
            ({"settings": {"label": "x"}}, "LabelledData is read already"),
            ({"epochs": -1}, "epochs is -1"),
            ({"kind": "regression"}, "a classifier is for classification, entailment, choice, multi-label"),
            ({"kind": "choice"}, "kind='choice' needs choices"),
            ({"kind": "entailment"}, "entailment takes 2 text columns"),
            ({"model": "no such model"}, "no such model"),
            ({"device": "abacus"}, "no device called 'abacus'"),
            ({"early_stopping": True, "validation_fraction": 1.5}, "validation share is 1.5"),
        ],
        ids=repr,
    )
    def test_wrong_parameters_are_refused_in_fit(self, quick, params, message):
        with pytest.raises(Refused, match=message):
            ForetextClassifier(**{**quick, **params}).fit(TEXTS, NAMES)

    def test_a_fit_that_fails_leaves_the_one_before(self, quick):
        classifier = ForetextClassifier(**quick).fit(TEXTS, NAMES)
        before = classifier.predict_proba(TEXTS)
        with pytest.raises(Refused, match="only one class"):
            classifier.fit(TEXTS, ["a"] * len(TEXTS))
        assert (classifier.predict_proba(TEXTS) == before).all()

    def test_nothing_is_answered_before_fit_nor_fitted_bit_by_bit(self, quick):
        classifier = ForetextClassifier(**quick)
        for ask in (classifier.predict, classifier.predict_proba):
            with pytest.raises(NotFittedError):
                ask(TEXTS)
        assert not hasattr(classifier, "partial_fit")
        with pytest.raises(AttributeError, match=r"no partial_fit: fit trains anew .*model=fitted.model_"):
            classifier.partial_fit(TEXTS, NAMES)

    def test_it_may_go_on_from_a_fitted_one(self, quick, fitted):
        again = ForetextClassifier(**{**quick, "model": fitted.model_}).fit(TEXTS, NAMES)
        assert again.model_.saved.history.finetuning.model == fitted.model_.saved.fingerprint

    def test_a_fit_is_silent_unless_told(self, quick, capsys, monkeypatch):
        monkeypatch.setenv("FORETEXT_PROGRESS", "plain")
        ForetextClassifier(**quick).fit(TEXTS, NAMES).predict(TEXTS)
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", "")
        ForetextClassifier(**quick, verbose=True).fit(TEXTS, NAMES)
        assert "fine-tuning: 100%" in capsys.readouterr().err
