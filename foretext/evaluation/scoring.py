"""From labels and predictions to an `Evaluation`: metrics with intervals, chance, confusions, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError, UnknownName
from foretext.evaluation.calibration import Calibration, calibration
from foretext.evaluation.chance import chance_of_answers, chance_of_classes, chance_of_scores
from foretext.evaluation.confusion import Confusion
from foretext.evaluation.intervals import RESAMPLES, Estimate, bootstrap, exact_proportion_bound
from foretext.evaluation.statistics import Numbers, statistic
from foretext.tasks.examples import Example, Label
from foretext.tasks.metrics import METRICS, metrics_for
from foretext.tasks.predictions import Predictions
from foretext.tasks.schema import TaskSchema
from foretext.text_table import text_table


@dataclass(frozen=True)
class Evaluation:
    """How good predictions are. `metrics` has the main metric first; `chance` is what blind guessing gets of each."""

    count: int
    metrics: dict[str, Estimate]
    chance: dict[str, float]
    confusion: Confusion | None = None
    calibration: Calibration | None = None

    @property
    def main(self) -> str:
        """The name of the metric that decides."""
        return next(iter(self.metrics))

    @property
    def score(self) -> Estimate:
        """The main metric."""
        return self.metrics[self.main]

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "main": self.main,
            "metrics": {name: estimate.to_json() for name, estimate in self.metrics.items()},
            "chance": self.chance,
            "confusion": self.confusion and self.confusion.to_json(),
            "calibration": self.calibration and self.calibration.to_json(),
        }

    def lines(self) -> list[str]:
        """The evaluation as lines for a terminal; scores are times 100."""
        lines = [f"{self.count:,} examples; scores x 100 with 95 % intervals", ""]
        lines += text_table(
            ["metric", "score", "95 % interval", "chance"],
            [[name, *_cells(score), f"{100 * self.chance[name]:.1f}"] for name, score in self.metrics.items()],
        )
        if self.confusion:
            lines += ["", *_class_lines(self.confusion)]
        if self.calibration:
            lines += ["", f"expected calibration error {100 * self.calibration.error:.1f}"]
        return lines


def score(
    truth: Sequence[Label],
    predictions: Predictions,
    *,
    metrics: Sequence[str],
    classes: Sequence[str] = (),
    answers: Sequence[int] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """The evaluation of `predictions` against the true labels of the same examples.

    `metrics` are names of `foretext.tasks.metrics.METRICS`, the main one first. `classes` are given for tasks with
    classes, `answers` (how many each example has) for multiple choice, neither for scores.

    Raises:
        DataError: there is nothing to score, or a label is none of the classes.
        UnknownName: a metric that is not in the table.
    """
    _check(truth, predictions, metrics)
    true, said = as_numbers(truth, classes), as_numbers(predictions.labels, classes)
    return Evaluation(
        count=len(truth),
        metrics={name: _estimate(name, true, said, resamples, seed) for name in metrics},
        chance={name: _chance(name, true, classes, answers) for name in metrics},
        confusion=Confusion.of(true, said, classes) if classes else None,
        calibration=_calibration(true == said, predictions),
    )


def score_examples(
    examples: Sequence[Example],
    predictions: Predictions,
    *,
    schema: TaskSchema,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """The same for examples as they were read, by the metrics that fit the schema.

    Raises:
        DataError: a label is missing or is none of the classes; the message names its place.
    """
    for example in examples:
        _check_label(example, schema)
    return score(
        [example.label for example in examples if example.label is not None],
        predictions,
        metrics=metrics_for(schema),
        classes=schema.classes,
        answers=[len(example.choices) for example in examples] if schema.kind == "choice" else (),
        resamples=resamples,
        seed=seed,
    )


def _check(truth: Sequence[Label], predictions: Predictions, metrics: Sequence[str]) -> None:
    if not truth:
        raise DataError("no examples to score: the file has no labelled rows")
    if len(truth) != len(predictions):
        raise DataError(f"{len(truth)} labels but {len(predictions)} predictions; give each label one")
    for name in metrics:
        if name not in METRICS:
            raise UnknownName("metric", name, METRICS)


def _check_label(example: Example, schema: TaskSchema) -> None:
    place = f"{example.where}: " if example.where else ""
    if example.label is None:
        raise DataError(f"{place}the label is missing; scoring needs a label in every row")
    try:
        schema.target(example.label)
    except DataError as error:
        raise DataError(f"{place}{error}") from error


def as_numbers(labels: Sequence[Label], classes: Sequence[str]) -> Numbers:
    """Labels as numbers `(examples,)`: the index of the class or of the answer, or the score."""
    if not classes:
        return np.asarray(labels)
    place = {name: k for k, name in enumerate(classes)}
    unknown = sorted({str(label) for label in labels if label not in place})
    if unknown:
        raise DataError(f"label {unknown[0]!r} is none of the classes {', '.join(classes)}")
    return np.array([place[str(label)] for label in labels], dtype=np.int64)


def _estimate(name: str, truth: Numbers, said: Numbers, resamples: int, seed: int) -> Estimate:
    statistic_of_rows = statistic(name, truth, said, METRICS[name])
    estimate = bootstrap(statistic_of_rows, len(truth), resamples=resamples, seed=seed)
    if name == "accuracy" and estimate.value in (0.0, 1.0):
        low, high = exact_proportion_bound(int(estimate.value), len(truth))
        return Estimate(estimate.value, low, high, len(truth))
    return estimate


def _chance(name: str, truth: Numbers, classes: Sequence[str], answers: Sequence[int]) -> float:
    if answers:
        return chance_of_answers(answers)
    return chance_of_classes(truth, METRICS[name]) if classes else chance_of_scores()


def _calibration(right: npt.NDArray[np.bool_], predictions: Predictions) -> Calibration | None:
    if predictions.probabilities is None:
        return None
    return calibration(np.array([max(row) for row in predictions.probabilities]), right)


def _cells(estimate: Estimate) -> list[str]:
    return [f"{100 * estimate.value:.1f}", f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"]


def _class_lines(confusion: Confusion) -> list[str]:
    rows = [
        [s.name, *(f"{100 * value:.1f}" for value in (s.precision, s.recall, s.f1)), f"{s.support:,}"]
        for s in confusion.scores()
    ]
    return text_table(["class", "precision", "recall", "F1", "examples"], rows)
