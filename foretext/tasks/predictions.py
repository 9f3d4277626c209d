"""What a model, or a baseline, says about examples: one form for all kinds of task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretext.tasks.examples import Label


@dataclass(frozen=True)
class Predictions:
    """One label for each example and, where there is something to choose among, the probabilities behind it.

    A label is a class, several, a score, or for choice the index of the answer from 0. `probabilities` has a row an
    example: a value a class in the order of `classes`, or for choice a value an answer. `confidences` are the
    probabilities of the labels themselves, where one of several is chosen.
    """

    labels: tuple[Label, ...]
    probabilities: tuple[tuple[float, ...], ...] | None = None
    classes: tuple[str, ...] = ()
    confidences: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def confidence(self, index: int) -> float | None:
        """The probability of what was predicted for example `index`, or None where there is none."""
        return None if self.confidences is None else self.confidences[index]


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The softmax over the last axis: `(examples, classes)`, or `(answers,)` of one example."""
    powers: npt.NDArray[np.float64] = np.exp(scores - scores.max(axis=-1, keepdims=True))
    normalized: npt.NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return normalized


def sigmoid(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logistic function of each score."""
    return 0.5 * (1.0 + np.tanh(0.5 * scores))


def of_sets(probabilities: npt.NDArray[np.float64], classes: Sequence[str], thresholds: Sequence[float]) -> Predictions:
    """Of each example the classes that are as probable as their threshold, from `(examples, classes)`."""
    said = probabilities >= np.asarray(thresholds)
    return Predictions(
        labels=tuple(
            tuple(sorted(name for name, is_said in zip(classes, row, strict=True) if is_said)) for row in said
        ),
        probabilities=tuple(tuple(map(float, row)) for row in probabilities),
        classes=tuple(classes),
    )


def of_classes(probabilities: npt.NDArray[np.float64], classes: Sequence[str]) -> Predictions:
    """The most probable class of each example, from `(examples, classes)`; the first one where several tie."""
    best = probabilities.argmax(axis=1)
    return Predictions(
        labels=tuple(classes[k] for k in best),
        probabilities=tuple(tuple(map(float, row)) for row in probabilities),
        classes=tuple(classes),
        confidences=tuple(map(float, probabilities.max(axis=1))),
    )


def of_answers(scores: Sequence[npt.NDArray[np.float64]]) -> Predictions:
    """The best answer of each example, from one score an answer; probabilities are the softmax over its answers."""
    probabilities = [softmax(row) for row in scores]
    return Predictions(
        labels=tuple(int(row.argmax()) for row in probabilities),
        probabilities=tuple(tuple(map(float, row)) for row in probabilities),
        confidences=tuple(float(row.max()) for row in probabilities),
    )


def of_scores(scores: npt.NDArray[np.float64]) -> Predictions:
    """The scores `(examples,)` themselves."""
    return Predictions(labels=tuple(map(float, scores)))
