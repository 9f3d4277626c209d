"""The paper's recipe: for each point what the paper says, what its released code does, and what a model has instead.

`recipes/paper/points.py` says what a point is, and has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from foretext.checkpoints.find import find_model, split_name
from foretext.checkpoints.history import Departure, History
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import describe
from foretext.model.devices import find_device, find_precision
from foretext.model.settings import ModelSettings
from foretext.recipes.paper.departures import STAGES, default_values, departures, run_values, shown
from foretext.recipes.paper.points import POINTS, Point
from foretext.recipes.settings.recipe import RecipeSettings
from foretext.text_table import wrapped_table
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

WIDTHS = {"point": 5, "name": 14, "paper": 23, "released code": 29, "this run": 32, "departs": 7}  # 120 with gaps


@dataclass(frozen=True)
class Recipe:
    """The points beside the values of a model, or of the defaults."""

    values: dict[str, Any]
    departures: list[Departure]
    watched: tuple[str, ...] = ()  # of each stage of the model, what the watch on its run says
    recommended: Mapping[str, Any] = field(default_factory=dict)  # settings of fine-tuning that the model recommends

    def lines(self) -> list[str]:
        rows = [_row(point, self.values, self.departures) for point in POINTS]
        table = wrapped_table(tuple(WIDTHS), rows, tuple(WIDTHS.values()))
        said = ", ".join(f"{shown(name)} {shown(value)}" for name, value in self.recommended.items())
        recommends = [f"it recommends for fine-tuning: {said}"] if said else []
        return [*table, "", self._counted(), *self.watched, *recommends]

    def _counted(self) -> str:
        """How many settings depart, and of which stages there is no record."""
        count = len(self.departures)
        said = f"{count:,} {'setting departs' if count == 1 else 'settings depart'}" if count else "no setting departs"
        known = {name.split(".")[0] for name in self.values}
        unknown = [title for stage, title in STAGES.items() if stage not in known]
        return f"{said} from the paper" + (f"; there is no record of {' or '.join(unknown)}" if unknown else "")

    def to_json(self) -> dict[str, Any]:
        points = [
            {**asdict(point), "settings": {name: self.values[name] for name in point.settings if name in self.values}}
            for point in POINTS
        ]
        departed = [asdict(departure) for departure in self.departures]
        found = {"points": points, "departures": departed, "watch": list(self.watched)}
        return {**found, "recommended": dict(self.recommended)}


def recipe(settings: RecipeSettings) -> Recipe:
    """The paper's points, and what the model in `settings.run` has for each.

    Without a model, what the defaults come to on this machine, whose hardware decides the precision.

    Raises:
        UnknownName: there is no such model.
        ModelError: it is damaged, or its run has not finished.
        SettingsError: the run kept no such checkpoint.
    """
    if settings.run is None:
        loop = LoopSettings()
        values = default_values(find_precision(loop.precision, find_device(loop.device)))
        return Recipe(values, departures(values))

    of_checkpoint = bool(split_name(settings.run)[1])
    model, history, mode, recommended = _described(settings.run, of_checkpoint=of_checkpoint)
    values = run_values(model, history, mode)
    as_recommended = (history.finetuning.recommended if history.finetuning else None) or ()
    watched = tuple(_watched(history, of_checkpoint=of_checkpoint))
    return Recipe(values, departures(values, as_recommended), watched, recommended)


def _described(name: str, *, of_checkpoint: bool) -> tuple[ModelSettings, History, str, Mapping[str, Any]]:
    """Shape, history, tokenizer's mode and what it recommends of a model; of a checkpoint only weights are loaded."""
    if of_checkpoint:
        saved = load_named(name)
        return saved.gpt.settings, saved.history, saved.tokenizer.mode, saved.recommended
    folder = find_model(name)
    about = describe(folder)
    return about.model, about.history, Tokenizer.load(folder).mode, about.recommended


def _watched(history: History, *, of_checkpoint: bool) -> Iterator[str]:
    """Whether the runs that made a model were sound, where a watch was kept."""
    last = history.finetuning or history.pretraining
    for name, run in (("pre-training", history.pretraining), ("fine-tuning", history.finetuning)):
        if run is not None:
            if run.watch.sound is not None:
                until = f"up to update {run.result.updates:,}" if of_checkpoint and run is last else "to its end"
                yield f"{name} was {'sound' if run.watch.sound else 'not sound'} {until}"
            yield from (f"{name}, {line}" for line in run.watch.lines())


def _row(point: Point, values: Mapping[str, Any], departed: Sequence[Departure]) -> tuple[str, ...]:
    here = {f"{d.stage}.{d.setting}": d for d in departed if (d.point, d.name) == (point.number, point.name)}
    has = _has(point, values, here) if point.settings else "as released"
    return point.number, point.name, point.paper, point.released, has, "yes" if here else ""


def _not_the_papers(departure: Departure) -> str:
    return f" (not {shown(departure.paper)}{'; recommended' if departure.recommended else ''})"


def _has(point: Point, values: Mapping[str, Any], departed: Mapping[str, Departure]) -> str:
    """What a model has for a point: `clip 0.5 (not 1)`; with the stages where they differ in it.

    What is nothing, and so in the paper, is left out.
    """
    settings: dict[str, dict[str, str]] = {}
    for name in point.settings:
        if name in departed or values.get(name, "") != "":
            stage, setting = name.split(".")
            paper = _not_the_papers(departed[name]) if name in departed else ""
            settings.setdefault(setting, {})[STAGES[stage]] = f"{shown(values[name])}{paper}"
    texts = []
    for setting, by_stage in settings.items():
        same = len(set(by_stage.values())) == 1
        value = next(iter(by_stage.values())) if same else ", ".join(f"{v} in {s}" for s, v in by_stage.items())
        texts.append(f"{shown(setting)} {value}")
    return "; ".join(texts) or "-"
