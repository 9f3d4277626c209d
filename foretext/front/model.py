"""A model as a person holds it: ask it, score it, embed with it, let it write on, save it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel, save_model
from foretext.errors import DataError
from foretext.files import refuse_used_folder
from foretext.front.frames import with_answers
from foretext.front.scores import Scores
from foretext.model.gpt import GPT
from foretext.notebook import shows_itself
from foretext.paths import at_home
from foretext.recipes.embed import Embedded, embed_from, embed_in_memory
from foretext.recipes.evaluate import Evaluated, evaluate_from
from foretext.recipes.generate import Generated, generate_from
from foretext.recipes.perplexity import Measured, perplexity_from
from foretext.recipes.predict import predict_from, set_to_answer
from foretext.recipes.settings.embed import EmbedSettings
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.generate import GenerateSettings
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.recipes.settings.predict import PredictSettings
from foretext.serving.predictor import Prediction, Predictor
from foretext.serving.vectors import Vectors
from foretext.settings import Settings
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.files.tables import is_path, source_of
from foretext.tasks.given import examples_to_answer
from foretext.tasks.predictions import Predictions
from foretext.tasks.schema import TaskSchema

log = logging.getLogger(__name__)


@shows_itself
@dataclass(frozen=True, repr=False)
class Model:
    """A model in memory, fine-tuned for a task or not, that answers on a device in a precision.

    What each method may be told stands in the settings of the command of its name, by the same names as its flags:
    `model.evaluate("test.csv", report="report.html")`. A call looks a model up by name or folder, or takes this object.
    """

    saved: SavedModel
    device: str = "auto"
    precision: str = "auto"

    def predict(
        self, examples: Any = None, *, as_frame: bool = False, out: str | Path | None = None, **settings: Any
    ) -> Any:
        """One `Prediction` for each example of a list, a table or a file, in order.

        An example is a text, a sequence of texts (for choice the texts, then the list of answers), a mapping from the
        columns of training to cells, or an `Example`. A text alone is the path of a file. With `as_frame` a table of
        pandas, polars or pyarrow comes back as it was, with the columns of the answers beside, those that
        `foretext predict` writes; with `out` a file or table is written so. Without examples, or with the folder of a
        published task, that task's are answered (`task="RTE"`; else the one that the model was fine-tuned on).

        Raises:
            ModelError: the model has no task.
            DataError: an example cannot be used; its row is named. More than half of all tokens are unknown to the
                model, and `allow_unknown` is off.
            UnknownName: there is no such setting, or a table lacks a column of training.
            SettingsError: the model reads another number of texts than those that `text` names.
        """
        examples = None if examples is None else a_file_or_examples(examples)
        found = self._settings(PredictSettings, examples, out=out or "-", **settings)
        if out is not None:
            return predict_from(self.saved, examples, found)
        predictor = self._predictor(found.device, found.precision)
        schema = predictor.schema
        if official := set_to_answer(self.saved, examples, schema, found):
            examples = official.examples
        else:
            schema = schema.with_columns(text=found.text, choices=found.choices)
        if as_frame:
            return with_answers(predictor, schema, examples, found)
        given, unread = examples_to_answer(examples, schema, found.file.options()), predictor.unread()
        answers = list(predictor.stream(given, tokens_per_batch=found.tokens_per_batch, unread=unread))
        unread.say(source_of(examples), allowed=found.file.allow_unknown)
        return answers

    def stream(self, examples: Any, *, tokens_per_batch: int = 0) -> Iterator[Prediction]:
        """The predictions one after the other, with bounded memory however many examples come."""
        given = examples_to_answer(a_file_or_examples(examples), self.schema)
        return self.predictor.stream(given, tokens_per_batch=tokens_per_batch)

    def evaluate(self, data: Any = None, **settings: Any) -> Evaluated:
        """The scores on labelled examples: a file, a table or a list.

        Without any, or with the folder of a published task, on that task's: `model.evaluate(task="RTE")`; without
        `task` on the one that the model was fine-tuned on.

        Raises:
            DataError: the examples cannot be used; all bad rows are named together.
            UnknownName: there is no such setting.
        """
        found = evaluate_from(self.saved, data, self._settings(EvaluateSettings, data, **settings))
        for line in found.unread.lines():
            log.warning("%s: %s", found.data, line)
        return found

    def embed(self, data: Any, *, out: str | Path | None = None, **settings: Any) -> Vectors | Embedded:
        """A vector for each text of a list, a table or a file, float32 `(rows, width)`; with `out` they are written.

        `pool="mean"` is the mean of all states instead of the last. `foretext.serving.vectors` says what is read.

        Raises:
            DataError: a text cannot be used; its row is named.
        """
        data = a_file_or_examples(data)
        found = self._settings(EmbedSettings, data, out=out or "-", **settings)
        return embed_in_memory(self.saved, data, found) if out is None else embed_from(self.saved, data, found)

    def generate(self, prompt: str, **settings: Any) -> Generated:
        """Text that goes on from the prompt: `model.generate("The old man", tokens=40)`."""
        return generate_from(self.saved, self._settings(GenerateSettings, prompt=prompt, **settings))

    def perplexity(self, inputs: str | Path | Sequence[str | Path], **settings: Any) -> Measured:
        """How well the model predicts the text of files or folders."""
        return perplexity_from(self.saved, self._settings(PerplexitySettings, inputs=inputs, **settings))

    def save(self, folder: str | Path) -> Path:
        """The folder that the model is in now: a new one, or one that was empty.

        Raises:
            SettingsError: something is there already.
            DiskFull: there is no space left.
        """
        path = Path(at_home(str(folder)))
        refuse_used_folder(path)
        save_model(path, self.saved)
        return path

    @property
    def scores(self) -> Scores | None:
        """How well it did on the validation examples of its fine-tuning; None without one."""
        finetuning = self.saved.history.finetuning
        found = finetuning.result.validation if finetuning else {}
        return Scores.of(found) if found else None

    @cached_property
    def predictor(self) -> Predictor:
        """What answers, laid out for it and ready.

        Raises:
            ModelError: the model has no task.
            SettingsError: the model or the device cannot compute in that precision.
        """
        return Predictor.of(self.saved, device=self.device, precision=self.precision)

    @property
    def schema(self) -> TaskSchema:
        """What the task is: columns, classes."""
        return self.predictor.schema

    @property
    def gpt(self) -> GPT:
        """The tensors: for a model with a task as laid out for answering."""
        return self.predictor.gpt if self.saved.task else self.saved.gpt

    def answer_all(self, examples: Sequence[Example]) -> Predictions:
        """`Predictor.answer_all`."""
        return self.predictor.answer_all(examples)

    def answer(self, encoded: Sequence[Encoded], *, tokens_per_batch: int = 0) -> Predictions:
        """`Predictor.answer`."""
        return self.predictor.answer(encoded, tokens_per_batch=tokens_per_batch)

    def lines(self) -> list[str]:
        """What it is, for a person."""
        gpt, task = self.saved.gpt, self.saved.task
        shape = f"{gpt.settings.layers} layers x {gpt.settings.width}, {gpt.parameter_count():,} parameters"
        learned = f" ({self.saved.history.published})" if self.saved.history.published else ""
        what = f"{task.kind} of {', '.join(task.text)}{learned}" if task else "a language model"
        scores = [f"validation: {line}" for line in (self.scores.lines()[:1] if self.scores else [])]
        place = [f"in {self.saved.folder}"] if self.saved.folder else []
        return [f"{what}: {shape}", *(task.labels.lines() if task else []), *scores, *place]

    def to_json(self) -> dict[str, Any]:
        """What it is, as plain values."""
        task, scores = self.saved.task, self.scores
        return {
            "folder": str(self.saved.folder) if self.saved.folder else None,
            "parameters": self.saved.gpt.parameter_count(),
            "task": task.to_dict() if task else None,
            "scores": scores.to_json() if scores else None,
            "history": self.saved.history.to_json(),
        }

    def _predictor(self, device: str, precision: str) -> Predictor:
        if (device, precision) == (self.device, self.precision):
            return self.predictor
        return Predictor.of(self.saved, device=device, precision=precision)

    def _settings(self, cls: type[Settings], data: Any = None, **values: Any) -> Any:
        """The settings of a recipe; device and precision are the model's where the recipe has them."""
        own = {
            "model": str(self.saved.folder or "this model"),
            "data": None if data is None else source_of(data),
            "device": self.device,
            "precision": self.precision,
        }
        return cls.named({name: value for name, value in own.items() if name in cls.model_fields} | values)


