"""The rule of the watch, replayed over recorded runs and over series that are made up."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from foretext.training.alarm import ENOUGH, IN_A_ROW, Alarm
from foretext.training.band import ENOUGH as UPDATES_ENOUGH
from foretext.training.band import LARGEST, REMEMBERED, limits

RECORDED = Path(__file__).parent / "collapse"  # every tenth update of two pre-trainings on an accelerator


def replay(pairs):
    """The observations at which there is an alarm, and those that the band of updates would leave out, by index."""
    alarm, kept, alarms, left_out = Alarm(), [], [], []
    for index, (loss, norm) in enumerate(pairs):
        most_loss, most_norm = limits(kept)
        if loss <= most_loss and norm <= most_norm:
            kept = [*kept[1 - REMEMBERED :], (loss, norm)]
        else:
            left_out.append(index)
        if alarm.observe(10 * (index + 1), [(loss, norm)]):
            alarms.append(index)
    return alarms, left_out


@pytest.mark.parametrize(("name", "earliest", "latest"), [("first", 7_640, 7_700), ("second", 1_150, 1_200)])
def test_the_alarm_comes_when_a_recorded_run_collapses_and_not_before(name, earliest, latest):
    lines = [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]
    alarms, left_out = replay([(line["loss"], line["gradient_norm"]) for line in lines])
    assert earliest <= lines[alarms[0]]["update"] <= latest
    assert [index for index in left_out if index < alarms[0]] == [alarms[0] - 1]  # as docs/robustness.md tells


def noise(count, seed=0, width=0.1):
    """Losses and norms of a calm run: a loss that falls from 7 to 4, a norm that begins large."""
    draw = random.Random(seed)
    for update in range(count):
        share = 1 / (1 + update / 100)
        yield (4 + 3 * share) * draw.lognormvariate(0, width / 10), (0.5 + 5 * share) * draw.lognormvariate(0, width)


def test_a_calm_run_has_no_alarm_and_loses_no_update():
    assert replay(noise(3_000)) == ([], [])


def test_losses_and_norms_that_leap_from_batch_to_batch_are_no_trouble():
    """As late in fine-tuning: most examples are known, so losses are near 0, and one that is not stands out."""
    draw = random.Random(1)
    pairs = [(value, 3 * value) for value in (draw.lognormvariate(-4, 2.0) for _ in range(3_000))]
    assert replay(pairs) == ([], [])


def test_a_lone_high_norm_is_no_alarm_and_does_not_move_the_band():
    pairs = list(noise(200))
    calm = Alarm()
    for index, pair in enumerate(pairs):
        calm.observe(10 * index, [pair])
    alarms, left_out = replay([*pairs[:150], (4.5, 400.0), *pairs[150:]])
    assert (alarms, left_out) == ([], [150])


@pytest.mark.parametrize("which", [0, 1])
def test_what_stays_above_its_band_for_three_observations_is_an_alarm(which):
    pairs = list(noise(100))
    for index in range(80, 100):
        loss, norm = pairs[index]
        pairs[index] = (2 * loss, norm) if which == 0 else (loss, 4 * norm)
    alarms, _ = replay(pairs)
    assert alarms[0] == 80 + IN_A_ROW - 1


def test_before_there_is_a_band_only_a_loss_twice_the_first_is_an_alarm():
    assert ENOUGH > 6
    assert replay([(6.0, 1.0), (5.9, 9.0), (5.8, 40.0), (6.5, 0.1), (7.0, 80.0)])[0] == []
    assert replay([(6.0, 1.0), (6.0, 1.0), (6.0, 1.0), (14.0, 1.0), (14.0, 1.0), (14.0, 1.0)])[0] == [5]


def test_a_loss_that_is_high_from_the_first_updates_on_is_an_alarm_though_nothing_else_was_seen():
    """As with a rate far too high: the first update alone is from before it has done anything."""
    alarm = Alarm()
    assert alarm.observe(10, [(6.0, 1.0)] + [(500.0, 40.0)] * 9) == ""
    assert alarm.observe(20, [(800.0, 40.0)] * 10) == ""
    assert "more than 23.000, where the run began with 6.000" in alarm.observe(30, [(900.0, 40.0)] * 10)


def test_an_easy_first_update_is_no_reason_for_an_alarm():
    """As a window of one word over and over, or a score right at the mean, in batches of one."""
    assert replay([(0.0, 0.1), *((value, 1.0) for value in (4.9, 4.5, 4.8, 4.7) * 20)])[0] == []


def test_without_a_band_everything_finite_is_within():
    assert limits([(1.0, 1.0)] * (UPDATES_ENOUGH - 1)) == (LARGEST, LARGEST)
    loss, norm = limits([(1.0, 1.0)] * UPDATES_ENOUGH)
    assert 3.0 <= loss < 10
    assert 2.0 < norm < 10


def test_a_limit_is_twice_what_was_kept_at_least():
    kept = [(1.0, 1.0)] * UPDATES_ENOUGH + [(50.0, 70.0)]
    assert limits(kept) == (100.0, 140.0)


def test_losses_of_zero_have_a_band():
    assert limits([(0.0, 0.0)] * UPDATES_ENOUGH)[0] == 2.0
