"""What word counts alone can do: TF-IDF with logistic regression (ridge regression for scores), for every kind of task.

A task whose baseline is near chance needs more than words; a model that does not beat its baseline has learned less
than words. The settings are scikit-learn's, with words and word pairs, and are the same for all tasks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.kinds import Features
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.sets import SetLabels, best_thresholds
from foretext.tasks.labels.spans import SpanLabels, most_probable
from foretext.tasks.predictions import Predictions, of_answers, of_classes, of_scores, of_sets
from foretext.tasks.schema import TaskSchema

Matrix = Any  # a scipy sparse matrix (examples, features); scipy is imported only when a baseline runs

WORDS_AND_PAIRS = (1, 2)
STRENGTH = 3.0  # inverse of the L2 penalty: single sentences want 10, pairs 1 (measured on SST-2, CoLA, SNLI)
WORD = r"(?u)\b\w+\b|[^\w\s]"  # or a mark
LOWEST = -1e9  # the logarithm of the probability of a tag that no word of training has
RIDGE = 1.0  # the L2 penalty on scores
FOLDS = 3  # of the training examples, where thresholds are chosen


def tfidf_baseline(train: Sequence[Example], test: Sequence[Example], schema: TaskSchema) -> Predictions:
    """Predictions for `test` by a linear model over the TF-IDF of words and word pairs of `train`.

    What the linear model sees of an example follows from its kind:

        texts      each text, with a vocabulary of its own                     classification, regression, entailment
        pair       sum and absolute difference of both texts, cosine           similarity, whose order means nothing
        answers    for each answer: its words, those it shares with the texts  choice

    Scores are predicted within the range of `train`.

    Raises:
        DataError: an example of `train` has no label, or there is one class only.
    """
    if any(example.label is None for example in train):
        raise DataError("the baseline learns from labels, and a training example has none")
    learned, asked = _FEATURES[schema.task_kind.features](train, test)
    return _LEARNERS[schema.labels.name](learned, train, asked, test)


def _classify(learned: Matrix, train: Sequence[Example], asked: Matrix, test: Sequence[Example]) -> Predictions:
    model = _logistic(learned, [str(example.label) for example in train])
    return of_classes(model.predict_proba(asked), [str(name) for name in model.classes_])


def _regress(learned: Matrix, train: Sequence[Example], asked: Matrix, test: Sequence[Example]) -> Predictions:
    from sklearn.linear_model import Ridge

    labels = np.array([example.label for example in train], dtype=np.float64)
    scores = Ridge(alpha=RIDGE).fit(learned, labels).predict(asked)
    return of_scores(np.clip(scores, labels.min(), labels.max()))


def _say(learned: Matrix, train: Sequence[Example], asked: Matrix, test: Sequence[Example]) -> Predictions:
    """Each name judged by itself; from which probability on it is said follows from folds of the training examples."""
    from sklearn.model_selection import KFold

    labels = SetLabels().learned([example.label or () for example in train], LabelOptions(), "the training data")
    truth = labels.numbers([example.label or () for example in train])
    held_out = np.zeros(truth.shape)
    for part, rest in KFold(FOLDS, shuffle=True, random_state=0).split(truth):
        held_out[rest] = _name_probabilities(learned[part], truth[part], learned[rest])
    thresholds = best_thresholds(held_out, truth)
    return of_sets(_name_probabilities(learned, truth, asked), labels.classes, thresholds.tolist())


def _name_probabilities(learned: Matrix, truth: npt.NDArray[np.bool_], asked: Matrix) -> npt.NDArray[np.float64]:
    """The probability of each name, `(examples, names)`; a name that all or none have is as sure as that."""
    columns = []
    for true in truth.T:
        if true.any() and not true.all():
            columns.append(_logistic(learned, true.tolist()).predict_proba(asked)[:, 1])
        else:
            columns.append(np.full(asked.shape[0], true.mean()))
    return np.stack(columns, axis=1)


def _choose(learned: Matrix, train: Sequence[Example], asked: Matrix, test: Sequence[Example]) -> Predictions:
    """Each answer judged right or wrong on its own; the one most surely right is chosen."""
    right = [k == example.label for example in train for k in range(len(example.choices))]
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

    return TfidfVectorizer(ngram_range=WORDS_AND_PAIRS, sublinear_tf=True, token_pattern=WORD)


def _each_text(train: Sequence[Example], test: Sequence[Example]) -> tuple[Matrix, Matrix]:
    """The TF-IDF of each text of an example side by side; first texts have a vocabulary, second texts another."""
    from scipy.sparse import hstack

    columns = []
    for learned, asked in zip(_by_place(train), _by_place(test), strict=True):
        vectorizer = _vectorizer()
        columns.append((vectorizer.fit_transform(learned), vectorizer.transform(asked)))
    return hstack([left for left, _ in columns]).tocsr(), hstack([right for _, right in columns]).tocsr()


def _pair(train: Sequence[Example], test: Sequence[Example]) -> tuple[Matrix, Matrix]:
    """Sum, absolute difference and cosine of two texts, the same in either order."""
    from scipy.sparse import hstack

    vectorizer = _vectorizer().fit([text for example in train for text in example.texts])

    def features(examples: Sequence[Example]) -> Matrix:
        left, right = (vectorizer.transform(texts) for texts in _by_place(examples))
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
        for texts in _by_place(examples):
            shared = vectorizer.transform(texts)[np.repeat(np.arange(len(texts)), repeats)].multiply(answers)
            parts += [shared, shared.sum(axis=1)]
        return hstack(parts).tocsr()

    return features(train), features(test)


def _each_word(train: Sequence[Example], test: Sequence[Example]) -> tuple[Matrix, Matrix]:
    """A row a word: the word, the ones beside it, whether it has a capital or a digit, how it begins and ends."""
    from sklearn.feature_extraction import DictVectorizer

    vectorizer = DictVectorizer().fit(_word_features(train))
    return vectorizer.transform(_word_features(train)), vectorizer.transform(_word_features(test))


def _word_features(examples: Sequence[Example]) -> list[dict[str, str | bool]]:
    rows: list[dict[str, str | bool]] = []
    for example in examples:
        words = [example.texts[0][start:end] for start, end in word_offsets(example.texts[0])]
        for before, word, behind in zip(["", *words], words, [*words[1:], ""], strict=False):
            rows.append(
                {
                    "word": word.lower(),
                    "before": before.lower(),
                    "behind": behind.lower(),
                    "begins": word[:3].lower(),
                    "ends": word[-3:].lower(),
                    "capital": word[:1].isupper(),
                    "digit": any(map(str.isdigit, word)),
                }
            )
    return rows


def _tag(learned: Matrix, train: Sequence[Example], asked: Matrix, test: Sequence[Example]) -> Predictions:
    """Each word tagged by itself, of those sequences of tags that make spans the most probable."""
    labels = SpanLabels().learned([example.label or () for example in train], LabelOptions(), "the training data")
    tags = [
        tag for example in train for tag in labels.tags_of_overlap(example.label or (), word_offsets(example.texts[0]))
    ]
    model = _logistic(learned, tags)
    scores = np.full((asked.shape[0], 1 + 2 * len(labels.classes)), LOWEST)
    scores[:, model.classes_] = model.predict_log_proba(asked)
    offsets = [word_offsets(example.texts[0]) for example in test]
    rows = np.split(scores, np.cumsum([len(words) for words in offsets])[:-1])
    return Predictions(
        tuple(tuple(labels.spans(most_probable(part), words)) for part, words in zip(rows, offsets, strict=True))
    )


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Where the words and marks of a text stand, in characters."""
    return [match.span() for match in re.finditer(WORD, text)]


def _by_place(examples: Sequence[Example]) -> list[tuple[str, ...]]:
    """The first texts of all examples, their second texts, and so on."""
    return list(zip(*(example.texts for example in examples), strict=True))


_FEATURES: dict[Features, Callable[[Sequence[Example], Sequence[Example]], tuple[Matrix, Matrix]]] = {
    "texts": _each_text,
    "pair": _pair,
    "answers": _answer_features,
    "words": _each_word,
}
_LEARNERS: dict[str, Callable[[Matrix, Sequence[Example], Matrix, Sequence[Example]], Predictions]] = {
    "class": _classify,
    "ordered": _classify,
    "set": _say,
    "score": _regress,
    "answer": _choose,
    "span": _tag,
}
