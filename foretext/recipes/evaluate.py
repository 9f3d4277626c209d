"""A fine-tuned model and labelled examples become scores with error bars, and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.evaluation.pages import evaluation_report
from foretext.evaluation.report import write_report
from foretext.evaluation.scoring import Evaluation, score_examples
from foretext.group import current
from foretext.notebook import shows_itself
from foretext.progress import progress
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.serving.int8_report import Int8Report, compare
from foretext.serving.predictor import Predictor
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example
from foretext.tasks.files.tables import source_of
from foretext.tasks.official import official_set
from foretext.tasks.reading import read_labelled
from foretext.tasks.schema import TaskSchema
from foretext.tasks.unread import Unread


@shows_itself
@dataclass(frozen=True, repr=False)
class Evaluated:
    """Scores of one model on one file, on examples in memory, or on a set of a published task."""

    model: str
    data: Path
    task: str | None
    split: str | None
    evaluation: Evaluation
    unread: Unread  # what of the examples the model did not get to see
    report: Path | None
    precision: str
    int8: Int8Report | None = None

    def lines(self) -> list[str]:
        report = [f"report written to {self.report}"] if self.report else []
        int8 = ["", *self.int8.lines()] if self.int8 else []
        return [*self.evaluation.lines(), f"computed in {self.precision}", *self.unread.lines(), *int8, *report]

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "data": str(self.data),
            "task": self.task,
            "split": self.split,
            **self.evaluation.to_json(),
            **self.unread.to_json(),
            "precision": self.precision,
            "int8": self.int8 and self.int8.to_json(),
            "report": str(self.report) if self.report else None,
        }


def evaluate(settings: EvaluateSettings) -> Evaluated:
    """Scores a fine-tuned model on labelled examples.

    Raises:
        ModelError: the model is missing, damaged, or has no task.
        DataError: the examples cannot be used; all bad rows are named together. More than half of their tokens are
            unknown to the model, and `allow_unknown` is off.
        SettingsError: it is not said on what, or the model does not answer that published task.
    """
    return evaluate_from(load_named(settings.model), settings.data, settings)


def evaluate_from(saved: SavedModel, data: Any, settings: EvaluateSettings) -> Evaluated:
    """The same from a model in memory, on a file or on examples in memory."""
    predictor = Predictor.of(saved, device=settings.device, precision=settings.precision)
    schema = predictor.schema
    official = official_set(
        data,
        task=settings.task,
        split=settings.split,
        columns=(*settings.text, *settings.choices, *([settings.label] if settings.label else [])),
        schema=schema,
        learned=saved.history.published,
        labelled=True,
    )
    examples = official.labelled if official else _own(data, schema, settings)
    place = official.path if official else settings.data or Path(source_of(data))
    encoded = encode(examples, schema, predictor.saved.tokenizer, predictor.gpt.settings.context)
    unread = Unread(predictor.saved.tokenizer, schema)
    unread.add(examples, encoded)
    unread.unknown.say(str(place), allowed=settings.file.allow_unknown)
    with progress("evaluating", len(encoded), unit="examples") as bar:
        predictions = predictor.answer(encoded, tokens_per_batch=settings.tokens_per_batch, bar=bar)
    evaluation = score_examples(examples, predictions, schema=schema, seed=settings.seed)
    int8 = None
    if predictor.precision == "int8":
        int8 = compare(saved, predictor, examples, place)
    if settings.report is not None and current().rank == 0:
        page = evaluation_report(
            evaluation,
            examples,
            predictions,
            schema=schema,
            title=f"{settings.model} on {f'{official.task.name}, {official.split}' if official else place.name}",
            settings=settings.model_dump(mode="json"),
        )
        write_report(settings.report, page)
    return Evaluated(
        model=settings.model,
        data=place,
        task=official.task.name if official else None,
        split=official.split if official else None,
        evaluation=evaluation,
        unread=unread,
        report=settings.report,
        precision=predictor.precision,
        int8=int8,
    )


def _own(data: Any, schema: TaskSchema, settings: EvaluateSettings) -> list[Example]:
    """The labelled examples of a person's own file, or in memory."""
    return read_labelled(
        data,
        schema,
        text=settings.text,
        choices=settings.choices,
        label=settings.label,
        options=settings.file.options(),
    ).examples
