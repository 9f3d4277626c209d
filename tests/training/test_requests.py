"""A run that is asked to end does so after the update at hand, keeps it, and goes on from there to the bit."""

from __future__ import annotations

import dataclasses
import json
import signal

import pytest
import torch

from foretext.errors import Stopped
from foretext.signals import HANGING_UP
from foretext.training.requests import GivenUp, Requests, requests_until


class Clock:
    """A clock that goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(made, batch_at, *, at: int, number: int, times: int = 1):
    """That trainer, to which a signal comes in update `at`."""

    def batch(update, rank, world):
        for _ in range(times if update == at else 0):
            signal.raise_signal(number)
        return batch_at(update, rank, world)

    return dataclasses.replace(made, batch_at=batch)


def kept(folder) -> list[int]:
    return [int(path.name.partition("-")[2]) for path in sorted((folder / "checkpoints").glob("update-*"))]


def weights(made) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in made.objective.parameters()])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_lets_the_update_end_writes_a_checkpoint_and_has_its_own_code(
    tmp_path, trainer, batch_at, number, code
):
    whole = trainer(tmp_path / "whole")
    whole.run()
    with pytest.raises(Stopped, match=f"{number.name} after update 5; a checkpoint is written: go on") as caught:
        asking(trainer(tmp_path / "cut"), batch_at, at=4, number=number).run()
    assert caught.value.exit_code == code
    assert kept(tmp_path / "cut")[-1] == 5
    resumed = trainer(tmp_path / "cut", resume=True)
    resumed.run()
    assert torch.equal(weights(resumed), weights(whole))


def test_a_second_signal_stops_in_the_middle_of_the_update(tmp_path, trainer, batch_at):
    with pytest.raises(Stopped, match="stopped by SIGTERM$"):
        asking(trainer(tmp_path), batch_at, at=4, number=signal.SIGTERM, times=2).run()
    assert kept(tmp_path) == [3]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_the_warning_of_a_cluster_writes_a_checkpoint_and_the_run_goes_on(tmp_path, trainer, batch_at, number):
    made = asking(trainer(tmp_path, keep_checkpoints=9), batch_at, at=4, number=number)
    assert made.run().update == 12
    assert kept(tmp_path) == [3, 5, 6, 9, 12]


def test_handlers_are_given_back_when_the_run_has_ended(tmp_path, trainer):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)]
    trainer(tmp_path, updates=1).run()
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)]
    assert after == before


def test_hanging_up_stays_ignored_where_it_is(tmp_path, trainer, batch_at):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert asking(trainer(tmp_path), batch_at, at=4, number=HANGING_UP[0]).run().update == 12
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_validation_is_given_up_at_its_next_batch_and_made_up_for(tmp_path, trainer, batch_at):
    read = []

    def validating(made, *, at=None):
        def validate():
            for batch in range(3):
                if (made.state.update, batch) == (at, 1):
                    signal.raise_signal(signal.SIGTERM)
                read.append((made.state.update, batch))
                made.objective.model(made.engine.sequences(batch_at(99, 0, 1)))
            return {"loss": 20.0 - made.state.update}

        return dataclasses.replace(made, validate=validate)

    whole = validating(trainer(tmp_path / "whole"))
    whole.run()
    read.clear()
    with pytest.raises(Stopped, match="after update 6"):
        validating(trainer(tmp_path / "cut"), at=6).run()
    assert read[-1] == (6, 1)
    assert json.loads((tmp_path / "cut/checkpoints/update-00000006/state.json").read_text())["validation_owed"]
    read.clear()
    resumed = validating(trainer(tmp_path / "cut", resume=True))
    assert dataclasses.replace(resumed.run(), seconds=0) == dataclasses.replace(whole.state, seconds=0)
    assert read[:3] == [(6, 0), (6, 1), (6, 2)]
    assert torch.equal(weights(resumed), weights(whole))
    valid = [line["update"] for line in resumed.folder.metrics.lines() if "valid_loss" in line]
    assert valid == [3, 6, 9, 12]


def test_the_search_for_room_is_given_up_and_nothing_is_written(tmp_path, trainer, batch_at):
    made = asking(trainer(tmp_path, micro_batch="auto"), batch_at, at=0, number=signal.SIGTERM)
    with pytest.raises(Stopped, match="before its first update"):
        made.run()
    assert kept(tmp_path) == []


def test_a_run_whose_time_is_over_stops_with_a_checkpoint_and_room_for_one_more_update(tmp_path, trainer, batch_at):
    clock = Clock()

    def batch(update, rank, world):
        clock.now += 600
        return batch_at(update, rank, world)

    requests = dataclasses.replace(requests_until(1.0, started=-300.0), clock=clock)
    made = dataclasses.replace(trainer(tmp_path, checkpoint_every=100), batch_at=batch, requests=requests)
    with pytest.raises(Stopped, match="stopped by --max-hours 1 after update 5; a checkpoint") as caught:
        made.run()  # the hour is over at 3,300 seconds: a sixth update would end at 3,600
    assert caught.value.exit_code == 130
    assert kept(tmp_path) == [5]


def test_a_run_that_ended_within_its_time_is_not_stopped(tmp_path, trainer, batch_at):
    clock = Clock()

    def batch(update, rank, world):
        clock.now += 300 if update == 11 else 1
        return batch_at(update, rank, world)

    requests = Requests(until=100.0, limit="--max-hours", clock=clock)
    assert dataclasses.replace(trainer(tmp_path), batch_at=batch, requests=requests).run().update == 12


def test_no_hours_are_no_limit():
    assert not requests_until(0.0, started=0.0).asks_to_stop()
    assert requests_until(1e-9, started=0.0).asks_to_stop()


def test_one_slow_update_is_forgotten_by_and_by():
    clock = Clock()
    requests = Requests(clock=clock)
    for seconds in (60, *[1] * 50):
        with requests.timed():
            clock.now += seconds
    assert requests.pace == pytest.approx(1.0)


def test_work_outside_of_giving_up_is_left_alone(trainer, batch_at):
    made, requests = trainer(None), Requests(signal=signal.SIGTERM)
    with pytest.raises(GivenUp), requests.giving_up(made.objective.model):
        made.objective.model(made.engine.sequences(batch_at(0, 0, 1)))
    made.objective.model(made.engine.sequences(batch_at(0, 0, 1)))
