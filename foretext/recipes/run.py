"""The one road of every run: folder, engine, departures, training, what came of it, record, model, page.

A recipe says what is to be run, as a `Run`, and `carry_out` runs it. Whatever holds for all runs belongs here.
"""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from foretext.checkpoints.history import EngineRecord, Finetuning, History, Pretraining
from foretext.checkpoints.run_folder import SETTINGS, RunFolder
from foretext.checkpoints.saved_model import SavedModel, save_model, write_description
from foretext.errors import SettingsError, UnsoundRun
from foretext.evaluation.pages import training_report
from foretext.evaluation.report import write_report
from foretext.files import disk_errors, write_text
from foretext.group import Group, joined
from foretext.progress import quiet
from foretext.recipes.extension import check_extension
from foretext.recipes.length import planned_updates
from foretext.recipes.paper.departures import departure_lines, departure_rows, departures, run_values, unnamed_values
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.settings import to_toml
from foretext.started import started
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer
from foretext.training.engine import Engine
from foretext.training.guard import Origins
from foretext.training.loop import BatchAt, Reordered, Trainer, Validate
from foretext.training.muon import Muon
from foretext.training.objectives import Objective
from foretext.training.optimizer import Adam, Optimizer
from foretext.training.plan import Plan
from foretext.training.planning import Speed, measured
from foretext.training.requests import requests_until
from foretext.training.sharded import check_can_be_sharded
from foretext.training.state import State
from foretext.training.trackers import require_trackers, tracking

log = logging.getLogger(__name__)


class HasResult(Protocol):
    """What a recipe gives, of which the model remembers the result."""

    def result(self) -> Any:
        """The result as the history of the model keeps it; no paths, since a model may travel."""


Outcome = TypeVar("Outcome", bound=HasResult)


@dataclass(frozen=True)
class Concluded(Generic[Outcome]):
    """What a recipe gives when its run has ended, and the task that the model has learned, if one."""

    outcome: Outcome
    task: TaskSchema | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Generic[Outcome]):
    """What is to be run. Nothing of it has touched the disk, or a device, yet."""

    title: str  # of the bar and the page
    settings: PretrainSettings | FinetuneSettings
    record: Pretraining | Finetuning  # what the weights follow from; the road adds the rest
    history: History = field(default_factory=History)  # of the model, up to this run
    recommended: Mapping[str, Any] = field(default_factory=dict)  # by the model that the run starts from
    objective: Objective
    plan: Plan
    batch_at: BatchAt
    validate: Validate | None
    of_length: Callable[[int], tuple[Plan, Pretraining | Finetuning]]  # the plan and record of so many updates instead
    conclude: Callable[[RunFolder, State], Concluded[Outcome]]  # after the last update: chooses weights, scores them
    tokenizer: Tokenizer
    reordered: Reordered | None = None  # the same batches in other orders
    origins: Origins | None = None  # where what an update reads stands
    page: bool = True  # whether a page of its curves is drawn in the end


def carry_out(run: Run[Outcome]) -> Outcome:
    """What came of `run`; its model, record and page are in the folder that its settings name.

    Raises:
        SettingsError: the folder holds another run, or one that can be resumed while `resume` is off, or with `resume`
            none; or a tracker is not installed.
        InUse: another process is at work in the folder.
        UnsoundRun: the watch stopped the run; the best model that it came to is in the folder.
        ForetextError: the loss is no longer a finite number, or memory runs out.
    """
    with joined(wait_seconds=run.settings.loop.wait_seconds) as group, quiet() if group.rank else nullcontext():
        return _carried_out(run, group)


def _carried_out(run: Run[Outcome], group: Group) -> Outcome:
    began = started()
    require_trackers(run.settings.loop.log_to)
    if run.settings.extend and run.settings.loop.minutes:
        raise SettingsError("--extend goes on to more updates or epochs; --minutes is for a run that begins")
    _check_processes(run, group)
    engine = _engine(run)
    if run.settings.loop.strategy == "fsdp":
        check_can_be_sharded(run.plan, engine.device)
        if engine.world == 1:
            log.warning("--strategy fsdp changes nothing: one process has all weights; --devices starts several")
    with _folder(run, engine) as folder:
        run = _of_its_length(run, engine, folder, began)
        if run.settings.extend and engine.rank == 0:
            check_extension(folder, run.plan, lambda updates: run.of_length(updates)[0])
        record = _with_departures(run, engine)
        if engine.rank == 0:
            _describe(run, record, folder)
        trainer = _trainer(run, engine, folder, began)
        for line in trainer.optimizer.lines():
            log.info(line)
        state, unsound = _train(trainer)
        concluded = run.conclude(folder, state)
        record = replace(record, result=concluded.outcome.result(), watch=state.watch.record())
        if engine.rank == 0:
            _save(run, record, concluded.task, folder)
    if unsound is not None:
        where = f"the best model, that after update {state.update:,}, is saved in {run.settings.out}"
        raise UnsoundRun(f"{unsound}; {where}") from unsound
    return concluded.outcome


def _engine(run: Run[Any]) -> Engine:
    loop = run.settings.loop
    return Engine.start(loop.device, loop.precision, loop.strategy)


