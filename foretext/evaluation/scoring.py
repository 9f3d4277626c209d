"""From labels and predictions to an `Evaluation`: metrics with intervals, chance, confusions, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foretext.errors import DataError, UnknownName
from foretext.evaluation.calibration import Calibration, calibration
from foretext.evaluation.confusion import ClassScore, Confusion, class_scores
from foretext.evaluation.intervals import RESAMPLES, Estimate
from foretext.evaluation.score_intervals import metric_estimate
from foretext.notebook import shows_itself
from foretext.tasks.examples import Example, Label
from foretext.tasks.labels.form import LabelForm
from foretext.tasks.metrics import METRICS, Numbers, why_undefined
from foretext.tasks.predictions import Predictions
from foretext.tasks.schema import TaskSchema
from foretext.text_table import text_table


@shows_itself
@dataclass(frozen=True, repr=False)
class Evaluation:
    """How good predictions are. `metrics` has the main metric first; `chance` is what blind guessing gets of each."""

    count: int
    metrics: dict[str, Estimate]
    chance: dict[str, float]
    classes: tuple[ClassScore, ...] = ()
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
            "classes": [asdict(score) for score in self.classes],
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
        if self.classes:
            lines += ["", *_class_lines(self.classes)]
        if self.calibration:
            lines += ["", f"expected calibration error {100 * self.calibration.error:.1f}"]
        return lines


def score(
    truth: Sequence[Label],
    predictions: Predictions,
    *,
    labels: LabelForm,
    metrics: Sequence[str] = (),
    answers: Sequence[int] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """The evaluation of `predictions` against the true labels of the same examples.

    `labels` is what the labels are: `ClassLabels(classes)`, `ScoreLabels()` or `AnswerLabels()`, for which `answers`
    says how many each example has. `metrics` are names of `foretext.tasks.metrics.METRICS`, the main one first; those
    that fit the labels if none is given.

    Raises:
        DataError: there is nothing to score, or a label is none of the classes.
        UnknownName: a metric that is not in the table.
    """
    metrics = metrics or labels.metrics()
    _check(truth, predictions, metrics)
    true, said = labels.numbers(truth), labels.numbers(predictions.labels)
    return Evaluation(
        count=len(truth),
        metrics={name: _estimate(name, true, said, resamples, seed) for name in metrics},
        chance={name: labels.chance(METRICS[name], true, answers) for name in metrics},
        classes=class_scores(labels.classes, labels.counts(true, said)),
        confusion=Confusion.of(true, said, labels.classes) if labels.confusable else None,
        calibration=_calibration(list(map(labels.right, truth, predictions.labels)), predictions),
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
        DataError: a label is missing or is none of the classes; the message says where it was read.
    """
    return score(
        [_label(example, schema.labels) for example in examples],
        predictions,
        labels=schema.labels,
        metrics=schema.metrics(),
        answers=[len(example.choices) for example in examples],
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


def _label(example: Example, labels: LabelForm) -> Label:
    place = f"{example.where}: " if example.where else ""
    if example.label is None:
        raise DataError(f"{place}the label is missing; scoring needs a label in every row")
    try:
        labels.target(example.label)
    except DataError as error:
        raise DataError(f"{place}{error}") from error
    return example.label


def _estimate(name: str, truth: Numbers, said: Numbers, resamples: int, seed: int) -> Estimate:
    if why := why_undefined(name, truth, said):
        return Estimate(0.0, 0.0, 0.0, len(truth), why)
    return metric_estimate(name, truth, said, resamples=resamples, seed=seed)


def _calibration(right: Sequence[bool | None], predictions: Predictions) -> Calibration | None:
    if predictions.confidences is None:
        return None
    return calibration(np.array(predictions.confidences), np.array(right, dtype=np.bool_))


def _cells(estimate: Estimate) -> list[str]:
    if estimate.undefined:
        return ["undefined", estimate.undefined]
    return [f"{100 * estimate.value:.1f}", f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"]


def _class_lines(scores: Sequence[ClassScore]) -> list[str]:
    rows = [
        [s.name, *(f"{100 * value:.1f}" for value in (s.precision, s.recall, s.f1)), f"{s.support:,}"] for s in scores
    ]
    return text_table(["class", "precision", "recall", "F1", "examples"], rows)