ModelLike: TypeAlias = str | PurePath | Model | SavedModel | Predictor  # by name or folder, or itself


def load(model: ModelLike, *, device: str = "auto", precision: str = "auto") -> Model:
    """The model of that name or folder: `load(RUN).predict(["a text", …])`.

    `precision` is fp32, bf16, int8, or auto: bf16 where the hardware computes in it, else fp32.

    Raises:
        UnknownName: there is no such model.
        ModelError: it is damaged.
        SettingsError: the model or the device cannot compute in that precision.
    """
    if isinstance(model, Model):
        return model
    found = Model(load_model(model), device, precision)
    if found.saved.task is not None:
        _ = found.predictor  # refuses a precision now that it cannot compute in
    return found


def load_model(model: ModelLike) -> SavedModel:
    """The parts of a model, by name or folder: `gpt` with weights in fp32, `tokenizer`, `task`, `history`.

    Raises:
        UnknownName: there is no such model.
        ModelError: a file of it is missing, truncated or altered.
    """
    if isinstance(model, Model | Predictor):
        return model.saved
    return model if isinstance(model, SavedModel) else load_named(at_home(str(model)))


def a_file_or_examples(data: Any) -> Any:
    """`data`, if it is no text that was meant for an example.

    Raises:
        DataError: it is a text that is no file.
    """
    if not is_path(data) or str(data) == "-":
        return data
    path = at_home(str(data))
    if not os.path.exists(path):  # a text may be too long for the name of a file
        raise DataError(f"there is no file {path!r:.60}; if it is a text, give a list of texts: [{path!r:.30}]")
    return path
