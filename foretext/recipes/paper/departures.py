"""Where a run departs from the paper: settings that have another value than the points ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretext.model.settings import Backbone, ModelSettings
from foretext.recipes.paper.points import POINTS
from foretext.recipes.settings.finetune import PAPER_LEARNING_RATE, FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.settings import Settings, leaves
from foretext.tasks.schema import TaskSchema

STAGES = {"model": "the model", "pretraining": "pre-training", "finetuning": "fine-tuning"}


@dataclass(frozen=True)
class Departure:
    """One setting of a run that has not the paper's value."""

    point: str
    name: str
    stage: str
    setting: str
    value: Any
    paper: Any


def run_values(model: Mapping[str, Any], history: Mapping[str, Any], tokenizer: str) -> dict[str, Any]:
    """What a model has for each setting that a point names: `{"model.layers": 4, "finetuning.clip": 1.0, …}`.

    `model` and `history` are those of `model.json`, `tokenizer` is its mode. A stage that is not in the history has no
    values, nor has a setting that means nothing here (an LSTM has no heads, a class is no score).
    """
    values = {f"model.{name}": value for name, value in _model(model, tokenizer).items()}
    if "pretraining" in history:
        record = history["pretraining"]
        settings = {**_defaults(PretrainSettings), **_leaves(record["settings"])}
        length = f"{settings['updates']:,} updates" if settings["updates"] else f"{settings['epochs']:g} epochs"
        start = "a trained model" if "start" in record else "new weights"
        found = {**settings, "start": start, "length": length, "precision": record["engine"]["precision"]}
        values |= {f"pretraining.{name}": value for name, value in found.items()}
    if "finetuning" in history:
        record = history["finetuning"]
        settings = {**_defaults(FinetuneSettings), **_leaves(record["settings"])}
        found = {**settings, **_finetuning(settings, record, model["layers"])}
        values |= {f"finetuning.{name}": value for name, value in found.items()}
    named = {name for point in POINTS for name in point.settings}
    return {name: value for name, value in values.items() if name in named and value is not None}


def paper_values(backbone: Backbone = "transformer") -> dict[str, Any]:
    """The paper's value of every setting that a point names: the defaults of the program."""
    task = TaskSchema(kind="similarity", text=("a", "b"))
    stage: dict[str, Any] = {"settings": {}, "engine": {"precision": "fp32"}}
    history = {
        "pretraining": stage,
        "finetuning": {**stage, "task": task.to_dict(), "learning_rate": PAPER_LEARNING_RATE},
    }
    values = run_values(ModelSettings(backbone=backbone).model_dump(), history, "paper")
    return {**values, "model.backbone": "transformer"}


def departures(values: Mapping[str, Any]) -> list[Departure]:
    """The settings among `values`, as `run_values` gives them, that have not the paper's value."""
    paper = paper_values(values["model.backbone"])
    found = []
    for point in POINTS:
        for name in point.settings:
            if name in values and values[name] != paper[name]:
                stage, setting = name.split(".")
                found.append(Departure(point.number, point.name, stage, setting, values[name], paper[name]))
    return found


def departure_lines(found: Sequence[Departure]) -> list[str]:
    """One line for each stage that departs, or one that says that none does."""
    lines = []
    for stage, title in STAGES.items():
        here = [f"{shown(d.setting)} {shown(d.value)} ({shown(d.paper)})" for d in found if d.stage == stage]
        if here:
            lines.append(f"departs from the paper in {title}: {', '.join(here)}")
    return lines or ["departs from the paper in nothing"]


def departure_rows(found: Sequence[Departure]) -> list[tuple[str, ...]]:
    """Rows for a table: point, stage, setting, its value in this run, the paper's value."""
    return [(f"{d.point} {d.name}", STAGES[d.stage], shown(d.setting), shown(d.value), shown(d.paper)) for d in found]


def shown(value: Any) -> str:
    """A setting's name or value as a person reads it."""
    if isinstance(value, str):
        return value.replace("_", " ") or "nothing"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _model(model: Mapping[str, Any], tokenizer: str) -> dict[str, Any]:
    found: dict[str, Any] = {"backbone": "transformer", "embedding_deviation": 0.0, **model, "tokenizer": tokenizer}
    found["embedding_deviation"] = found["embedding_deviation"] or found["initial_deviation"]
    if found["backbone"] == "lstm":
        return {**found, "heads": None, "feed_forward": None}
    return {**found, "feed_forward": found["feed_forward"] or 4 * found["width"], "lstm_units": None}


def _finetuning(settings: Mapping[str, Any], record: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """The values of fine-tuning that the task or the model decides where no setting does."""
    task, transferred = record["task"], settings["transfer_layers"]
    schema = TaskSchema.from_dict(task)
    as_in_paper = schema.task_kind.paper_scale and not schema.classes
    rate = settings["learning_rate"] or record.get("learning_rate") or record["result"]["learning_rate"]
    return {
        "learning_rate": rate,
        "cutting": task["cutting"],
        "scores": (settings["scores"] or schema.task_kind.scale) if as_in_paper else None,
        "transfer_layers": "all" if transferred in (None, layers) else transferred,
        "precision": record["engine"]["precision"],
    }


def _defaults(cls: type[Settings]) -> dict[str, Any]:
    return {name: leaf.default for name, leaf in leaves(cls).items()}


def _leaves(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a tree of settings by their own names, which are unique in it."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _leaves(value) if isinstance(value, Mapping) else {name: value}
    return flat
