"""A model of word counts, asked about rows that it has not seen: the yardstick of the checks on labels.

Every word counts, one-letter words, single Chinese characters and emoji too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.checkup.folds import dealt
from foretext.checkup.rows import Part, Sampled, key_of
from foretext.texts.words import words

FOLDS = 5
STRENGTH = 3.0  # inverse of the L2 penalty, as of the baseline that models are compared with
ROUNDS = 200  # of the solver; what it finds in fewer is the same to a thousandth
MOST = 4_000  # rows that take part
FEWEST = 50  # rows below which nothing is judged
FEWEST_TEXTS = FOLDS  # different texts of a class, so that each fold has one

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Rows with a class, what word counts say of each without having seen it, and classes that are not judged."""

    rows: tuple[Sampled, ...]
    folds: npt.NDArray[np.int64]
    features: Any  # (rows, words): a scipy sparse matrix
    truth: npt.NDArray[np.int64]  # (rows,): the place of the label in `classes`
    classes: tuple[str, ...]
    left_out: tuple[str, ...]  # classes with too few different texts

    @classmethod
    def of(cls, part: Part) -> Judged | None:
        """The rows that can be judged; None where they are too few, of one class only, or have no word."""
        rows = [row for row in part.sample if row.label] if part.one_class else []
        texts: dict[str, set[tuple[str, ...]]] = {}
        for row in rows:
            texts.setdefault(row.label, set()).add(row.example.texts)
        classes = tuple(sorted(name for name, found in texts.items() if len(found) >= FEWEST_TEXTS))
        kept = [row for row in rows if row.label in classes]
        kept = sorted(kept, key=lambda row: (key_of("\0".join(row.example.texts)), row.label))[:MOST]
        if len(kept) < FEWEST or len(classes) < 2 or (features := _features(kept)) is None:
            return None
        place = {name: k for k, name in enumerate(classes)}
        truth = np.array([place[row.label] for row in kept])
        left_out = tuple(sorted(texts.keys() - set(classes)))
        return cls(tuple(kept), np.array(dealt(kept, FOLDS)), features, truth, classes, left_out)

    def out_of_fold(self, labels: npt.NDArray[np.int64]) -> Probabilities:
        """(rows, classes): the probabilities for each row by a model of the other folds under these labels."""
        result = np.zeros((len(self.rows), len(self.classes)))
        for fold in range(FOLDS):
            asked = self.folds == fold
            if asked.any():
                result[asked] = self.probabilities(np.flatnonzero(~asked), np.flatnonzero(asked), labels)
        return result

    def probabilities(
        self, learned: npt.NDArray[np.int64], asked: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
    ) -> Probabilities:
        """(asked, classes): what a model of the rows `learned` says of the rows `asked`."""
        from sklearn.linear_model import LogisticRegression

        result = np.zeros((len(asked), len(self.classes)))
        known = np.unique(labels[learned])
        if len(known) < 2:
            result[:, known] = 1.0
            return result
        model = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, tol=1e-3).fit(self.features[learned], labels[learned])
        result[:, model.classes_] = model.predict_proba(self.features[asked])
        return result

    def balanced(self, probabilities: Probabilities, labels: npt.NDArray[np.int64]) -> float:
        """The mean over classes of the share that is answered rightly."""
        right = probabilities.argmax(axis=1) == labels
        return float(np.mean([right[labels == k].mean() for k in np.unique(labels)]))


def _features(rows: Sequence[Sampled]) -> Any:
    """TF-IDF of words and pairs of words, each text of a row with words of its own; None where there is no word."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [_grams(row) for row in rows]
    if not any(texts):
        return None
    return TfidfVectorizer(analyzer=lambda grams: grams, sublinear_tf=True).fit_transform(texts)


def _grams(row: Sampled) -> list[str]:
    grams = []
    for k, text in enumerate(row.example.texts):
        found = words(text)
        grams += [f"{k} {word}" for word in found]
        grams += [f"{k} {one} {other}" for one, other in itertools.pairwise(found)]
    return grams
