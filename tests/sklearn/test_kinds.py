"""Entailment, choice and several labels, numbers, and vectors: what y and X are, and what comes back."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer

import foretext
from foretext.sklearn import ForetextClassifier, ForetextFeaturizer, ForetextRegressor, Refused

from .conftest import ANIMALS, NAMES, TEXTS

pandas = pytest.importorskip("pandas")

PAIRS = pandas.DataFrame({"number": range(12), "first": TEXTS, "second": TEXTS[::-1]})
CHOICES = pandas.DataFrame({"story": TEXTS, "one": "a cat", "two": "a dog", "three": "a hen"})
RIGHT = [ANIMALS.index(name) for name in NAMES]
SEEN = [{name, "man"} if "Bob" in text else {name} for name, text in zip(NAMES, TEXTS, strict=True)]


class TestEntailment:
    def test_two_columns_are_read_in_the_order_they_are_given(self, quick):
        classifier = ForetextClassifier(**quick, kind="entailment", columns=["second", "first"])
        classifier.fit(PAIRS, pandas.Series(NAMES, name="gold"))
        schema = classifier.model_.schema
        assert (schema.kind, schema.text, schema.label) == ("entailment", ("second", "first"), "gold")
        assert (classifier.n_features_in_, classifier.feature_names_in_.tolist()) == (3, list(PAIRS))
        rows = [
            {"first": first, "second": second} for first, second in zip(PAIRS["first"], PAIRS["second"], strict=True)
        ]
        said = [[*answer.probabilities.values()] for answer in classifier.model_.predict(rows)]
        assert classifier.predict_proba(PAIRS).tolist() == said

    def test_a_column_that_is_no_text_is_named(self, quick):
        with pytest.raises(Refused, match="X, row 1: column 'number': 0 is a number, not a text"):
            ForetextClassifier(**quick).fit(PAIRS, NAMES)


class TestChoice:
    COLUMNS = ("one", "two", "three")

    def test_the_right_answer_is_learned_and_named_by_its_place(self, learns):
        classifier = ForetextClassifier(**{**learns, "epochs": 40}, choices=self.COLUMNS).fit(CHOICES, RIGHT)
        assert classifier.model_.schema.kind == "choice"
        assert classifier.classes_.tolist() == [0, 1, 2]
        probabilities = classifier.predict_proba(CHOICES)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert (classifier.predict(CHOICES) == probabilities.argmax(axis=1)).all()
        assert classifier.score(CHOICES, RIGHT) > 0.5

    def test_an_answer_that_a_row_does_not_have_has_no_probability(self, quick):
        fewer = CHOICES.assign(three=[None, float("nan"), *["a hen"] * 10])
        y = [0, 1, *RIGHT[2:]]
        listed = pandas.DataFrame(
            {"story": TEXTS, "answers": [["a cat", "a dog"], ["a cat", "a dog"], *[["a cat", "a dog", "a hen"]] * 10]}
        )
        spread = ForetextClassifier(**quick, choices=self.COLUMNS).fit(fewer, y).predict_proba(fewer)
        assert (spread[:2, 2] == 0).all()
        assert (spread[2:] > 0).all()
        in_lists = ForetextClassifier(**quick, choices="answers").fit(listed, y)
        assert (in_lists.predict_proba(listed) == spread).all()
        more = listed.assign(answers=[["a cat", "a dog", "a hen", "a cow"]] * 12)
        with pytest.raises(Refused, match="X, row 1: 4 answers; in fit there were 3 at most"):
            in_lists.predict(more)

    @pytest.mark.parametrize("bad", [3, -1, "a cat", 1.5, True, None])
    def test_a_label_that_is_no_place_of_an_answer_is_named(self, quick, bad):
        y = np.array([0, bad, *RIGHT[2:]], dtype=object)
        with pytest.raises(Refused, match="y.* (row 2: .*(counted from 0|is missing)|of several types)"):
            ForetextClassifier(**quick, choices=self.COLUMNS).fit(CHOICES, y)

    def test_choices_of_another_kind_are_refused(self, quick):
        with pytest.raises(Refused, match="choices are for kind='choice'; kind is 'entailment'"):
            ForetextClassifier(**quick, kind="entailment", choices=["one"]).fit(CHOICES, RIGHT)


class TestSeveralLabels:
    def test_an_indicator_matrix_comes_back_in_the_order_of_its_columns(self, learns):
        binarizer = MultiLabelBinarizer(classes=["man", *ANIMALS[::-1]])
        y = binarizer.fit_transform(SEEN)
        classifier = ForetextClassifier(**learns).fit(TEXTS, y)
        assert classifier.model_.schema.kind == "multi-label"
        assert classifier.classes_.tolist() == [0, 1, 2, 3]
        said, probabilities = classifier.predict(TEXTS), classifier.predict_proba(TEXTS)
        assert said.shape == probabilities.shape == y.shape
        assert ((probabilities >= 0.5) == said).all()
        assert (said == y).mean() > 0.9
        assert classifier.score(TEXTS, y) == accuracy_score(y, said)

    def test_names_of_columns_are_names_of_labels_and_the_matrix_may_be_sparse(self, quick):
        y = MultiLabelBinarizer().fit_transform(SEEN)
        plain = ForetextClassifier(**quick).fit(TEXTS, y)
        named = ForetextClassifier(**quick).fit(TEXTS, pandas.DataFrame(y, columns=["10", "9", "b", "a"]))
        assert named.classes_.tolist() == list(named.model_.schema.classes) == ["10", "9", "b", "a"]
        sparse = ForetextClassifier(**quick).fit(TEXTS, scipy.sparse.csr_matrix(y))
        listed = ForetextClassifier(**quick).fit(TEXTS, y.tolist())
        for other in (named, sparse, listed):
            assert (other.predict_proba(TEXTS) == plain.predict_proba(TEXTS)).all()

    def test_a_label_that_no_row_has_keeps_its_column(self, quick):
        y = np.column_stack([MultiLabelBinarizer().fit_transform(SEEN), np.zeros(12, dtype=int)])
        assert ForetextClassifier(**quick).fit(TEXTS, y).predict_proba(TEXTS).shape == (12, 5)

    @pytest.mark.parametrize(
        "y",
        [
            ["law, sea"] * 12,
            ['["law"]'] * 12,
            [["law", "sea"]] * 11 + [[]],
            [{"law"}] * 12,
            [("law",)] * 12,
            np.full((12, 2), 2),
            np.full((12, 2), "law"),
        ],
        ids=repr,
    )
    def test_sets_spelt_out_are_refused_with_what_to_do(self, quick, y):
        with pytest.raises(Refused, match="MultiLabelBinarizer"):
            ForetextClassifier(**quick, kind="multi-label").fit(TEXTS, y)
        if not isinstance(y[0], str):
            with pytest.raises(Refused, match="MultiLabelBinarizer"):
                ForetextClassifier(**quick).fit(TEXTS, y)

    def test_rows_that_all_say_the_same_teach_nothing(self, quick):
        with pytest.raises(Refused, match="every row of y has the same labels"):
            ForetextClassifier(**quick).fit(TEXTS, np.ones((12, 2), dtype=int))


class TestRegressor:
    Y = np.array([ANIMALS.index(name) * 10.0 - 3 for name in NAMES])

    def test_numbers_are_learned_on_their_own_scale(self, learns):
        regressor = ForetextRegressor(**learns).fit(TEXTS, self.Y)
        found = regressor.predict(TEXTS)
        assert (found.shape, found.dtype) == ((12,), np.float64)
        assert regressor.score(TEXTS, self.Y) == pytest.approx(r2_score(self.Y, found))
        assert regressor.score(TEXTS, self.Y) > 0.8

    def test_pairs_in_either_order_are_as_alike(self, quick):
        pairs = PAIRS[["first", "second"]].to_numpy()
        regressor = ForetextRegressor(**quick, kind="similarity", scores="value").fit(pairs, self.Y)
        assert regressor.model_.saved.gpt.head.settings.target == "value"
        np.testing.assert_allclose(regressor.predict(pairs), regressor.predict(pairs[:, ::-1]), rtol=1e-5)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            ([1.0, np.nan, *[2.0] * 10], "y, row 2: the label is missing"),
            ([1.0, np.inf, *[2.0] * 10], "y, row 2: inf is no finite number"),
            (["1.5", "2.5"] * 6, "12 problems"),
            ([1.0] * 12, "every label is 1"),
            ([[1.0, 2.0]] * 12, "list"),
        ],
        ids=lambda value: repr(value)[:30],
    )
    def test_what_are_no_numbers_to_learn_is_refused(self, quick, y, message):
        with pytest.raises(Refused, match=message):
            ForetextRegressor(**quick).fit(TEXTS, y)

    def test_it_has_no_classes_and_takes_no_kind_that_has(self, quick):
        assert not hasattr(ForetextRegressor, "predict_proba")
        with pytest.raises(Refused, match="a regressor is for regression, similarity"):
            ForetextRegressor(**quick, kind="classification").fit(TEXTS, self.Y)

    def test_heavy_rows_win(self, learns):
        weights = [20.0] * 12 + [1.0] * 12
        regressor = ForetextRegressor(**learns).fit(TEXTS * 2, [*self.Y, *self.Y[::-1]], sample_weight=weights)
        assert regressor.score(TEXTS, self.Y) > 0.5


class TestFeaturizer:
    def test_vectors_are_those_of_embed(self, tiny, fitted):
        model = foretext.load(tiny, device="cpu")
        for pool in ("last", "mean"):
            vectors = ForetextFeaturizer(tiny, pool=pool, device="cpu").fit_transform(TEXTS)
            np.testing.assert_array_equal(vectors, model.embed(TEXTS, pool=pool))
        of_extract = ForetextFeaturizer(fitted.model_, device="cpu").fit_transform(TEXTS)
        np.testing.assert_array_equal(of_extract, fitted.model_.embed(TEXTS))

    def test_any_estimator_may_stand_behind_it(self, tiny):
        pipeline = make_pipeline(ForetextFeaturizer(tiny, pool="mean", device="cpu"), LogisticRegression(C=1e4))
        assert pipeline.fit(TEXTS, NAMES).score(TEXTS, NAMES) == 1.0
        assert clone(pipeline).fit(TEXTS, NAMES).predict(TEXTS).tolist() == NAMES

    def test_its_columns_have_names_and_a_frame_its_index(self, tiny):
        featurizer = ForetextFeaturizer(tiny, device="cpu").set_output(transform="pandas")
        frame = featurizer.fit_transform(pandas.Series(TEXTS, index=range(5, 17)))
        assert list(frame.columns) == [f"foretextfeaturizer{place}" for place in range(16)]
        assert list(frame.index) == list(range(5, 17))

    def test_a_text_has_the_same_vector_in_any_company(self, tiny):
        featurizer = ForetextFeaturizer(tiny, device="cpu").fit(TEXTS)
        several = ["a", *TEXTS, " ".join(TEXTS)[:150]]
        together = featurizer.transform(several)
        alone = np.concatenate([featurizer.transform([text]) for text in several])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        np.testing.assert_allclose(featurizer.transform(several[::-1])[::-1], together, atol=1e-5)

    def test_columns_that_do_not_fit_the_model_and_empty_texts_are_refused(self, tiny):
        with pytest.raises(Refused, match="a language model reads 1 text a row; columns of texts here: first, second"):
            ForetextFeaturizer(tiny).fit(PAIRS[["first", "second"]])
        with pytest.raises(Refused, match="X, row 2: the text holds no token"):
            ForetextFeaturizer(tiny, device="cpu").fit(["a", ""]).transform(["a", ""])
        with pytest.raises(Refused, match="choices are for models of kind choice"):
            ForetextFeaturizer(tiny, columns="story", choices="one").fit(CHOICES)
