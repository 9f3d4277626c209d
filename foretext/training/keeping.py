"""What a run keeps of itself on the way: checkpoints, written beside the updates, and how it goes on from them.

In a run without a folder, and in a process that writes nothing, there is nothing to write and to wait for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from foretext.checkpoints.checkpoint_writer import CheckpointWriter
from foretext.checkpoints.run_checkpoints import training_parts
from foretext.checkpoints.run_folder import RunFolder
from foretext.training.engine import Engine
from foretext.training.guard import Guard
from foretext.training.memory import FREE_SHARE, free_memory
from foretext.training.objectives import Objective
from foretext.training.optimizer import Optimizer, moment_bytes
from foretext.training.plan import Plan
from foretext.training.sharded import Shards
from foretext.training.sharing import share_training, share_weights
from foretext.training.state import State, Window

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Keeping:
    """The checkpoints of one run, in one of its processes."""

    folder: RunFolder | None
    objective: Objective
    optimizer: Optimizer
    plan: Plan
    engine: Engine
    state: State
    window: Window
    guard: Guard
    shards: list[Shards]

    def take_up(self) -> None:
        """Goes on from the newest checkpoint, if there is one: weights, optimizer, state, window, watch and metrics.

        Of several processes the first alone reads it, and gives the others what it has. Older checkpoints go as they
        would have gone when it was saved: which are needed later follows from those there are.

        Raises:
            ModelError: there are checkpoints, and every one is damaged.
            UnsoundRun: the watch had stopped the run.
        """
        checkpoint = self.folder.checkpoints.latest() if self.folder else None
        if self.folder is not None and checkpoint is not None:
            self.folder.checkpoints.restore(checkpoint, self.objective, self.optimizer)
            self.state.restore(checkpoint.state)
            self.window.restore(checkpoint.state.get("window"), self.state, self.engine.device)
        share_training(self.objective, self.optimizer, self.state, self.window, self.engine)
        for shards in self.shards:
            shards.scatter_weights()
        self.state.planned = self.plan.updates
        if self.folder is not None and self.writer is not None:
            if checkpoint is None and self.folder.metrics.lines():
                log.warning("there is no checkpoint in %s: the run begins again", self.folder.checkpoints.path)
            self.folder.metrics.forget_after(self.state.update)
            self.writer.newest = self._kept()
            self.folder.checkpoints.prune(self.plan.keep_checkpoints, {*self._needed(), self.state.best_update})
        self.guard.take_up(self.state, self.engine.device)

    def share_weights(self) -> None:
        """Has all processes have the weights of the first."""
        share_weights(self.objective, self.engine.group)
        for shards in self.shards:
            shards.scatter_weights()

    def save(self) -> None:
        """Begins to write a checkpoint, when the one before is whole.

        Raises:
            ForetextError: this one or the one before could not be written.
        """
        gathered = self.shards[0].parts() if self.shards else None  # in which all processes take part
        if self.writer is None:
            return
        parts = gathered or training_parts(self.objective, self.optimizer)
        beside = free_memory() * FREE_SHARE > self._size
        self.writer.wait()  # which checkpoints are needed follows from those that are whole
        self.writer.save(parts, self._kept(), protect=self._needed(), beside=beside)

    def save_what_is_new(self) -> None:
        """A checkpoint of where the run stands is whole on return; it is not written twice."""
        if self.engine.group.of_first(self._is_new):
            self.save()
        self.wait()

    def _is_new(self) -> bool:
        return self.writer is not None and self.writer.newest != self._kept()

    def wait(self) -> None:
        """Returns when the checkpoint that is being written is whole."""
        if self.writer is not None:
            self.writer.wait()

    def check(self) -> None:
        """Raises what has gone wrong with a checkpoint so far, without waiting."""
        if self.writer is not None:
            self.writer.check()

    def check_space(self) -> None:
        """Nothing, if there is room on the disk for a checkpoint and the model.

        Raises:
            DiskFull: there is not.
        """
        if self.writer is not None:
            self.writer.check_space(self._size)

    def seconds_to_save(self) -> float:
        """What a checkpoint may take from now on."""
        return self.writer.seconds_to_save(self._size) if self.writer is not None else 0.0

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Does not end, however the block ends, before the checkpoint that is being written is whole."""
        try:
            yield
        except BaseException:
            if self.writer is not None:
                self.writer.finish()
            raise
        self.wait()

    @cached_property
    def writer(self) -> CheckpointWriter | None:
        """What writes the checkpoints; None in a process that writes none."""
        if self.folder is None or self.engine.rank:
            return None
        return CheckpointWriter(self.folder, self.plan.keep_checkpoints)

    @cached_property
    def _size(self) -> int:
        """Bytes of a checkpoint: weights and moments."""
        parameters = list(self.objective.parameters())
        return sum(parameter.nbytes for parameter in parameters) + moment_bytes(self.optimizer, parameters)

    def _needed(self) -> set[int]:
        """The older checkpoints that stay beside the newest ones; the same after a resume as when this was saved."""
        return self.guard.needed(self.state) if self.state.update < self.plan.updates else set()

    def _kept(self) -> dict[str, Any]:
        """What a checkpoint keeps beside tensors."""
        self.guard.watch.note()
        return {**self.state.to_json(), "window": self.window.kept()}
