import numpy as np
import pytest

from foretext.errors import DataError
from foretext.evaluation.intervals import (
    bootstrap,
    exact_proportion_bound,
    over_seeds,
    paired_over_runs,
)


def mean_of(values):
    return lambda rows: values[rows].mean(axis=1)


def test_the_interval_covers_the_truth_in_about_95_of_100_samples():
    generator = np.random.default_rng(7)
    samples = (generator.random((400, 100)) < 0.7).astype(float)
    intervals = [bootstrap(mean_of(sample), 100, resamples=300, seed=k) for k, sample in enumerate(samples)]
    covered = np.mean([interval.low <= 0.7 <= interval.high for interval in intervals])
    assert 0.92 <= covered <= 0.98  # 0.95 with three standard errors of 0.011


def test_the_interval_is_as_wide_as_the_normal_approximation_says():
    right = np.repeat([0.0, 1.0], [300, 700])
    interval = bootstrap(mean_of(right), 1000)
    expected = 2 * 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.06)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = np.random.default_rng(0).normal(size=50)
    first = bootstrap(mean_of(values), 50, seed=3)
    assert bootstrap(mean_of(values), 50, seed=3) == first
    assert bootstrap(mean_of(values), 50, seed=4) != first


def test_resamples_without_a_value_are_left_out():
    values = np.array([0.0, 1.0])

    def mean_if_mixed(rows):
        means = values[rows].mean(axis=1)
        return np.where((means > 0) & (means < 1), means, np.nan)

    assert bootstrap(mean_if_mixed, 2).low == 0.5
    assert bootstrap(mean_if_mixed, 2).high == 0.5


def test_with_nothing_to_resample_the_interval_is_the_value_alone():
    one, three = mean_of(np.array([4.0])), mean_of(np.array([3.0, 4.0, 5.0]))
    for interval in (bootstrap(one, 1), bootstrap(three, 3, resamples=0)):
        assert (interval.low, interval.value, interval.high) == (4.0, 4.0, 4.0)


def test_a_small_steady_lead_shows_when_examples_are_paired_though_intervals_overlap():
    generator = np.random.default_rng(1)
    difficulty = generator.normal(size=300)
    first, second = mean_of(difficulty), mean_of(difficulty + 0.05 + 0.05 * generator.normal(size=300))
    difference = paired_over_runs([first], [second], 300)
    assert difference.estimate.low > 0
    assert difference.p < 0.001
    assert bootstrap(first, 300).high > bootstrap(second, 300).low


def test_a_system_is_not_better_than_itself():
    values = np.random.default_rng(0).normal(size=30)
    difference = paired_over_runs([mean_of(values)], [mean_of(values)], 30)
    assert difference.estimate.value == difference.estimate.low == difference.estimate.high == 0
    assert difference.p == 1


def test_all_right_leaves_the_doubt_that_the_rule_of_three_states():
    low, high = exact_proportion_bound(30, 30)
    assert high == 1
    assert low == pytest.approx(1 - 3.7 / 30, abs=0.01)  # ln(0.025) = -3.7
    assert exact_proportion_bound(0, 30) == pytest.approx((0, 1 - low))


def test_seeds_are_summarised_by_median_and_range():
    summary = over_seeds([0.7, 0.9, 0.74])
    assert (summary.value, summary.low, summary.high, summary.count) == (0.74, 0.7, 0.9, 3)


def test_nothing_to_score_is_said():
    with pytest.raises(DataError, match="no examples to score"):
        bootstrap(mean_of(np.array([])), 0)
    with pytest.raises(DataError, match="at least one seed"):
        over_seeds([])


def test_an_estimate_reads_as_the_paper_prints_scores():
    assert str(over_seeds([0.871, 0.85, 0.892])) == "87.1 [85.0, 89.2]"


def test_the_probability_of_a_lead_by_chance_is_that_of_the_paired_t_test():
    from scipy.stats import ttest_rel

    generator = np.random.default_rng(5)
    first = generator.normal(size=400)
    for shift in (0.0, 0.05, 0.1):
        second = first + shift + generator.normal(size=400)
        found = paired_over_runs([mean_of(first)], [mean_of(second)], 400, resamples=20_000).p
        # The bootstrap's p differs by its own error, 0.004 at most here, and by what t allows for 400 examples.
        assert found == pytest.approx(ttest_rel(first, second).pvalue, abs=0.015)


def test_a_system_has_no_lead_over_itself():
    values = np.random.default_rng(0).random(50)
    found = paired_over_runs([mean_of(values)] * 2, [mean_of(values)] * 2, 50)
    assert (found.estimate.value, found.estimate.low, found.estimate.high, found.p) == (0, 0, 0, 1)


def test_the_lead_over_runs_is_their_mean_and_its_interval_sees_the_luck_of_a_run():
    generator = np.random.default_rng(1)
    base = generator.random(300)
    steady = paired_over_runs([mean_of(base)] * 2, [mean_of(base + 0.2), mean_of(base + 0.2)], 300)
    uneven = paired_over_runs([mean_of(base)] * 2, [mean_of(base), mean_of(base + 0.4)], 300)
    assert steady.estimate.value == pytest.approx(0.2)
    assert uneven.estimate.value == pytest.approx(0.2)
    assert steady.estimate.high - steady.estimate.low == pytest.approx(0, abs=1e-12)
    # Two runs that differ by 0.4 have a standard error of 0.2 with one degree of freedom, whose t is 12.7.
    assert (uneven.estimate.low, uneven.estimate.high) == pytest.approx((0.2 - 12.706 * 0.2, 0.2 + 12.706 * 0.2), 1e-3)
    assert uneven.p == pytest.approx(0.5)
    assert uneven.runs == 2


def test_of_many_examples_the_probability_is_that_of_welchs_test_over_runs():
    from scipy.stats import ttest_ind

    first, second = [0.472, 0.435, 0.4775], [0.366, 0.3585, 0.3755]
    flat = [lambda rows, level=level: np.full(len(rows), level) for level in (*first, *second)]
    found = paired_over_runs(flat[:3], flat[3:], 2000)
    assert found.p == pytest.approx(ttest_ind(first, second, equal_var=False).pvalue)


def test_few_examples_allow_no_small_probability():
    found = paired_over_runs([mean_of(np.zeros(3))], [mean_of(np.ones(3))], 3)
    assert found.p == 0.25  # one sign for all three: 2 of 8


def test_either_system_needs_as_many_runs():
    with pytest.raises(DataError, match="1 runs of one system and 2 of the other"):
        paired_over_runs([mean_of(np.ones(3))], [mean_of(np.ones(3))] * 2, 3)
