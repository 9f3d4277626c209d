"""A fine-tuned model answers: examples in, labels and probabilities out, in the order they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from foretext.checkpoints.names import find_model
from foretext.checkpoints.saved_model import SavedModel, load_model
from foretext.errors import DataError, ModelError
from foretext.model.devices import find_device
from foretext.model.gpt import GPT
from foretext.progress import Progress
from foretext.tasks.batching import TOKENS_PER_BATCH, length_sorted
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.predictions import Predictions, of_answers, of_classes, of_scores
from foretext.tasks.schema import TaskSchema

Array = npt.NDArray[np.float64]
CHUNK = 4_096  # examples sorted by length together while streaming


@dataclass(frozen=True)
class Prediction:
    """What the model says of one example.

    `label` is a class, a score, or the index of the chosen answer. `probabilities` are keyed by class, or by the
    index of the answer; None for scores.
    """

    label: str | float
    probabilities: dict[str | int, float] | None = None


@dataclass(frozen=True)
class Predictor:
    """A fine-tuned model on a device, ready to be asked."""

    gpt: GPT
    schema: TaskSchema
    saved: SavedModel

    @classmethod
    def load(cls, name: str | Path, *, device: str = "auto") -> Predictor:
        """The predictor of a fine-tuned run, by folder or name.

        Raises:
            ModelError: there is no such model, it is damaged, or was never fine-tuned.
        """
        return cls.of(load_model(find_model(name)), device=device)

    @classmethod
    def of(cls, saved: SavedModel, *, device: str = "auto") -> Predictor:
        """The predictor of a model in memory."""
        if saved.task is None or saved.gpt.head is None:
            raise ModelError(
                f"{saved.folder or 'this model'} is a language model without a task; `foretext finetune` gives it one"
            )
        return cls(saved.gpt.to(find_device(device)).eval(), TaskSchema.from_dict(saved.task), saved)

    def predict(self, examples: Iterable[Any]) -> list[Prediction]:
        """One prediction for each example, in order.

        An example is a text, a sequence of texts (a pair; for choice: the context fields, then the list of answers), a
        mapping from the columns of training to values, or an `Example`.
        """
        return list(self.stream(examples))

    def stream(self, examples: Iterable[Any], *, tokens_per_batch: int = TOKENS_PER_BATCH) -> Iterator[Prediction]:
        """The same, with bounded memory however many examples come."""
        source = iter(examples)
        while chunk := [as_example(value, self.schema) for value in islice(source, CHUNK)]:
            encoded = encode(chunk, self.schema, self.saved.tokenizer, self.gpt.settings.context)
            yield from _one_by_one(self.answer(encoded, tokens_per_batch=tokens_per_batch))

    def answer_all(self, examples: Sequence[Example]) -> Predictions:
        """Predictions for examples that are in memory; their labels, if any, are not looked at."""
        return self.answer(encode(examples, self.schema, self.saved.tokenizer, self.gpt.settings.context))

    def answer(
        self, encoded: Sequence[Encoded], *, tokens_per_batch: int = TOKENS_PER_BATCH, bar: Progress | None = None
    ) -> Predictions:
        """Predictions for examples that are ids already."""
        return answer(self.gpt, self.schema, encoded, tokens_per_batch=tokens_per_batch, bar=bar)


def load(name: str | Path, *, device: str = "auto") -> Predictor:
    """The predictor of a fine-tuned run, by folder or name: `load(RUN).predict(["a text", …])`."""
    return Predictor.load(name, device=device)


def answer(
    gpt: GPT,
    schema: TaskSchema,
    encoded: Sequence[Encoded],
    *,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    bar: Progress | None = None,
) -> Predictions:
    """What `gpt` says of the examples, in their order; batches are sorted by length inside."""
    assert gpt.head is not None, "a model without a head gives no answers"
    outputs: list[Array] = [np.empty(0)] * len(encoded)
    was_training = gpt.training
    gpt.eval()
    with torch.no_grad():
        for indices, batch in length_sorted(encoded, tokens_per_batch):
            sequences = gpt.sequences(batch)
            scores = gpt.scores(gpt(sequences), sequences)
            values = gpt.head.values(scores) if schema.graded else scores
            counts = [len(encoded[index].sequences) for index in indices] if schema.kind == "choice" else None
            for index, output in zip(indices, _by_example(values, counts), strict=True):
                outputs[index] = output
            if bar is not None:
                bar.advance(len(indices))
    gpt.train(was_training)
    if schema.graded:
        return of_scores(np.array(outputs, dtype=np.float64))
    if schema.kind == "choice":
        return of_answers(outputs)
    return of_classes(_softmax(np.stack(outputs)), schema.classes)


def as_example(value: Any, schema: TaskSchema) -> Example:
    """`value` in any of the forms that `Predictor.predict` takes, as an example without a label.

    Raises:
        DataError: it does not have the fields the task needs.
    """
    if isinstance(value, Example):
        return value
    if isinstance(value, Mapping):
        return _from_columns(value, schema)
    fields = [value] if isinstance(value, str) else list(value)
    answers: tuple[str, ...] = ()
    if schema.kind == "choice":
        answers = tuple(fields.pop()) if fields and not isinstance(fields[-1], str) else ()
    if len(fields) != len(schema.text) or not all(isinstance(text, str) for text in fields):
        raise DataError(f"{schema.kind} takes {len(schema.text)} texts ({', '.join(schema.text)}); given: {value!r}")
    if schema.kind == "choice" and not answers:
        raise DataError(f"a choice needs its list of answers behind the texts; given: {value!r}")
    return Example(texts=tuple(fields), choices=answers)


def _from_columns(row: Mapping[str, Any], schema: TaskSchema) -> Example:
    wanted = [*schema.text, *schema.choices]
    missing = [name for name in wanted if name not in row]
    if missing:
        raise DataError(f"the columns {', '.join(missing)} are missing; given: {', '.join(row)}")
    choices = [row[name] for name in schema.choices]
    if len(choices) == 1 and not isinstance(choices[0], str):
        choices = list(choices[0])
    return Example(texts=tuple(str(row[name]) for name in schema.text), choices=tuple(map(str, choices)))


def _by_example(values: torch.Tensor, counts: list[int] | None) -> list[Array]:
    """One array an example: its row, or for choice the scores of its answers."""
    array = values.double().cpu().numpy()
    return list(array) if counts is None else np.split(array, np.cumsum(counts)[:-1])


def _softmax(scores: Array) -> Array:
    powers: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalized: Array = powers / powers.sum(axis=1, keepdims=True)
    return normalized


def _one_by_one(predictions: Predictions) -> Iterator[Prediction]:
    for index, label in enumerate(predictions.labels):
        if predictions.probabilities is None:
            yield Prediction(label)
        else:
            row = predictions.probabilities[index]
            keys: Sequence[str | int] = predictions.classes or range(len(row))
            yield Prediction(label, dict(zip(keys, row, strict=True)))
