"""What a run in trouble goes back to: its newest checkpoint from before the first sign, or the weights it began with.

Trouble shows late, so a checkpoint counts as from before only if it is `MARGIN` updates older than the first sign.
Going back is a matter of files: checkpoints behind it go, and the one that stays is told of the alarm; the run then
goes on from it as any run that is resumed. One that is killed on the way meets the same alarm again, or has it behind.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from foretext.checkpoints.history import WentBack
from foretext.checkpoints.run_folder import RunFolder
from foretext.training.alarm import EVERY
from foretext.training.state import State
from foretext.training.watch_memory import ALARMS, Memory

MARGIN = 50  # updates: the norm of both recorded collapses rose for 30 before it left its band

log = logging.getLogger(__name__)


@dataclass
class WayBack:
    """Where a run can go back to. The weights it began with stay in memory until a checkpoint can take their place."""

    model: nn.Module  # the objective
    folder: RunFolder | None
    begun_with: dict[str, Tensor] | None = None

    @classmethod
    def from_here(cls, model: nn.Module, folder: RunFolder | None) -> WayBack:
        """The way back of a run whose weights are those that it begins with."""
        begun_with = {name: parameter.detach().cpu().clone() for name, parameter in model.named_parameters()}
        return cls(model, folder, begun_with)

    def needed(self, state: State) -> set[int]:
        """The checkpoints that must not go while the run stands at `state`.

        The newest from before any trouble with its best, and the oldest of those too young to tell: the next such.
        """
        if self.folder is None:
            return set()
        updates = [each for each in self.folder.checkpoints.updates() if each < state.update]
        last = _last_calm(state)
        before, after = [each for each in updates if each <= last], [each for each in updates if each > last]
        if before:
            self.begun_with = None
        return {*after[:1], *before[-1:], *(best for each in before[-1:] for best in self._best_of(each))}

    def _best_of(self, update: int) -> list[int]:
        assert self.folder is not None
        best = self.folder.checkpoints.state_of(update).get("best_update")
        return [] if best is None else [int(best)]

    def find(self, state: State, why: str) -> WentBack | None:
        """Where the run goes back to from `state`; None if nothing from before the trouble is there.

        Where trouble comes again soon after going back, no other checkpoint is left, and the same one is taken again.
        """
        whole = self.folder.checkpoints.complete() if self.folder else iter(())
        updates = [checkpoint.update for checkpoint in whole if checkpoint.update <= _last_calm(state) + MARGIN]
        calm = [update for update in updates if update <= _last_calm(state)]
        if not calm and self.begun_with is not None:
            return WentBack(update=state.update, to=0, why=why)
        return WentBack(update=state.update, to=(calm or updates[-1:])[0], why=why) if updates else None

    def take(self, state: State, went: WentBack, *, writes: bool) -> bool:
        """Makes the checkpoint at `went.to` the newest and tells it of the alarm; `state` knows of it too.

        True where weights and `state` are those that the run began with instead, and are to be saved. Lines of the
        metrics that are undone go to RUN/undone-N.jsonl, where N counts how often the run went back. Only the process
        that `writes` touches the disk.
        """
        again = not went.to and self.begun_with is not None
        kept = {} if again or self.folder is None else self.folder.checkpoints.state_of(went.to)
        then = State()
        then.restore(kept)
        then.watch = after_going_back(state.watch, then.watch, went)
        if writes:
            log.warning(described(went, then.watch))
        if writes and self.folder is not None:
            self.folder.checkpoints.remove_after(went.to)
            undone = self.folder.path / f"undone-{then.watch.order}.jsonl"
            event = {"went_back": then.watch.order, "at": went.update, "why": went.why}
            self.folder.metrics.undo_after(went.to, undone, {"update": went.to, "watch": event})
            if not again:
                changed = {name: value for name, value in then.to_json().items() if name in ("watch", "watched")}
                self.folder.checkpoints.restate(went.to, changed)
        if again:
            self._begin_again()
        state.restore({**then.to_json(), "grid_cells": state.grid_cells})
        return again

    def _begin_again(self) -> None:
        assert self.begun_with is not None
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(self.begun_with[name])


def after_going_back(now: Memory, then: Memory, went: WentBack) -> Memory:
    """What the watch knows when it is back: what it knew `then`, and how often it has gone back by `now`."""
    memory = replace(then, alarms=now.alarms, went_back=[*now.went_back, went])
    if len(memory.went_back) < ALARMS:
        return memory
    again = "as before, though the run had gone back twice, to another order of the data and to half the rate"
    return replace(memory, stopped=f"stopped at update {went.update:,}: {went.why}, {again}")


def described(went: WentBack, memory: Memory) -> str:
    """What was done about an alarm, in a line for a person."""
    to = f"to update {went.to:,}" if went.to else "to the weights it began with"
    slower = " and at half the rate" if memory.rate < 1 else ""
    on = "" if memory.stopped else f" and goes on with another order of the data{slower}"
    return f"watch: at update {went.update:,}: {went.why}; the run goes back {to}{on}"


def _last_calm(state: State) -> int:
    """The last update that is surely from before any trouble, that of the next look included."""
    since = state.watch.alarm.since
    return (state.update - EVERY if since is None else since) - MARGIN
