"""A model's answers to labelled examples, scored: what validation, `evaluate` and the studies share."""

from __future__ import annotations

from collections.abc import Sequence

from foretext.evaluation.scoring import Evaluation, score
from foretext.model.gpt import GPT
from foretext.serving.predictor import answer
from foretext.tasks.examples import Encoded, Label
from foretext.tasks.metrics import metrics_for
from foretext.tasks.predictions import Predictions
from foretext.tasks.schema import TaskSchema

NO_INTERVAL = 1  # resamples when only the value itself is wanted


def evaluate_model(
    model: GPT, schema: TaskSchema, encoded: Sequence[Encoded], *, intervals: bool = True, seed: int = 0
) -> Evaluation:
    """The evaluation of `model` on labelled examples."""
    return evaluate_predictions(answer(model, schema, encoded), schema, encoded, intervals=intervals, seed=seed)


def evaluate_predictions(
    predictions: Predictions,
    schema: TaskSchema,
    encoded: Sequence[Encoded],
    *,
    intervals: bool = True,
    seed: int = 0,
) -> Evaluation:
    """The evaluation of predictions against the labels of the same examples."""
    options = {} if intervals else {"resamples": NO_INTERVAL}
    return score(
        true_labels(schema, encoded),
        predictions,
        metrics=metrics_for(schema),
        classes=schema.classes,
        answers=[len(item.sequences) for item in encoded] if schema.kind == "choice" else (),
        seed=seed,
        **options,
    )


def true_labels(schema: TaskSchema, encoded: Sequence[Encoded]) -> list[Label]:
    """The labels as people know them: names of classes, scores, indices of answers."""
    labels = [item.label for item in encoded]
    assert all(label is not None for label in labels), "only labelled examples can be scored"
    if schema.classes:
        return [schema.classes[int(label)] for label in labels if label is not None]
    return [label for label in labels if label is not None]
