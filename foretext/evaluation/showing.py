"""Examples picked and put into words for a report: a fair sample, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretext.evaluation.report import ShownExample
from foretext.tasks.examples import Example, Label
from foretext.tasks.predictions import Predictions


def sample(count: int, size: int = 10) -> list[int]:
    """`size` of `count` places, evenly spread from the first, so that nobody has picked the pretty ones."""
    return [place * count // min(size, count) for place in range(min(size, count))]


def worst(examples: Sequence[Example], predictions: Predictions, size: int = 10) -> list[int]:
    """The places of the gravest mistakes, worst first: wrong with the most confidence, or furthest from the score."""
    gravity = np.array([_gravity(example, predictions, place) for place, example in enumerate(examples)])
    order = np.argsort(-gravity, kind="stable")[:size]
    return [int(place) for place in order if gravity[place] > 0]


def shown(
    examples: Sequence[Example], predictions: Predictions, places: Sequence[int], *, names: Sequence[str] = ()
) -> tuple[ShownExample, ...]:
    """The examples at `places` with their predictions; `names` are what the texts are called ("premise", …)."""
    return tuple(_shown(examples[place], predictions, place, names) for place in places)


def _shown(example: Example, predictions: Predictions, place: int, names: Sequence[str]) -> ShownExample:
    options = example.choices or predictions.classes
    probabilities = predictions.probabilities[place] if predictions.probabilities else ()
    predicted, label = predictions.labels[place], example.label
    graded = isinstance(predicted, float)
    return ShownExample(
        texts={_name(names, k, len(example.texts)): text for k, text in enumerate(example.texts)},
        predicted=_in_words(predicted, example),
        label="nothing" if label is None else _in_words(label, example),
        right=None if graded or label is None else label == predicted,
        probabilities=tuple(zip(options, probabilities, strict=True)) if probabilities else (),
    )


def _in_words(label: Label, example: Example) -> str:
    if example.choices:
        return str(example.choices[int(label)])
    return f"{label:.2f}" if isinstance(label, float) else str(label)


def _name(names: Sequence[str], place: int, count: int) -> str:
    if place < len(names):
        return names[place]
    return "text" if count == 1 else f"text {place + 1}"


def _gravity(example: Example, predictions: Predictions, place: int) -> float:
    predicted = predictions.labels[place]
    if example.label is None or example.label == predicted:
        return 0.0
    if isinstance(predicted, float):
        return abs(float(example.label) - predicted)
    return predictions.confidence(place) or 1.0
