"""Where a run departs from the paper: settings that have another value than the points of its recipe ask for.

A setting belongs to one of three stages: to the model, or to one of the two stages of training that the paper has. Its
full name says which: `model.layers`, `pretraining.clip`, `finetuning.clip`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import PydanticUndefined

from foretext.checkpoints.history import Departure, EngineRecord, Finetuning, History, Pretraining
from foretext.model.settings import FORM, Backbone, ModelSettings
from foretext.recipes.paper.points import POINTS
from foretext.recipes.settings.finetune import PAPER_DROPOUT, PAPER_LEARNING_RATE, FinetuneSettings
from foretext.recipes.settings.pretrain import MASKS, PretrainSettings
from foretext.settings import Settings, leaves
from foretext.tasks.schema import TaskSchema
from foretext.training.plan import matrix_rate
from foretext.training.settings import MUON

EARLIER = {
    "softmax_rows": "all",
    "dropout": PAPER_DROPOUT,
}  # what a fine-tuning did whose settings lack it, where that is not the default now
STAGES = {"model": "the model", "pretraining": "pre-training", "finetuning": "fine-tuning"}


def run_values(model: ModelSettings, history: History, tokenizer: str) -> dict[str, Any]:
    """What a model has for each setting that a point names: `{"model.layers": 4, "finetuning.clip": 1.0, …}`.

    `tokenizer` is the mode of the model's tokenizer. A stage that is not in the history has no values, nor has a
    setting that is not known, or means nothing here (an LSTM has no heads, a class is no score).
    """
    values = {f"model.{name}": value for name, value in _model(model, tokenizer).items()}
    if history.pretraining:
        values |= {f"pretraining.{name}": value for name, value in _pretraining(history.pretraining).items()}
    if history.finetuning:
        found = _finetuning(history.finetuning, model.layers)
        values |= {f"finetuning.{name}": value for name, value in found.items()}
    named = {name for point in POINTS for name in point.settings}
    return {name: value for name, value in values.items() if name in named and value is not None}


def unnamed_values(cls: type[Settings]) -> dict[str, Any]:
    """By its name, what each setting was in a run whose record, of an earlier version, does not name it."""
    return {name: value for name, value in {**_defaults(cls), **EARLIER}.items() if value is not PydanticUndefined}


def paper_values(backbone: Backbone = "transformer") -> dict[str, Any]:
    """The paper's value of every setting that a point names: the defaults of the program, in fp32."""
    return default_values("fp32", backbone)


def default_values(precision: str, backbone: Backbone = "transformer") -> dict[str, Any]:
    """The defaults of the program for every setting that a point names, where it computes in `precision`."""
    task, engine = TaskSchema(kind="similarity", text=("a", "b")), EngineRecord(precision=precision)
    history = History(
        pretraining=Pretraining(engine=engine),
        finetuning=Finetuning(task=task, learning_rate=PAPER_LEARNING_RATE, engine=engine),
    )
    values = run_values(ModelSettings(backbone=backbone), history, "paper")
    return {**values, "model.backbone": "transformer"}


def departures(values: Mapping[str, Any], recommended: Collection[str] = ()) -> list[Departure]:
    """The settings among `values`, as `run_values` gives them, that have not the paper's value.

    `recommended` are settings of fine-tuning that are as the model recommends.
    """
    paper = paper_values(values["model.backbone"])
    found = []
    for point in POINTS:
        for name in point.settings:
            if name in values and values[name] != paper[name]:
                stage, setting = name.split(".")
                here = Departure(point.number, point.name, stage, setting, values[name], paper[name])
                by_model = stage == "finetuning" and setting in recommended
                found.append(replace(here, recommended=True) if by_model else here)
    return found


def departure_lines(found: Sequence[Departure], by: str = "") -> list[str]:
    """One line for each stage that departs, or one that says that no setting does; what is recommended apart.

    `by` is how the model is called that recommends.
    """
    lines = []
    for stage, title in STAGES.items():
        for recommended in (None, True):
            here = [d for d in found if d.stage == stage and d.recommended is recommended]
            why = f", recommended by {by or 'the model'}" if recommended else ""
            said = ", ".join(f"{shown(d.setting)} {shown(d.value)} ({shown(d.paper)})" for d in here)
            lines += [f"departs from the paper in {title}{why}: {said}"] if here else []
    return lines or ["no setting departs from the paper"]


