"""How long a run may be that is to end at a given time: `--minutes`, measured before the run proper.

A few updates are done and timed, and the weights put back: the run that follows has the bits of one that was told its
number of updates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from foretext.errors import SettingsError, Stopped
from foretext.training.guard import Guard
from foretext.training.loop import Trainer
from foretext.training.state import State, Window

UNTIMED_UPDATES = 2  # the first are slow: programs are compiled, memory is taken
TIMED_UPDATES = 3  # at least
TIMED_SECONDS = 3.0  # about so long is timed, where updates are fast
MOST_TIMED_UPDATES = 50
SPARE = 0.03  # of the time, for what was not measured: checkpoints, the model, its page

Clock = Callable[[], float]


@dataclass(frozen=True)
class Speed:
    """Seconds that an update and a validation take."""

    update: float
    validation: float


def measured(trainer: Trainer, clock: Clock = time.monotonic) -> Speed:
    """How fast `trainer` is on its first updates; its weights and optimizer are then as they were, to the bit.

    Over several processes it is their mean.
    """
    parameters = list(trainer.objective.parameters())
    weights = [parameter.detach().clone() for parameter in parameters]

    def seconds(updates: int) -> float:
        began = clock()
        plan = replace(trainer.plan, updates=updates, log_every=updates, watch="off")
        alone = replace(trainer, title="measuring the speed", plan=plan, folder=None, validate=None)
        try:
            replace(alone, guard=Guard(), state=State(), window=Window()).run()
        except Stopped:
            raise trainer.requests.stopped("before its first update") from None
        return _of_all(clock() - began, trainer)

    seconds(UNTIMED_UPDATES)
    first = seconds(TIMED_UPDATES) / TIMED_UPDATES
    more = min(MOST_TIMED_UPDATES, int(TIMED_SECONDS / max(first, 1e-6)))
    update = seconds(more) / more if more > TIMED_UPDATES else first
    with torch.no_grad():
        for parameter, before in zip(parameters, weights, strict=True):
            parameter.copy_(before)
    trainer.optimizer.state.clear()
    return Speed(update, _of_all(_validation(trainer, clock), trainer))


def _of_all(seconds: float, trainer: Trainer) -> float:
    """The mean over the processes of the run, by which all of them do the same."""
    found = trainer.engine.group.gathered_json(seconds)
    return float(sum(found) / len(found))


def _validation(trainer: Trainer, clock: Clock) -> float:
    if trainer.validate is None:
        return 0.0
    began = clock()
    trainer.objective.eval()
    with torch.no_grad():
        trainer.validate()
    trainer.objective.train()
    return clock() - began


def updates_within(seconds: float, speed: Speed, validate_every: Callable[[int], int]) -> int:
    """The most updates that fit into `seconds` with their validations.

    `validate_every` gives how many updates lie between two validations in a run of so many; one more comes at the end.

    Raises:
        SettingsError: there is no time for one.
    """
    usable = seconds * (1 - SPARE)
    updates = int(usable / speed.update) if usable > 0 else 0
    while updates > 0:
        # The scores of the finished model are one validation more.
        left = usable - (math.ceil(updates / validate_every(updates)) + 1) * speed.validation
        fitting = int(left / speed.update)
        if fitting >= updates:
            return updates
        # What is validated how often changes with the length: no longer steps down than a hundredth.
        updates = min(updates - 1, max(fitting, updates * 99 // 100))
    raise SettingsError(
        f"--minutes leaves {max(seconds, 0):.0f} seconds to train, in which there is no time for one update of "
        f"{speed.update:.2g} seconds and its validation of {speed.validation:.2g}; give it more"
    )
