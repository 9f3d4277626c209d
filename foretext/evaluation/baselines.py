"""What word counts alone can do: TF-IDF with logistic regression (ridge regression for scores), for every kind of task.

A task whose baseline is near chance needs more than words; a model that does not beat its baseline has learned less
than words. The settings are scikit-learn's, with words and word pairs, and are the same for all tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError, UnknownName
from foretext.tasks.examples import Example
from foretext.tasks.predictions import Predictions, of_answers, of_classes, of_scores

Matrix = Any  # a scipy sparse matrix (examples, features); scipy is imported only when a baseline runs

WORDS_AND_PAIRS = (1, 2)
STRENGTH = 3.0  # inverse of the L2 penalty: single sentences want 10, pairs 1 (measured on SST-2, CoLA, SNLI)
RIDGE = 1.0  # the L2 penalty on scores


def tfidf_baseline(train: Sequence[Example], test: Sequence[Example], kind: str) -> Predictions:
    """Predictions for `test` by a linear model over the TF-IDF of words and word pairs of `train`.

    What the linear model sees of an example:

        classification, regression   the text
        entailment                   each text, with a vocabulary of its own
        similarity                   sum and absolute difference of both texts (their order means nothing), cosine
        choice                       for each answer: its words, the words it shares with each other text, cosines

    Labels that are numbers are predicted as scores, within the range of `train`; for choice a label is the index of
    the right answer.

    Raises:
        DataError: an example of `train` has no label, or there is one class only.
        UnknownName: a kind of task that is not known.
    """
    if kind not in _FEATURES and kind != "choice":
        raise UnknownName("kind of task", kind, [*_FEATURES, "choice"])
    if any(example.label is None for example in train):
        raise DataError("the baseline learns from labels, and a training example has none")
    if kind == "choice":
        return _choose(train, test)
    texts, others = [example.texts for example in train], [example.texts for example in test]
    learned, asked = _FEATURES[kind](texts, others)
    labels = [example.label for example in train]
    if all(isinstance(label, str) for label in labels):
        return _classify(learned, [str(label) for label in labels], asked)
    return _regress(learned, np.array(labels, dtype=np.float64), asked)


def _classify(train: Matrix, labels: Sequence[str], test: Matrix) -> Predictions:
    model = _logistic(train, labels)
    return of_classes(model.predict_proba(test), [str(name) for name in model.classes_])


def _regress(train: Matrix, labels: npt.NDArray[np.float64], test: Matrix) -> Predictions:
    from sklearn.linear_model import Ridge

    scores = Ridge(alpha=RIDGE).fit(train, labels).predict(test)
    return of_scores(np.clip(scores, labels.min(), labels.max()))


def _choose(train: Sequence[Example], test: Sequence[Example]) -> Predictions:
    """Each answer judged right or wrong on its own; the one most surely right is chosen."""
    learned, asked = _answer_features(train, test)
    right = [k == int(example.label or 0) for example in train for k in range(len(example.choices))]
    scores = _logistic(learned, right).decision_function(asked)
    ends = np.cumsum([len(example.choices) for example in test])[:-1]
    return of_answers(np.split(scores, ends))


def _logistic(features: Matrix, labels: Sequence[object]) -> Any:
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < 2:
        raise DataError(f"every training label is {labels[0]!r}; the baseline needs two classes at least")
    return LogisticRegression(C=STRENGTH, max_iter=1_000).fit(features, labels)


def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=WORDS_AND_PAIRS, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")


Texts = Sequence[tuple[str, ...]]
Features = Callable[[Texts, Texts], tuple[Matrix, Matrix]]


def _each_text(train: Texts, test: Texts) -> tuple[Matrix, Matrix]:
    """The TF-IDF of each text of an example side by side, each place with its own vocabulary."""
    from scipy.sparse import hstack

    columns = []
    for learned, asked in zip(zip(*train, strict=True), zip(*test, strict=True), strict=True):
        vectorizer = _vectorizer()
        columns.append((vectorizer.fit_transform(learned), vectorizer.transform(asked)))
    return hstack([left for left, _ in columns]).tocsr(), hstack([right for _, right in columns]).tocsr()


def _pair(train: Texts, test: Texts) -> tuple[Matrix, Matrix]:
    """Sum, absolute difference and cosine of two texts, the same in either order."""
    from scipy.sparse import hstack

    vectorizer = _vectorizer().fit([text for texts in train for text in texts])

    def features(examples: Texts) -> Matrix:
        left, right = (vectorizer.transform(texts) for texts in zip(*examples, strict=True))
        return hstack([left + right, abs(left - right), left.multiply(right).sum(axis=1)]).tocsr()

    return features(train), features(test)


def _answer_features(train: Sequence[Example], test: Sequence[Example]) -> tuple[Matrix, Matrix]:
    """A row an answer: its words, and what it shares with each text of its example.

    The words of the texts alone are left out: they are the same for all answers and cannot tell them apart.
    """
    from scipy.sparse import hstack

    vectorizer = _vectorizer().fit([text for example in train for text in (*example.texts, *example.choices)])

    def features(examples: Sequence[Example]) -> Matrix:
        answers = vectorizer.transform([answer for example in examples for answer in example.choices])
        repeats = [len(example.choices) for example in examples]
        parts = [answers]
        for texts in zip(*(example.texts for example in examples), strict=True):
            shared = vectorizer.transform(texts)[np.repeat(np.arange(len(texts)), repeats)].multiply(answers)
            parts += [shared, shared.sum(axis=1)]
        return hstack(parts).tocsr()

    return features(train), features(test)


_FEATURES: dict[str, Features] = {
    "classification": _each_text,
    "regression": _each_text,
    "entailment": _each_text,
    "similarity": _pair,
}