def _check_processes(run: Run[Outcome], group: Group) -> None:
    """Nothing, if there are as many processes as were asked for, and all are to do the same run by the same program.

    Raises:
        SettingsError: there are others.
        ForetextError: one has other settings, data or versions.
    """
    wanted, there = run.settings.loop.devices, group.launch.local_world
    if wanted not in (0, there):
        raise SettingsError(
            f"--devices {wanted} was asked for, and there {'is 1 process' if there == 1 else f'are {there} processes'} "
            "on this machine: the command `foretext` starts them itself, torchrun and srun as many as they are told to"
        )
    versions = {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}
    group.check_same("run", json.dumps({**versions, **run.record.identity()}, sort_keys=True, default=str))


def speed_of(run: Run[Outcome]) -> tuple[Speed, EngineRecord]:
    """How long an update of `run` and its validation take here, by its first few; of the run nothing is done.

    Raises:
        SettingsError: there is no such device here.
    """
    engine = _engine(run)
    return measured(_trainer(run, engine, RunFolder(run.settings.out), started())), engine.describe()


@contextmanager
def _folder(run: Run[Outcome], engine: Engine) -> Iterator[RunFolder]:
    """The folder of `run`, which process 0 holds and writes to."""
    out = run.settings.out
    if engine.rank:
        yield RunFolder(out)
        return
    # Processes that were started again go on with what they had begun.
    resume = run.settings.resume or (engine.group.launch.restarts > 0 and RunFolder(out).is_begun)
    extend = run.settings.extend
    unnamed = unnamed_values(type(run.settings))
    with RunFolder.hold(out, run.record.identity(), resume=resume, extend=extend, unnamed=unnamed) as folder:
        write_text(folder.path / SETTINGS, to_toml(run.settings))
        with tracking(run.settings.loop.log_to, out, run.settings.model_dump(mode="json")) as trackers:
            yield replace(folder, follower=trackers)


def _train(trainer: Trainer) -> tuple[State, UnsoundRun | None]:
    """Where the training ended; and what the watch stopped it for, if it did: then the best weights are in place.

    Raises:
        UnsoundRun: the watch stopped it, and there are no weights worth saving.
    """
    try:
        return trainer.run(), None
    except UnsoundRun as unsound:
        best = trainer.take_best()
        if best is None:
            raise
        return replace(trainer.state, update=best), unsound


def _with_departures(run: Run[Outcome], engine: Engine) -> Pretraining | Finetuning:
    """The record with where the run runs and how it departs from the paper, which is said."""
    record = replace(run.record, engine=engine.describe())
    model = run.objective.model
    as_recommended = record.recommended or () if isinstance(record, Finetuning) else ()
    found = departures(run_values(model.settings, run.history.after(record), run.tokenizer.mode), as_recommended)
    for line in departure_lines(found, by=str(getattr(run.settings, "model", ""))):
        log.info(line)
    return replace(record, departures=tuple(found))


def _describe(run: Run[Outcome], record: Pretraining | Finetuning, folder: RunFolder) -> None:
    """Writes what the checkpoints are checkpoints of, so that each is a model before the run has ended."""
    task = record.task if isinstance(record, Finetuning) else None
    with disk_errors(folder.checkpoints.path):
        folder.checkpoints.path.mkdir(exist_ok=True)
    write_description(folder.checkpoints.path, _saved(run, record, task))


def _of_its_length(run: Run[Outcome], engine: Engine, folder: RunFolder, began: float) -> Run[Outcome]:
    """The run with as many updates as it was planned for, by `--minutes` now or when it was begun; else as it is."""

    def validate_every(updates: int) -> int:
        return run.of_length(updates)[0].validate_every

    trainer, minutes = _trainer(run, engine, folder, began), run.settings.loop.minutes
    updates = planned_updates(trainer, folder, minutes, validate_every, started=began)
    if updates is None:
        return run
    plan, record = run.of_length(updates)
    return replace(run, plan=plan, record=record)


def _trainer(run: Run[Outcome], engine: Engine, folder: RunFolder, began: float) -> Trainer:
    return Trainer(
        objective=run.objective,
        plan=run.plan,
        engine=engine,
        optimizer=_optimizer(run, engine),
        batch_at=run.batch_at,
        folder=None if engine.rank else folder,
        validate=run.validate,
        title=run.title,
        requests=requests_until(run.plan.max_hours, began, engine.group.most),
        reordered=run.reordered,
        origins=run.origins,
    )


def _optimizer(run: Run[Outcome], engine: Engine) -> Optimizer:
    if run.plan.optimizer == "muon":
        return Muon(run.objective.model, run.plan, precision=engine.precision)
    return Adam(run.objective.model, run.plan)


def _saved(run: Run[Outcome], record: Pretraining | Finetuning, task: TaskSchema | None) -> SavedModel:
    """The model as it is written; what was recommended for the one that it came from holds for it too."""
    return SavedModel(run.objective.model, run.tokenizer, task, run.history.after(record), recommended=run.recommended)


def _save(run: Run[Outcome], record: Pretraining | Finetuning, task: TaskSchema | None, folder: RunFolder) -> None:
    """Writes the model with its history, and the page if there is to be one."""
    save_model(folder.path, _saved(run, record, task))
    if not run.page:
        return
    page = training_report(
        folder.metrics.lines(),
        title=f"{run.title.capitalize()} {folder.path.absolute().name}",
        settings=run.settings.model_dump(),
        departures=departure_rows(record.departures or ()),
        warnings=record.watch.lines(),
    )
    write_report(folder.path / "report.html", page)