def departure_rows(found: Sequence[Departure]) -> list[tuple[str, ...]]:
    """Rows for a table: point, stage, setting, its value in this run, the paper's value."""
    return [(f"{d.point} {d.name}", STAGES[d.stage], shown(d.setting), _shown_value(d), shown(d.paper)) for d in found]


def _shown_value(departure: Departure) -> str:
    return shown(departure.value) + (", as the model recommends" if departure.recommended else "")


def shown(value: Any) -> str:
    """A setting's name or value as a person reads it."""
    if isinstance(value, str):
        return value.replace("_", " ") or "nothing"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _model(model: ModelSettings, tokenizer: str) -> dict[str, Any]:
    found: dict[str, Any] = {**model.model_dump(), "tokenizer": tokenizer}
    found["embedding_deviation"] = model.embedding_deviation or model.initial_deviation
    if model.backbone == "lstm":
        return {**found, **dict.fromkeys(("heads", "feed_forward", "projections_start", *FORM))}
    found["key_heads"] = model.key_heads or "as many as heads"
    found["head_width"] = model.head_width or "width by heads"
    found["rotary_base"] = model.rotary_base if model.positions == "rotary" else ""
    found["rotary_share"] = model.rotary_share if model.positions == "rotary" and model.rotary_share < 1 else ""
    return {**found, "feed_forward": model.hidden, "lstm_units": None}


def _pretraining(run: Pretraining) -> dict[str, Any]:
    """The settings of a pre-training, and what follows from several of them."""
    settings = {**_defaults(PretrainSettings), **_leaves(run.settings)}
    return {
        **settings,
        **_muon(settings, settings["learning_rate"]),
        "fall": settings["fall"] if settings["schedule"] == "flat" else "",
        **_masks(settings),
        "start": "a trained model" if run.start else "new weights",
        "length": f"{settings['updates']:,} updates" if settings["updates"] else f"{settings['epochs']:g} epochs",
        "precision": run.engine.precision,
    }


def _finetuning(run: Finetuning, layers: int) -> dict[str, Any]:
    """The settings of a fine-tuning, and what the task or the model decides where no setting does."""
    settings = {**_defaults(FinetuneSettings), **(EARLIER if run.settings else {}), **_leaves(run.settings)}
    transferred = settings["transfer_layers"]
    scale = run.task.task_kind.scale if run.task and run.task.task_kind.paper_scale and not run.task.classes else None
    learning_rate = settings["learning_rate"] or run.learning_rate or run.result.learning_rate
    return {
        **settings,
        **_muon(settings, learning_rate),
        "learning_rate": learning_rate,
        "intermediate_task": run.intermediate_tasks(),
        "special_tokens_from": settings["special_tokens_from"] or ("intermediate task" if run.intermediate else ""),
        "dropout": PAPER_DROPOUT if settings["dropout"] is None else settings["dropout"],
        "cutting": run.task.cutting if run.task and not _three_fields(run.task) else None,
        "times_read": run.task.times_read if run.task else None,
        "scores": scale and (settings["scores"] or scale),
        "transfer_layers": "all" if transferred in (None, layers) else transferred,
        "precision": run.engine.precision,
    }


def _three_fields(task: TaskSchema) -> bool:
    """Whether its examples are a document, a question and answers, of whose cutting neither paper nor code says how."""
    return task.task_kind.has_answers and len(task.text) > 1


def _muon(settings: Mapping[str, Any], learning_rate: Any) -> dict[str, Any]:
    """What Muon goes by; nothing where Adam moves all weights."""
    if settings["optimizer"] != "muon":
        return dict.fromkeys(MUON, "")
    return {"muon_rate": matrix_rate(settings["muon_rate"], learning_rate)}


def _masks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is hidden in masked windows; nothing where there are none."""
    if not settings["masked_share"]:
        return dict.fromkeys(MASKS, "")
    end = settings["mask_rate_end"]
    return {"mask_rate_end": settings["mask_rate"] if end is None else end}


def _defaults(cls: type[Settings]) -> dict[str, Any]:
    return {name: leaf.default for name, leaf in leaves(cls).items()}


def _leaves(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a tree of settings by their own names, which are unique in it."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _leaves(value) if isinstance(value, Mapping) else {name: value}
    return flat
