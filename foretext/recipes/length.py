"""How many updates a run has that is planned for a time: measured once, kept in its folder, the same when it goes on.

RUN/length.json     {"minutes": 30.0, "updates": 4312}
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from foretext.checkpoints.run_folder import LENGTH, RunFolder
from foretext.checkpoints.tensors import read_json
from foretext.errors import SettingsError
from foretext.files import write_json
from foretext.training.loop import Trainer
from foretext.training.planning import Clock, measured, updates_within

SECONDS_PER_MINUTE = 60

log = logging.getLogger(__name__)


def planned_updates(
    trainer: Trainer,
    folder: RunFolder,
    minutes: float,
    validate_every: Callable[[int], int],
    *,
    started: float,
    clock: Clock = time.monotonic,
) -> int | None:
    """The updates of a run that is planned for so many minutes from `started`; None for one that is not planned (0).

    Raises:
        SettingsError: there is no time for one update, or the run was begun without a plan.
    """
    path, group = folder.path / LENGTH, trainer.engine.group
    kept = group.of_first(lambda: read_json(path) if path.exists() else None)
    if kept is not None:
        other = f"; --minutes {minutes:g} changes nothing" if minutes not in (0, kept["minutes"]) else ""
        log.info("planned for %g minutes: %s updates%s", kept["minutes"], f"{kept['updates']:,}", other)
        return int(kept["updates"])
    if not minutes:
        return None
    if group.rank == 0 and folder.checkpoints.latest() is not None:
        raise SettingsError(
            f"{folder.path} holds a run that was begun without --minutes; leave it out to go on with it"
        )
    speed = measured(trainer, clock)
    left = started + minutes * SECONDS_PER_MINUTE - clock()
    # Of the first process: their clocks differ, their runs must not.
    updates = group.of_first(lambda: updates_within(left, speed, validate_every))
    log.info(
        "planned for %g minutes: %s updates of %.3g seconds, validations of %.3g seconds",
        minutes,
        f"{updates:,}",
        speed.update,
        speed.validation,
    )
    if trainer.engine.rank == 0:
        write_json(path, {"minutes": minutes, "updates": updates})
    return updates
