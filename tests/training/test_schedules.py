"""Learning-rate schedules at the points one can work out by hand."""

from __future__ import annotations

import pytest

from foretext.errors import SettingsError
from foretext.training.schedules import warmup_cosine, warmup_flat_fall, warmup_linear


def test_pre_training_rises_in_a_straight_line_then_falls_along_half_a_cosine():
    shares = [warmup_cosine(update, warmup=4, total=12) for update in (0, 1, 4, 8, 12)]
    assert shares == pytest.approx([0, 0.25, 1, 0.5, 0])


def test_a_warm_up_as_long_as_the_run_is_refused():
    with pytest.raises(SettingsError, match="warm-up of 12 updates does not fit into 12"):
        warmup_cosine(0, warmup=12, total=12)


def test_a_flat_rate_rises_stays_and_falls_in_a_straight_line_over_the_last_share():
    shares = [warmup_flat_fall(update, warmup=4, fall=0.25, total=16) for update in (0, 1, 4, 11, 12, 13, 15, 16, 17)]
    assert shares == pytest.approx([0, 0.25, 1, 1, 1, 0.75, 0.25, 0, 0])
    assert [warmup_flat_fall(update, warmup=0, fall=1.0, total=4) for update in range(4)] == [1, 0.75, 0.5, 0.25]
    assert [warmup_flat_fall(update, warmup=2, fall=0.5, total=4) for update in range(4)] == [0, 0.5, 1, 0.5]


def test_a_fall_is_of_whole_updates_one_at_least():
    assert [warmup_flat_fall(update, warmup=9, fall=0.55, total=20) for update in (9, 14)] == [1, 6 / 11]
    assert [warmup_flat_fall(update, warmup=0, fall=0.01, total=3) for update in (0, 2, 3)] == [1, 1, 0]


def test_a_rise_and_a_fall_that_do_not_fit_are_refused():
    with pytest.raises(SettingsError, match=r"warm-up of 5 updates and a fall over 0\.75 of 16 updates do not fit"):
        warmup_flat_fall(0, warmup=5, fall=0.75, total=16)


def test_point_03_fine_tuning_multiplies_the_warm_up_by_the_linear_decay_and_starts_at_zero():
    """(x / warmup if x <= warmup else 1) * (1 - x), x counted before the update."""
    shares = [warmup_linear(update, warmup=0.2, total=10) for update in (0, 1, 2, 5, 9)]
    assert shares == pytest.approx([0, 0.5 * 0.9, 1 * 0.8, 0.5, 0.1])


def test_point_03_a_warm_up_of_less_than_one_update_leaves_only_the_first_at_zero():
    """ROCStories: 138 updates in all, 0.2 % of them is a fraction of one."""
    assert warmup_linear(0, warmup=0.002, total=138) == 0
    assert warmup_linear(1, warmup=0.002, total=138) == pytest.approx(1 - 1 / 138)


def test_a_warm_up_that_is_no_share_is_refused():
    with pytest.raises(SettingsError, match="share of the updates"):
        warmup_linear(0, warmup=2000, total=4000)
