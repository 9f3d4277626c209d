"""A fine-tuned model answers: examples in, labels and probabilities out, in the order they came.

Examples that the model would read alike are computed once, and a number of answers is kept for when they are asked for
again. That changes nothing: an answer follows from its example alone, up to a few units in the last of the seven digits
of fp32, where torch chooses among kernels by the size of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import ModelError
from foretext.group import ALONE, Group, current
from foretext.model.answering import for_answering
from foretext.model.devices import find_device, find_precision
from foretext.model.gpt import GPT
from foretext.model.heads import Per
from foretext.progress import Progress
from foretext.tasks.batching import TOKENS_PER_BATCH, length_sorted
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example, Label
from foretext.tasks.files.memory import GIVEN
from foretext.tasks.given import examples_given
from foretext.tasks.labels.form import Outputs
from foretext.tasks.predictions import Predictions
from foretext.tasks.schema import TaskSchema
from foretext.tasks.unread import Unread

CPU_TOKENS_PER_BATCH = 1_024  # more, and a CPU waits for memory: int8 answers a quarter slower with 2,048 (docs/log.md)
CHUNK = 4_096  # examples sorted by length together while streaming
REMEMBERED = 16_384  # answers kept for examples that come again: some 20 MB where these are sentences
Key = tuple[tuple[int, ...], ...]  # all that the model reads of an example


@dataclass(frozen=True)
class Prediction:
    """What the model says of one example.

    `label` is a class, several, a score, or the index of the chosen answer. `probabilities` are keyed by class, or by
    the index of the answer; None for scores.
    """

    label: Label
    probabilities: dict[str | int, float] | None = None


@dataclass(frozen=True)
class Predictor:
    """A fine-tuned model on a device, in a precision, ready to be asked."""

    gpt: GPT
    schema: TaskSchema
    saved: SavedModel
    precision: str = "fp32"
    remembered: int = REMEMBERED
    seen: dict[Key, Outputs] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(
        cls, name: str | Path, *, device: str = "auto", precision: str = "auto", remembered: int = REMEMBERED
    ) -> Predictor:
        """The predictor of a fine-tuned run, by folder or name.

        `precision` is fp32, bf16, int8, or auto: bf16 where the hardware computes in it, else fp32. `remembered` is how
        many answers are kept for examples that come again.

        Raises:
            ModelError: there is no such model, it is damaged, or was never fine-tuned.
            SettingsError: the model or the device cannot compute in that precision.
        """
        return cls.of(load_named(name), device=device, precision=precision, remembered=remembered)

    @classmethod
    def of(
        cls, saved: SavedModel, *, device: str = "auto", precision: str = "auto", remembered: int = REMEMBERED
    ) -> Predictor:
        """The predictor of a model in memory."""
        if saved.task is None or saved.gpt.head is None:
            raise ModelError(
                f"{saved.folder or 'this model'} is a language model without a task; `foretext finetune` gives it one"
            )
        found = find_device(device)
        chosen = find_precision(precision, found)
        if precision == "auto" and saved.gpt.settings.backbone != "transformer":
            chosen = "fp32"
        gpt = for_answering(saved.gpt.to(found).eval(), chosen)
        return cls(gpt, saved.task, replace(saved, gpt=gpt), chosen, remembered)

    def predict(self, examples: Any) -> list[Prediction]:
        """One prediction for each example of a list, a stream or a table, in order.

        An example is a text, a sequence of texts (a pair; for choice: the context fields, then the list of answers), a
        mapping from the columns of training to values, or an `Example`. Cells are read as those of a file.

        Raises:
            DataError: it is one example and no list, or an example lacks what the task needs.
        """
        return list(self.stream(examples))

    def unread(self) -> Unread:
        """What counts what this model does not get to see of examples."""
        return Unread(self.saved.tokenizer, self.schema)

    def stream(self, examples: Any, *, tokens_per_batch: int = 0, unread: Unread | None = None) -> Iterator[Prediction]:
        """The same, with bounded memory however many examples come.

        What was cut and what is unknown is counted in `unread`, for the caller to say; without it, it is logged here
        behind the last example.
        """
        source, counts = examples_given(examples, self.schema), unread or self.unread()
        while chunk := list(islice(source, CHUNK)):
            encoded = encode(chunk, self.schema, self.saved.tokenizer, self.gpt.settings.context)
            counts.add(chunk, encoded)
            yield from one_by_one(self.answer(encoded, tokens_per_batch=tokens_per_batch))
        if unread is None:
            counts.say(GIVEN, allowed=True)

    def answer_all(self, examples: Sequence[Example]) -> Predictions:
        """Predictions for examples that are in memory; their labels, if any, are not looked at."""
        return self.answer(encode(examples, self.schema, self.saved.tokenizer, self.gpt.settings.context))

    def answer(
        self, encoded: Sequence[Encoded], *, tokens_per_batch: int = 0, bar: Progress | None = None
    ) -> Predictions:
        """Predictions for examples that are ids already."""
        keys = [_key(item) for item in encoded]
        known = {key: answer for key in keys if (answer := self.seen.get(key)) is not None}
        new = {key: item for key, item in zip(keys, encoded, strict=True) if key not in known}
        if bar is not None:
            bar.advance(len(encoded) - len(new))
        scores = outputs(self.gpt, list(new.values()), tokens_per_batch=tokens_per_batch, bar=bar, group=current())
        found = dict(zip(new, scores, strict=True))
        self._remember(found)
        return self.schema.labels.predictions([found[key] if key in found else known[key] for key in keys], encoded)

    def _remember(self, found: Mapping[Key, Outputs]) -> None:
        """Keeps the newest answers, the oldest go. Other threads may do so at once: each step is one of dict's."""
        self.seen.update(found)
        excess = len(self.seen) - self.remembered
        for key in list(self.seen)[:excess] if excess > 0 else ():
            self.seen.pop(key, None)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: the model, and none of the answers that are remembered."""
        return {**vars(self), "seen": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def load(name: str | Path, *, device: str = "auto", precision: str = "auto") -> Predictor:
    """The predictor of a fine-tuned run, by folder or name: `load(RUN).predict(["a text", …])`."""
    return Predictor.load(name, device=device, precision=precision)


def outputs(
    gpt: GPT,
    encoded: Sequence[Encoded],
    *,
    tokens_per_batch: int = 0,
    bar: Progress | None = None,
    group: Group = ALONE,
) -> list[Outputs]:
    """The numbers behind each answer, as the head decodes them, `(rows, outputs)` an example; sorted by length inside.

    With `tokens_per_batch` 0 they have the size that suits the device. The processes of `group` share the batches, and
    all get all answers, which are those of one alone.
    """
    assert gpt.head is not None, "a model without a head gives no answers"
    most = CPU_TOKENS_PER_BATCH if gpt.embedding.device.type == "cpu" else TOKENS_PER_BATCH
    found: list[Outputs] = [np.empty(0)] * len(encoded)
    batches = list(length_sorted(encoded, tokens_per_batch or most)) if group.world > 1 else []
    answered: list[tuple[int, Outputs]] = []
    with gpt.evaluating(), torch.inference_mode():
        for number, (indices, batch), counts in group.shared(
            batches or length_sorted(encoded, tokens_per_batch or most)
        ):
            rows = gpt.head.decode(gpt.read(gpt.sequences(batch))).double().cpu().numpy()
            if group.world == 1:
                _take_apart(rows, indices, gpt.head.per, encoded, found)
            elif counts:
                answered.append((number, rows))
            if bar is not None:
                bar.advance(len(indices) * group.world if counts else 0)
    for number, rows in _of_all(answered, group) if batches else ():
        _take_apart(rows, batches[number][0], gpt.head.per, encoded, found)
    return found


def _take_apart(rows: Outputs, indices: list[int], per: Per, encoded: Sequence[Encoded], found: list[Outputs]) -> None:
    """Puts what a batch gave for each of its examples into its place in `found`."""
    counts = [ROWS[per](encoded[index]) for index in indices]
    for index, output in zip(indices, np.split(rows, np.cumsum(counts)[:-1]), strict=True):
        found[index] = output


def _of_all(answered: list[tuple[int, Outputs]], group: Group) -> Iterator[tuple[int, Outputs]]:
    """What all processes have answered, each batch with its number."""
    listed = group.gathered_json([[number, list(rows.shape)] for number, rows in answered])
    numbers = group.gathered(b"".join(np.ascontiguousarray(rows, dtype=np.float64).tobytes() for _, rows in answered))
    for shapes, content in zip(listed, numbers, strict=True):
        values, place = np.frombuffer(content, dtype=np.float64), 0
        for number, shape in shapes:
            size = int(np.prod(shape))
            yield number, values[place : place + size].reshape(shape)
            place += size


# How many rows of the head's outputs an example has.
ROWS: dict[Per, Callable[[Encoded], int]] = {
    "example": lambda encoded: 1,
    "sequence": lambda encoded: len(encoded.sequences),
    "token": lambda encoded: sum(map(len, encoded.sequences)),
}


def _key(encoded: Encoded) -> Key:
    return tuple(map(tuple, encoded.sequences))


def one_by_one(predictions: Predictions) -> Iterator[Prediction]:
    """The same answers, an example each."""
    for index, label in enumerate(predictions.labels):
        if predictions.probabilities is None:
            yield Prediction(label)
        else:
            row = predictions.probabilities[index]
            keys: Sequence[str | int] = predictions.classes or range(len(row))
            yield Prediction(label, dict(zip(keys, row, strict=True)))
