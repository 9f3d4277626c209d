"""The one training loop: pre-training and fine-tuning are this function with other batches and another objective.

Everything an update does follows from its number: its batch, its random state, its learning rate. So a checkpoint is
weights, optimizer state, a number and the sums since the last log line, and a run that was cut off goes on to the bit.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import nn

from foretext.batch import Batch
from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import ForetextError, Stopped, UnsoundRun
from foretext.progress import Progress, progress
from foretext.training.alarm import EVERY
from foretext.training.engine import Engine
from foretext.training.gradients import Gradients
from foretext.training.guard import ADVICE, Guard, Origins
from foretext.training.keeping import Keeping
from foretext.training.objectives import Objective
from foretext.training.optimizer import Optimizer
from foretext.training.plan import Plan
from foretext.training.requests import GivenUp, Requests
from foretext.training.sharded import Shards
from foretext.training.sharing import restore_best
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
    shards: list[Shards] = field(default_factory=list)  # of objective and optimizer, while they are sharded

    def run(self) -> State:
        """Trains to the end of the plan, or until patience runs out; returns where it ended.

        Raises:
            UnsoundRun: the watch stopped it; weights and state are those that it went back to.
            ForetextError: the loss is no longer finite and the watch does not act, or a checkpoint cannot be written.
            Stopped: the run was asked to end; a checkpoint of the last whole update is written first.
        """
        with self.requests.noted(), self._keeping.whole():
            try:
                self._train()
            except GivenUp:
                raise self._stopped() from None
        return self.state

    def _train(self) -> None:
        self.guard.begin(
            self.plan.watch, self.objective, self.state, self.folder, self.origins, writes=self.engine.rank == 0
        )
        self._keeping.take_up()
        if self._goes_on():
            self._keeping.check_space()
        self.engine.arrange(self.objective, self.plan)
        objective, optimizer = self.engine.setup(self.objective, self.optimizer, self.plan)
        self.shards[:] = [optimizer] if self.engine.is_sharded else []
        objective.train()
        with self.requests.giving_up(self.objective.model):
            self._gradients.find_room(objective, self._batch)
        with progress(self.title, self.plan.updates, unit="updates") as bar:
            bar.advance(self.state.update)
            if self.state.validation_owed:
                self._validate_and_save(objective)
            while self._goes_on():
                with self.requests.timed():
                    self._update(objective, optimizer)
                if not self._went_back(bar):
                    self._report(bar)
                    self._validate_and_save(objective)
                self._heed()
        for shards in self.shards:
            shards.gather_weights()
            self.objective.to(self.engine.device)
        self.shards.clear()

    def _goes_on(self) -> bool:
        """Whether there are updates left, and patience."""
        impatient = bool(self.plan.patience) and self.state.validations_without_better >= self.plan.patience
        return self.state.update < self.plan.updates and not impatient

    def _batch(self) -> Batch:
        """This process's share of the batch of the update to do, in the order of the data that the run is at."""
        return self._share(self.engine.rank, self.engine.world)

    def _one_example(self) -> Batch:
        """What a process computes that has no share of the batch: the first example of it, which another counts."""
        return self._share(0, 1).split(1)[0]

    def _share(self, rank: int, world: int) -> Batch:
        order = self.state.watch.order
        batch_at = self.reordered(order) if order and self.reordered else self.batch_at
        batch = batch_at(self.state.update, rank, world)
        masking = self.plan.masking
        return batch if masking is None else masking.of(batch, self.state.update, rank=rank, world=world, order=order)

    def _update(self, objective: nn.Module, optimizer: Any) -> None:
        update, started = self.state.update, time.perf_counter()
        batch = self._batch()
        counts = self._gradients.counts(batch)
        found = self._gradients.of(objective, batch, counts, instead=self._one_example)
        moves = self.shards[0] if self.shards else self.optimizer
        norm = moves.clip(self.plan.clip)
        done = self.guard.done(update)
        left_out = self.guard.judge(self._gradients.loss(found), norm)
        rate = self.plan.learning_rate * self.plan.schedule(update) * self.state.watch.rate
        moves.leave_out(left_out)
        moves.prepare(done, rate)
        optimizer.step()
        optimizer.zero_grad()
        for losses in found:
            self.window.add(losses, left_out)
        self.window.close_update(norm, rate, left_out)
        self.state.update += 1
        self.state.tokens += counts.tokens
        self.state.seconds += time.perf_counter() - started

    def _went_back(self, bar: Progress) -> bool:
        """Whether the watch has seen trouble, so that the run stands where it was before."""
        update = self.state.update
        masks_begin = self.plan.masking is not None and update == self.plan.masking.begins
        why = self.guard.look(self.state, last=self._may_be_last() or masks_begin)
        if self.state.update % EVERY == 0:
            self._check_together()
        if not why:
            if masks_begin:
                self.guard.begin_anew()
            return False
        self._keeping.wait()
        took = self.engine.group.of_first(lambda: self._way_back(why))
        if took["unsound"]:
            raise UnsoundRun(took["unsound"])
        self.state.restore(took["state"])
        self.optimizer.state.clear()
        self.window.begin(self.state)
        if took["begins_again"]:
            self._keeping.share_weights()
            self._keeping.save()
            self._keeping.wait()
        self._keeping.take_up()
        bar.advance(self.state.update - update)
        return True

    def _check_together(self) -> None:
        """Nothing, if all processes have seen the same losses and norms, and decided the same.

        Raises:
            ForetextError: they have not.
        """
        if self.engine.world > 1:
            seen = {"watch": asdict(self.state.watch), "norm": float(self.window.largest or 0.0)}
            self.engine.group.check_same(f"course of the run up to update {self.state.update:,}", json.dumps(seen))

    def _way_back(self, why: str) -> dict[str, Any]:
        """Goes back, on disk: where the run stands then, whether it begins again, and why it cannot, if it cannot."""
        try:
            begins_again = self.guard.take(self.state, self.guard.way_from(self.state, why))
        except UnsoundRun as unsound:
            return {"unsound": str(unsound)}
        return {"unsound": "", "begins_again": begins_again, "state": self.state.to_json()}

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
        validated = self._validation_due()
        if validated:
            self._validate(objective)
        apart = self._updates_between_checkpoints()
        if last or validated or (apart and done % apart == 0):
            self._keeping.save()

    def _updates_between_checkpoints(self) -> int:
        """How far apart checkpoints are, besides those of validations; a run without validations has some anyway."""
        return self.plan.checkpoint_every or (self.plan.validate_every if self.validate is None else 0)

    def _validation_due(self) -> bool:
        if self.validate is None:
            return False
        last = self.state.update == self.plan.updates
        return last or self.state.validation_owed or self.state.update % self.plan.validate_every == 0

    def _may_be_last(self) -> bool:
        """Whether the run may end at this update: it is the last planned, or patience ends if its validation is bad."""
        losing = bool(self.plan.patience) and self.state.validations_without_better + 1 >= self.plan.patience
        return self.state.update == self.plan.updates or (losing and self._validation_due())

    def _validate(self, objective: nn.Module) -> None:
        assert self.validate is not None
        self.state.validation_owed = True
        for shards in self.shards:
            shards.gather_weights()
            self.objective.to(self.engine.device).eval()
        objective.eval()
        with torch.no_grad(), self.requests.giving_up(self.objective.model):
            values = self.validate()
        objective.train()
        if self.shards:
            self.objective.cpu()
        self.state.validation_owed = False
        self.state.better(values[self.plan.metric], self.plan)
        if self.folder and self.engine.rank == 0:
            line = {"update": self.state.update, **{f"valid_{name}": value for name, value in values.items()}}
            self.folder.metrics.log(line)

    def _heed(self) -> None:
        """Does what was asked from outside since the last update.

        Raises:
            GivenUp: the run is to stop.
        """
        if asked := self.requests.take_warning():
            self._keeping.save()
            log.info("%s: a checkpoint of update %s is written; going on", asked, f"{self.state.update:,}")
        self._keeping.check()
        to_come = self.requests.pace + self._keeping.seconds_to_save()  # another update, and the checkpoint after it
        stops = self.requests.asks_to_stop(to_come)
        if self.requests.heard or (self._goes_on() and stops):
            raise GivenUp

    def _stopped(self) -> Stopped:
        """What ends a run that is to stop, of which the checkpoint is whole."""
        if not self.state.update:
            return self.requests.stopped("before its first update")
        after = f"after update {self.state.update:,}"
        if not self.engine.group.most([int(self.folder is not None)])[0]:
            return self.requests.stopped(after)
        self._keeping.save_what_is_new()
        self.engine.wait_for_all()  # whoever starts processes ends all when one ends
        return self.requests.stopped(f"{after}; a checkpoint is written: go on with --resume")

    def take_best(self) -> int | None:
        """Puts the best weights of a run that the watch stopped into the model: the update they stand after.

        By validation, or those that the run went back to last; None if it has neither.
        """
        best = self.state.best_update
        if best is not None and (self.folder is not None or self.engine.rank):
            restore_best(self.folder, best, self.objective, self.engine.group)
            return best
        return (self.state.update or None) if self.state.watch.stopped else None

    @cached_property
    def _gradients(self) -> Gradients:
        return Gradients(self.objective, self.optimizer, self.plan, self.engine, self.state)

    @cached_property
    def _keeping(self) -> Keeping:
        return Keeping(
            self.folder,
            self.objective,
            self.optimizer,
            self.plan,
            self.engine,
            self.state,
            self.window,
            self.guard,
            self.shards,
        )
