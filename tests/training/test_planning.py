"""A run that is planned for a time has as many updates as fit, and the bits of one that was told their number."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from foretext.errors import SettingsError
from foretext.recipes.length import planned_updates
from foretext.training.planning import Speed, measured, updates_within


class Clock:
    """A clock that goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(made, batch_at, clock, *, update: float, validation: float = 0.0):
    """That trainer, whose updates and validations take so many seconds by that clock."""

    def batch(number, rank, world):
        clock.now += update
        return batch_at(number, rank, world)

    def validate():
        clock.now += validation
        return {"loss": 1.0}

    return dataclasses.replace(made, batch_at=batch, validate=validate if validation else None)


def test_the_speed_is_that_of_updates_and_validations_as_they_are(trainer, batch_at):
    clock = Clock()
    made = timed(trainer(None), batch_at, clock, update=0.5, validation=7.0)
    assert measured(made, clock) == Speed(update=pytest.approx(0.5), validation=pytest.approx(7.0))


def test_measuring_changes_no_bit_of_the_run(trainer, batch_at):
    plain, planned = trainer(None), trainer(None)
    measured(timed(planned, batch_at, Clock(), update=1.0, validation=1.0))
    assert not planned.optimizer.state
    plain.run()
    planned.run()
    for one, other in zip(plain.objective.parameters(), planned.objective.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("seconds", [10, 100, 1234, 5000])
@pytest.mark.parametrize("every", [lambda updates: max(1, updates // 20), lambda updates: 50, lambda updates: updates])
def test_as_many_updates_as_fit_are_planned_and_no_more(seconds, every):
    speed = Speed(update=0.25, validation=0.3)

    def takes(updates: int) -> float:
        return updates * speed.update + (-(-updates // every(updates)) + 1) * speed.validation

    updates = updates_within(seconds, speed, every)
    assert takes(updates) <= seconds * 0.97
    assert takes(updates) > seconds * 0.96 - 1.0  # within a hundredth and a validation or two of what fits


def test_a_time_in_which_no_update_fits_is_refused_with_what_one_takes():
    with pytest.raises(SettingsError, match="no time for one update of 60 seconds and its validation of 5"):
        updates_within(30.0, Speed(update=60.0, validation=5.0), lambda updates: 1)
    with pytest.raises(SettingsError, match="leaves 0 seconds to train"):
        updates_within(-3.0, Speed(update=1.0, validation=0.0), lambda updates: 1)


def test_the_plan_counts_from_the_start_and_is_kept_for_those_who_go_on(tmp_path, trainer, batch_at, caplog):
    clock = Clock()
    clock.now = 20.0  # spent on reading data
    made = timed(trainer(tmp_path / "run"), batch_at, clock, update=1.0)
    updates = planned_updates(made, made.folder, 2.0, lambda updates: 10, started=0.0, clock=clock)
    measuring = 2 + 3
    assert updates == int((120 - 20 - measuring) * 0.97)
    assert json.loads((tmp_path / "run" / "length.json").read_text()) == {"minutes": 2.0, "updates": updates}
    for minutes in (0.0, 2.0, 99.0):
        assert planned_updates(made, made.folder, minutes, lambda updates: 10, started=0.0, clock=clock) == updates


def test_a_run_without_a_plan_is_as_long_as_it_was_told(tmp_path, trainer):
    made = trainer(tmp_path / "run")
    assert planned_updates(made, made.folder, 0.0, lambda updates: 10, started=0.0) is None
    assert not (tmp_path / "run" / "length.json").exists()


def test_a_run_that_was_begun_without_a_plan_gets_none_when_it_goes_on(tmp_path, trainer):
    trainer(tmp_path / "run").run()
    made = trainer(tmp_path / "run", resume=True)
    with pytest.raises(SettingsError, match="begun without --minutes"):
        planned_updates(made, made.folder, 5.0, lambda updates: 10, started=0.0)
