"""The one training loop: pre-training and fine-tuning are this function with other batches and another objective.

Everything an update does follows from its number: its batch, its random state, its learning rate. So a checkpoint is
weights, optimizer state, a number and the sums since the last log line, and a run that was cut off goes on to the bit.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from foretext.batch import Batch
from foretext.checkpoints.checkpoint_writer import CheckpointWriter
from foretext.checkpoints.run_checkpoints import training_parts
from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import ForetextError, SettingsError, Stopped
from foretext.progress import Progress, progress
from foretext.training.engine import Engine, seed_update
from foretext.training.guard import ADVICE, Guard, Origins
from foretext.training.memory import (
    FREE_SHARE,
    cells_that_fit,
    examples_within,
    free_memory,
    grid_cells,
    is_out_of_memory,
)
from foretext.training.objectives import Counts, Objective
from foretext.training.optimizer import Optimizer
from foretext.training.plan import Plan
from foretext.training.requests import GivenUp, Requests
from foretext.training.state import State, Window

BatchAt = Callable[[int, int, int], Batch]  # (update, rank, world) to this process's share of the update's batch
Reordered = Callable[[int], BatchAt]  # the number of an order to batches that are drawn otherwise; 0 is the usual one
Validate = Callable[[], dict[str, float]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trainer:
    """An objective on its way down; `run` does the updates that are left."""

    objective: Objective
    plan: Plan
    engine: Engine
    optimizer: Optimizer
    batch_at: BatchAt
    folder: RunFolder | None = None
    validate: Validate | None = None
    title: str = "training"
    state: State = field(default_factory=State)
    window: Window = field(default_factory=Window)
    reordered: Reordered | None = None  # None: there is one order of the data
    origins: Origins | None = None
    guard: Guard = field(default_factory=Guard)
    requests: Requests = field(default_factory=Requests)

    def run(self) -> State:
        """Trains to the end of the plan, or until patience runs out; returns where it ended.

        Raises:
            UnsoundRun: the watch stopped it; weights and state are those that it went back to.
            ForetextError: the loss is no longer finite and the watch does not act, or a checkpoint cannot be written.
            Stopped: the run was asked to end; a checkpoint of the last whole update is written first.
        """
        with self.requests.noted(), self._writing():
            try:
                self._set_guard()
                self._train()
            except GivenUp:
                raise self._stopped() from None
        return self.state

    def _train(self) -> None:
        self._resume()
        if self._writer is not None and self._goes_on():
            self._writer.check_space(self._checkpoint_size)
        self.engine.arrange(self.objective, self.plan)
        objective, optimizer = self.engine.setup(self.objective, self.optimizer)
        objective.train()
        with self.requests.giving_up(self.objective.model):
            self._look_for_room(objective)
        with progress(self.title, self.plan.updates, unit="updates") as bar:
            bar.advance(self.state.update)
            if self.state.validation_owed:
                self._validate_and_save(objective)
            while self._goes_on():
                with self.requests.timed():
                    self._update(objective, optimizer)
                if self._went_back(bar):
                    continue
                self._report(bar)
                self._validate_and_save(objective)
                self._heed()

    def _goes_on(self) -> bool:
        """Whether there are updates left, and patience."""
        impatient = bool(self.plan.patience) and self.state.validations_without_better >= self.plan.patience
        return self.state.update < self.plan.updates and not impatient

    def _set_guard(self) -> None:
        guard = self.guard
        guard.mode, guard.folder, guard.origins = self.plan.watch, self.folder, self.origins
        guard.writes = self.engine.rank == 0
        guard.begin(self.objective, self.state)

    def _resume(self) -> None:
        checkpoint = self.folder.checkpoints.latest() if self.folder else None
        if self.folder is not None and checkpoint is not None:
            self.folder.checkpoints.restore(checkpoint, self.objective, self.optimizer)
            self.state.restore(checkpoint.state)
            self.window.restore(checkpoint.state.get("window"), self.state, self.engine.device)
        self.state.planned = self.plan.updates
        if self.folder is not None and self._writer is not None:
            self.folder.metrics.forget_after(self.state.update)
            self._writer.newest = self._kept_state()
        self.guard.take_up(self.state, self.engine.device)

    def _went_back(self, bar: Progress) -> bool:
        """Whether the watch has seen trouble, so that the run stands where it was before."""
        update = self.state.update
        why = self.guard.look(self.state, last=update == self.plan.updates)
        if not why:
            return False
        if self._writer is not None:
            self._writer.wait()
        went = self.guard.way_from(self.state, why)
        self.engine.wait_for_all()
        begins_again = self.guard.take(self.state, went)
        self.optimizer.state.clear()
        self.window.begin(self.state)
        if begins_again and self._writer is not None:
            self._save()
            self._writer.wait()
        self.engine.wait_for_all()
        self._resume()
        bar.advance(self.state.update - update)
        return True

    def take_best(self) -> int | None:
        """Puts the best weights of a run that the watch stopped into the model: the update they stand after.

        By validation, or those that the run went back to last; None if it has neither.
        """
        best = self.state.best_update
        if self.folder is not None and best is not None:
            self.folder.checkpoints.restore_best(best, self.objective)
            return best
        return (self.state.update or None) if self.state.watch.stopped else None

    def _heed(self) -> None:
        """Does what was asked from outside since the last update.

        Raises:
            GivenUp: the run is to stop.
        """
        if asked := self.requests.take_warning():
            self._save()
            log.info("%s: a checkpoint of update %s is written; going on", asked, f"{self.state.update:,}")
        if self._writer is not None:
            self._writer.check()
        if self.requests.signal or (self._goes_on() and self.requests.asks_to_stop(self._seconds_to_end())):
            raise GivenUp

    def _seconds_to_end(self) -> float:
        """What another update, and the checkpoint after it, may take."""
        return self.requests.pace + (self._writer.seconds_to_save(self._checkpoint_size) if self._writer else 0.0)

    def _stopped(self) -> Stopped:
        """What ends a run that is to stop, of which the checkpoint is whole."""
        if not self.state.update:
            return self.requests.stopped("before its first update")
        if self._writer is None:
            return self.requests.stopped(f"after update {self.state.update:,}")
        if self._writer.newest != self._kept_state():
            self._save()
        self._writer.wait()
        return self.requests.stopped(
            f"after update {self.state.update:,}; a checkpoint is written: go on with --resume"
        )

    def _look_for_room(self, objective: nn.Module) -> None:
        """For `--micro-batch auto` on a CPU: how much of a batch may be in memory at once."""
        if self.plan.micro_batch != "auto" or self.state.grid_cells or self.state.update >= self.plan.updates:
            return
        if self.engine.world > 1:
            raise SettingsError("--micro-batch auto works in one process; give several processes a number")
        if self.engine.device.type != "cpu":
            return  # tried out when it comes to it
        batch = self.batch_at(self.state.update, 0, 1)
        parameters = list(self.objective.parameters())
        free = free_memory()
        to_come = 0 if self.optimizer.state else 2 * sum(parameter.nbytes for parameter in parameters)  # its moments

        def step(part: Batch) -> None:
            self._accumulate(objective, [part], self._counts(part))
            self.optimizer.zero_grad()

        self.state.grid_cells = cells_that_fit(step, batch, free - to_come, held=parameters)
        self._say_room(batch, f"{free / 1e9:.1f} GB are free")

    def _say_room(self, batch: Batch, why: str) -> None:
        fit = examples_within(batch, self.state.grid_cells)
        log.info("micro-batch auto: %d of %d examples at once; %s", fit, batch.example_count, why)

    def _update(self, objective: nn.Module, optimizer: Any) -> None:
        update, started = self.state.update, time.perf_counter()
        order = self.state.watch.order
        batch_at = self.reordered(order) if order and self.reordered else self.batch_at
        batch = batch_at(update, self.engine.rank, self.engine.world)
        found = self._gradients(objective, batch)
        norm = self.optimizer.clip(self.plan.clip)
        done = self.guard.done(update)
        left_out = self.guard.judge(self._loss(found), norm)
        rate = self.plan.learning_rate * self.plan.schedule(update) * self.state.watch.rate
        self.optimizer.leave_out(left_out)
        self.optimizer.prepare(done, rate)
        optimizer.step()
        optimizer.zero_grad()
        for losses in found:
            self.window.add(losses, left_out)
        self.window.close_update(norm, rate, left_out)
        self.state.update += 1
        self.state.tokens += len(batch.tokens) * self.engine.world
        self.state.seconds += time.perf_counter() - started

    def _loss(self, found: list[dict[str, Tensor]]) -> Tensor:
        """The loss of the whole batch, over all its parts and all processes."""
        mine = torch.stack([losses["loss"] for losses in found]).sum() if found[1:] else found[0]["loss"]
        return self.engine.sum_over_processes(mine)

    def _gradients(self, objective: nn.Module, batch: Batch) -> list[dict[str, Tensor]]:
        """The losses of the parts of `batch`, their gradients added up; with `--micro-batch auto` in parts that fit."""
        counts, wanted = self._counts(batch), self.plan.micro_batch
        while True:
            seed_update(self.plan.seed, self.state.update, self.engine.rank, self.state.watch.order)
            most = examples_within(batch, self.state.grid_cells) if wanted == "auto" else wanted
            parts = batch.split(most or max(1, batch.example_count))
            try:
                return self._accumulate(objective, parts, counts)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if wanted != "auto" or most == 1:
                    raise ForetextError(_no_room(parts)) from error
            self.optimizer.zero_grad()  # and do it all again, in smaller parts
            self.engine.free_unused()
            self.state.grid_cells = max(map(grid_cells, parts)) // 2
            self._say_room(batch, f"{most} were too many")

    def _accumulate(self, objective: nn.Module, parts: list[Batch], counts: Counts) -> list[dict[str, Tensor]]:
        found = []
        for index, part in enumerate(parts):
            with self.engine.accumulating(objective, index < len(parts) - 1):
                losses = objective(self.engine.sequences(part, share_prefixes=self.plan.share_prefixes), counts)
                # Processes average their gradients; the counts already are those of all of them.
                self.engine.backward(losses["loss"] * self.engine.world)
            found.append({name: value.detach() for name, value in losses.items()})
        return found

    def _counts(self, batch: Batch) -> Counts:
        if self.engine.world == 1:
            return Counts(batch.sequence_count, batch.example_count)
        mine = torch.tensor([batch.sequence_count, batch.example_count], device=self.engine.device)
        sequences, examples = self.engine.sum_over_processes(mine).tolist()
        return Counts(sequences, examples)

    def _report(self, bar: Progress) -> None:
        last = self.state.update == self.plan.updates
        if self.state.update % self.plan.log_every and not last:
            bar.advance()
            return
        line = self.window.line(self.state)
        self.window.begin(self.state)
        self.engine.tidy()
        if not math.isfinite(line.get("loss", 0.0)):
            raise ForetextError(f"the loss is no longer a finite number at update {self.state.update}; {ADVICE}")
        if self.folder and self.engine.rank == 0:
            self.folder.metrics.log(line)
        loss = f"loss {line['loss']:.3f}, " if "loss" in line else ""
        bar.advance(1, text=f"{loss}{line['tokens_per_second']:,.0f} tokens/s")

    def _validate_and_save(self, objective: nn.Module) -> None:
        done, last = self.state.update, self.state.update == self.plan.updates
        owed = last or self.state.validation_owed
        validated = self.validate is not None and (owed or done % self.plan.validate_every == 0)
        if validated:
            self._validate(objective)
        if last or validated or (self.plan.checkpoint_every and done % self.plan.checkpoint_every == 0):
            self._save()

    def _validate(self, objective: nn.Module) -> None:
        assert self.validate is not None
        self.state.validation_owed = True
        objective.eval()
        with torch.no_grad(), self.requests.giving_up(self.objective.model):
            values = self.validate()
        objective.train()
        self.state.validation_owed = False
        self.state.better(values[self.plan.metric], self.plan)
        if self.folder and self.engine.rank == 0:
            line = {"update": self.state.update, **{f"valid_{name}": value for name, value in values.items()}}
            self.folder.metrics.log(line)

    @cached_property
    def _writer(self) -> CheckpointWriter | None:
        """What writes the checkpoints; None in a process that writes none."""
        if self.folder is None or self.engine.rank:
            return None
        return CheckpointWriter(self.folder, self.plan.keep_checkpoints)

    @cached_property
    def _checkpoint_size(self) -> int:
        """Bytes of a checkpoint: weights and two moments."""
        return 3 * sum(parameter.nbytes for parameter in self.objective.parameters())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Does not end, however the block ends, before the checkpoint that is being written is whole."""
        try:
            yield
        except BaseException:
            if self._writer is not None:
                self._writer.finish()
            raise
        if self._writer is not None:
            self._writer.wait()

    def _save(self) -> None:
        if self._writer is not None:
            parts = training_parts(self.objective, self.optimizer)
            beside = free_memory() * FREE_SHARE > self._checkpoint_size
            self._writer.wait()  # which checkpoints are needed follows from those that are whole
            needed = self.guard.needed(self.state) if self.state.update < self.plan.updates else set()
            self._writer.save(parts, self._kept_state(), protect=needed, beside=beside)

    def _kept_state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside tensors."""
        self.guard.watch.note()
        return {**self.state.to_json(), "window": self.window.kept()}


def _no_room(parts: list[Batch]) -> str:
    part = max(parts, key=grid_cells)
    advice = "--micro-batch auto takes as many as fit" if part.example_count > 1 else "--recompute needs less"
    return (
        f"{part.example_count} examples of up to {part.lengths.max()} tokens do not fit into memory at once; {advice}"
    )
