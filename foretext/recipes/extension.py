"""What --extend means for a run: from its last checkpoint on it follows the schedule of its new length."""

from __future__ import annotations

import logging
from collections.abc import Callable

from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import SettingsError
from foretext.training.plan import Plan

log = logging.getLogger(__name__)


def check_extension(folder: RunFolder, plan: Plan, plan_of: Callable[[int], Plan]) -> None:
    """Nothing, if the run in `folder` can go on by `plan`; how its learning rate changes is said.

    `plan_of` gives the plan for another number of updates.

    Raises:
        SettingsError: the run has had as many updates already, or stopped for want of patience that it still lacks.
    """
    checkpoint = folder.checkpoints.latest()
    if checkpoint is None:
        return
    update, before = checkpoint.update, int(checkpoint.state.get("planned", 0))
    if update > plan.updates:
        raise SettingsError(
            f"{folder.path} has had {update:,} updates already, more than {plan.updates:,}; --extend goes on to more"
        )
    bad = int(checkpoint.state.get("validations_without_better", 0))
    if plan.patience and bad >= plan.patience:
        raise SettingsError(
            f"{folder.path} stopped at update {update:,} after {bad} validations in a row without a better one; to go "
            "on give more --patience, or 0"
        )
    if plan.updates > max(update, before):
        earlier = f", {_rate(plan_of(before), update)} before" if before else ""
        log.info(
            "extended: from update %s on the learning rate follows the schedule of %s updates: %s%s",
            f"{update:,}",
            f"{plan.updates:,}",
            _rate(plan, update),
            earlier,
        )


def _rate(plan: Plan, update: int) -> str:
    return f"{plan.learning_rate * plan.schedule(update):.3g}"
