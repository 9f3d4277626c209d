"""What the studies by fine-tuning share: tasks by name or from files, trials under several seeds, their summary.

Every trial is kept in OUT/trials, so a study that was stopped goes on where it was, and studies in one folder use each
other's trials.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from foretext.errors import SettingsError
from foretext.recipes.finetune import FinetuningSettings
from foretext.recipes.labelled_data import (
    LabelledData,
    LabelledDataSettings,
    drawn,
    limited,
    published_root,
    read_as_given,
    read_labelled_data,
)
from foretext.settings import Settings, resolve
from foretext.tasks.catalogue import find_task

if TYPE_CHECKING:
    from foretext.checkpoints.saved_model import SavedModel
    from foretext.evaluation.intervals import Estimate
    from foretext.evaluation.studies import Study
    from foretext.progress import Progress
    from foretext.recipes.trials import Trial

GLANCE = 32  # examples to validate on while training, where no epoch is chosen by them


class StudySettings(Settings):
    """What the studies by fine-tuning share."""

    model: str
    """Name of an installed model, or the folder of a pre-training run."""
    tasks: tuple[str, ...] = ()
    """Published tasks, or TOML files with the settings of a labelled file (data, kind, text, label, …). Without any:
    the file in --data."""
    out: Path
    """Folder for CSV, JSON, PNG and report.html; run again, a study goes on where it was. Studies may share it."""
    seeds: int = Field(3, ge=1)
    """Runs of each fine-tuning, under the seeds 0, 1, …: weights of the head, order, dropout, rows that are drawn."""
    score_rows: int = Field(0, ge=0)
    """Score on so many of the examples for that, the same in every run; 0 means all."""
    labelled: LabelledDataSettings = LabelledDataSettings()
    finetuning: FinetuningSettings = FinetuningSettings(keep="last")  # what is scored on chooses nothing


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

    def lines(self) -> list[str]:
        files = ", ".join(f"{self.study.name}.{ending}" for ending in ("csv", "json", "png"))
        return [*self.study.lines(), f"written to {self.folder}: report.html, {files}"]

    def to_json(self) -> dict[str, Any]:
        from dataclasses import asdict

        return {**asdict(self.study), "folder": str(self.folder)}


def named_sources(tasks: Sequence[str], labelled: LabelledDataSettings) -> dict[str, LabelledDataSettings]:
    """Where each task comes from, by its name: of the catalogue, of a TOML file, or of the file in `labelled`.

    Raises:
        UnknownName: there is no such task.
        SettingsError: no task is given, one of them twice, or a TOML file is wrong.
    """
    sources: dict[str, LabelledDataSettings] = {}
    names = [*tasks, *([labelled.task] if labelled.task else [])]
    if not names and labelled.data is not None:
        return {labelled.data.stem: labelled}
    for name in names:
        if name.endswith(".toml"):
            found, source = Path(name).stem, resolve(LabelledDataSettings, toml=Path(name)).value
        else:
            found = find_task(name).name
            source = labelled.model_copy(update={"task": found})
        if found in sources:
            raise SettingsError(f"the task {found} is given twice")
        sources[found] = source
    if not sources:
        raise SettingsError("give a task: names of published ones, or a file as --data with its --kind")
    return sources


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
            data, scored_on = LabelledData(data.schema, data.train, task.read(root, "test").examples), "test examples"
    if not data.valid:
        data = read_labelled_data(source.model_copy(update={"train_rows": 0}), seed=0)
        scored_on = "examples held out of those for training"
    of_all, scored = "", data.valid
    if score_rows and score_rows < len(scored):
        of_all, scored = f" of {len(scored):,}", drawn(scored, score_rows, 0)
    scored_on = f"{len(scored):,}{of_all} {scored_on}"
    return StudiedTask(name, LabelledData(data.schema, data.train, scored), train_rows, scored_on)


@dataclass(frozen=True)
class Runner:
    """Trials of one study, with the bar that counts them."""

    settings: StudySettings
    bar: Progress
    described: set[str] = field(default_factory=set)  # tasks whose data the log has described

    def trials(self, model: SavedModel, task: StudiedTask, *, rows: int | None = None, **changes: Any) -> list[Trial]:
        """One trial a seed: `model` fine-tuned on `rows` examples of the task, with `changes` to the settings."""
        from foretext.recipes.trials import trial

        values = {name: getattr(self.settings.finetuning, name) for name in FinetuningSettings.model_fields}
        rows = task.train_rows if rows is None else rows
        done = []
        for seed in range(self.settings.seeds):
            self.bar.advance(0, text=f"{task.name}, seed {seed}")
            with _quiet(task.name in self.described):
                self.described.add(task.name)
                data = limited(task.data, rows, seed)
                valid = data.valid if self.settings.finetuning.keep == "best" else data.valid[:GLANCE]
                done.append(
                    trial(
                        model,
                        LabelledData(data.schema, data.train, valid),
                        seed=seed,
                        folder=self.settings.out / "trials",
                        tests={"scored": task.data.valid},
                        **{**values, **changes},
                    )
                )
            self.bar.advance(1)
        return done


@contextmanager
def running(settings: StudySettings, title: str, trials: int) -> Iterator[Runner]:
    """A runner for so many trials."""
    from foretext.progress import progress

    with progress(title, trials, unit="trials") as bar:
        yield Runner(settings, bar)


def summary(task: StudiedTask, trials: Sequence[Trial]) -> Estimate:
    """The main metric: median and range over seeds; of a single run, its value and bootstrap interval over examples."""
    from foretext.evaluation.intervals import over_seeds
    from foretext.evaluation.scoring import score_examples
    from foretext.tasks.predictions import Predictions

    if len(trials) > 1:
        return over_seeds([trial.score for trial in trials])
    said = Predictions(tuple(next(iter(trials[0].sets.values())).predictions), classes=task.data.schema.classes)
    return score_examples(task.data.valid, said, schema=task.data.schema).score


def error_bars(seeds: int) -> str:
    """What the bars of `summary` mean, in words."""
    if seeds > 1:
        return f"Medians over {seeds} seeds, with the range over seeds."
    return "One seed, with 95 % bootstrap intervals over examples."


def common(task: StudiedTask, trials: Sequence[Trial]) -> dict[str, Any]:
    """The columns that every row of a study has."""
    from foretext.evaluation.studies import with_interval

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


def about(settings: StudySettings) -> dict[str, Any]:
    """The settings as a study keeps them."""
    return settings.model_dump(mode="json", exclude={"out"})


@contextmanager
def _quiet(quiet: bool) -> Iterator[None]:
    """Leaves out, if asked, what fine-tuning logs of its data: all trials of a task would say much the same."""
    loggers = [logging.getLogger(f"foretext.recipes.{name}") for name in ("finetune", "labelled_data")]
    levels = [logger.level for logger in loggers]
    for logger in loggers if quiet else ():
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
