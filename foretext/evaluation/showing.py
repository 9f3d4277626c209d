"""Examples picked and put into words for a report: a fair sample, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretext.evaluation.report import ShownExample
from foretext.tasks.examples import Example
from foretext.tasks.labels.form import LabelForm
from foretext.tasks.predictions import Predictions


def sample(count: int, size: int = 10) -> list[int]:
    """`size` of `count` indices, evenly spread from the first, so that nobody has picked the pretty ones."""
    return [place * count // min(size, count) for place in range(min(size, count))]


def worst(examples: Sequence[Example], predictions: Predictions, labels: LabelForm, size: int = 10) -> list[int]:
    """The indices of the gravest mistakes, worst first: wrong with the most confidence, or furthest from the score."""
    gravity = np.array([_gravity(example, predictions, labels, place) for place, example in enumerate(examples)])
    order = np.argsort(-gravity, kind="stable")[:size]
    return [int(place) for place in order if gravity[place] > 0]


def shown(
    examples: Sequence[Example],
    predictions: Predictions,
    places: Sequence[int],
    *,
    labels: LabelForm,
    names: Sequence[str] = (),
) -> tuple[ShownExample, ...]:
    """The examples at the indices `places` with their predictions; `names` are what the texts are called."""
    return tuple(_shown(examples[place], predictions, place, labels, names) for place in places)


def _shown(
    example: Example, predictions: Predictions, place: int, labels: LabelForm, names: Sequence[str]
) -> ShownExample:
    options = example.choices or predictions.classes
    probabilities = predictions.probabilities[place] if predictions.probabilities else ()
    predicted, label = predictions.labels[place], example.label
    return ShownExample(
        texts={_name(names, k, len(example.texts)): text for k, text in enumerate(example.texts)},
        predicted=labels.words(predicted, example),
        label="nothing" if label is None else labels.words(label, example),
        right=None if label is None else labels.right(label, predicted),
        probabilities=tuple(zip(options, probabilities, strict=True)) if probabilities else (),
    )


def _name(names: Sequence[str], place: int, count: int) -> str:
    if place < len(names):
        return names[place]
    return "text" if count == 1 else f"text {place + 1}"


def _gravity(example: Example, predictions: Predictions, labels: LabelForm, place: int) -> float:
    if example.label is None:
        return 0.0
    return labels.gravity(example.label, predictions.labels[place], predictions.confidence(place))
