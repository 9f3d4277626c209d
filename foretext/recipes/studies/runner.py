"""What the studies by fine-tuning share: tasks by name or from files, trials under several seeds, their summary.

Every trial is kept in OUT/trials, so a study that was stopped goes on where it was, and studies in one folder use each
other's trials.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from foretext.checkpoints.history import Departure
from foretext.checkpoints.saved_model import SavedModel
from foretext.evaluation.intervals import Estimate, over_seeds
from foretext.evaluation.scoring import score_examples
from foretext.locks import held
from foretext.progress import Progress, progress
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.recipes.settings.study import StudySettings
from foretext.recipes.studies.rows import with_interval
from foretext.recipes.studies.study import Study
from foretext.recipes.studies.trials import Trial, WantedTrial, wanted_trial
from foretext.tasks.catalogue import find_task
from foretext.tasks.labelled import (
    LabelledData,
    LabelledDataSettings,
    drawn,
    limited,
    published_root,
    read_as_given,
    read_labelled_data,
)
from foretext.tasks.predictions import Predictions
from foretext.tasks.sources import named_sources

GLANCE = 32  # examples to validate on while training, where no epoch is chosen by them


@dataclass(frozen=True)
class StudiedTask:
    """A task with all its training examples, of which `train_rows` are to be drawn for each run (0: all).

    `data.valid` are those that are scored, `scored_on` says what they are.
    """

    name: str
    data: LabelledData
    train_rows: int
    scored_on: str


@dataclass(frozen=True)
class Studied:
    """A study that is done and written."""

    study: Study
    folder: Path
    departures: tuple[Departure, ...] = ()  # from the paper, of the trials with the whole method

    def lines(self) -> list[str]:
        files = ", ".join(f"{self.study.name}.{ending}" for ending in ("csv", "json", "png"))
        return [*self.study.lines(), f"written to {self.folder}: report.html, {files}"]

    def to_json(self) -> dict[str, Any]:
        departed = [asdict(departure) for departure in self.departures]
        return {**asdict(self.study), "folder": str(self.folder), "departures": departed}


def read_studied_tasks(settings: StudySettings) -> list[StudiedTask]:
    """The tasks to study; nothing of them depends on the seed of a run.

    Scored is what is published for validation, else the test set where its labels are public, else what is split off.
    """
    return [
        _studied(name, source, source.train_rows or settings.labelled.train_rows, settings.score_rows)
        for name, source in named_sources(settings.tasks, settings.labelled).items()
    ]


def _studied(name: str, source: LabelledDataSettings, train_rows: int, score_rows: int) -> StudiedTask:
    data, scored_on = read_as_given(source), "validation examples"
    if not data.valid and source.task is not None:
        task = find_task(source.task)
        root = published_root(source.data, task)
        if task.is_labelled(root, "test"):
            data, scored_on = replace(data, valid=task.read(root, "test").examples), "test examples"
    if not data.valid:
        data = read_labelled_data(source.model_copy(update={"train_rows": 0}), seed=0)
        scored_on = "examples held out of those for training"
    of_all, scored = "", data.valid
    if score_rows and score_rows < len(scored):
        of_all, scored = f" of {len(scored):,}", drawn(scored, score_rows, 0)
    scored_on = f"{len(scored):,}{of_all} {scored_on}"
    return StudiedTask(name, replace(data, valid=scored), train_rows, scored_on)


@dataclass(frozen=True)
class Runner:
    """Trials of one study, with the bar that counts them."""

    settings: StudySettings
    bar: Progress
    described: set[str] = field(default_factory=set)  # tasks whose data the log has described

    def trials(self, model: SavedModel, task: StudiedTask, *, rows: int | None = None, **changes: Any) -> list[Trial]:
        """One trial a seed: `model` fine-tuned on `rows` examples of the task, with `changes` to the settings."""
        done = []
        for seed in range(self.settings.seeds):
            self.bar.advance(0, text=f"{task.name}, seed {seed}")
            with quiet(task.name in self.described):
                self.described.add(task.name)
                done.append(wanted(self.settings, model, task, seed, rows=rows, **changes).result())
            self.bar.advance(1)
        return done


def wanted(
    settings: StudySettings, model: SavedModel, task: StudiedTask, seed: int, *, rows: int | None = None, **changes: Any
) -> WantedTrial:
    """The trial of one seed: `model` fine-tuned on `rows` examples of the task, with `changes` to the settings."""
    values = {name: getattr(settings.finetuning, name) for name in FinetuningSettings.model_fields}
    data = limited(task.data, task.train_rows if rows is None else rows, seed)
    valid = data.valid if settings.finetuning.keep == "best" else data.valid[:GLANCE]
    return wanted_trial(
        model,
        replace(data, valid=valid),
        seed=seed,
        folder=settings.out / "trials",
        tests={"scored": task.data.valid},
        **{**values, **changes},
    )


@contextmanager
def running(settings: StudySettings, title: str, trials: int) -> Iterator[Runner]:
    """A runner for so many trials, alone in the folder of the study."""
    with held(settings.out), progress(title, trials, unit="trials") as bar:
        yield Runner(settings, bar)


def summary(task: StudiedTask, trials: Sequence[Trial]) -> Estimate:
    """The main metric: median and range over seeds; of a single run, its value and interval over examples."""
    if len(trials) > 1:
        return over_seeds([trial.score for trial in trials])
    said = Predictions(tuple(next(iter(trials[0].sets.values())).predictions), classes=task.data.schema.classes)
    return score_examples(task.data.valid, said, schema=task.data.schema).score


def error_bars(seeds: int) -> str:
    """What the bars of `summary` mean, in words."""
    if seeds > 1:
        return f"Medians over {seeds} seeds, with the range over seeds."
    return "One seed, with 95 % intervals over examples."


def common(task: StudiedTask, trials: Sequence[Trial]) -> dict[str, Any]:
    """The columns that every row of a study has."""
    scores = next(iter(trials[0].sets.values()))
    return {
        "metric": scores.main,
        **with_interval("score", summary(task, trials)),
        "chance": scores.chance[scores.main],
        "seeds": len(trials),
        "examples": scores.count,
        "updates": max(trial.updates for trial in trials),
    }


def warnings(settings: StudySettings, tasks: Sequence[StudiedTask], rows: Sequence[dict[str, Any]]) -> list[str]:
    """What to know before trusting a study by fine-tuning."""
    notes = [f"{task.name} is scored on {task.scored_on}." for task in tasks]
    if settings.finetuning.keep == "best":
        notes.append(
            "The epoch that is kept was chosen on the examples that are scored, so all scores are a little high."
        )
    untrained = sum(row["updates"] < 2 for row in rows)
    if untrained:
        notes.append(
            f"{untrained} of {len(rows)} points rest on a single update, whose rate is 0: nothing was learned."
        )
    if settings.seeds < 3:
        notes.append(f"{settings.seeds} seed(s) say little about the luck of a run.")
    return notes


def departures_of(trials: Iterable[Trial]) -> tuple[Departure, ...]:
    """What departs from the paper in any of these, each once."""
    return tuple(dict.fromkeys(departure for done in trials for departure in done.departures))


def about(settings: StudySettings) -> dict[str, Any]:
    """The settings as a study keeps them."""
    return settings.model_dump(mode="json", exclude={"out"})


@contextmanager
def quiet(quiet: bool) -> Iterator[None]:
    """Leaves out, if asked, what fine-tuning logs of its data: all trials of a task would say much the same."""
    loggers = [logging.getLogger(f"foretext.{name}") for name in ("recipes.finetune", "recipes.run", "tasks.labelled")]
    levels = [logger.level for logger in loggers]
    for logger in loggers if quiet else ():
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
