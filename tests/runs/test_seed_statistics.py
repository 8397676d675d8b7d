"""The interquartile mean and its interval, against sorting by hand and all resamples counted."""

from itertools import product

import numpy as np
import pytest

from ttt_rllib.runs.seed_statistics import estimate, interval, iqm


@pytest.mark.parametrize("count", range(1, 13))
def test_the_interquartile_mean_is_that_of_the_middle_half_sorted_by_hand(count):
    figures = np.random.default_rng(count).normal(size=count)
    kept = sorted(figures)[count // 4 : count - count // 4]
    assert iqm(figures) == pytest.approx(sum(kept) / len(kept))
    # One seed that fails to learn does not move it once there are four.
    if count >= 4:
        spoilt = figures.copy()
        spoilt[spoilt.argmin()] = -1e9
        assert iqm(spoilt) == pytest.approx(iqm(figures))


def test_the_interval_is_that_of_all_resamples_that_there_are():
    figures = np.array([0.1, 0.5, 0.6, 0.9, 2.0])
    means = [np.mean(sorted(drawn)[1:-1]) for drawn in product(figures, repeat=5)]
    low, high = np.quantile(means, (0.025, 0.975))
    found = estimate(figures)
    assert (found.n, found.iqm) == (5, pytest.approx((0.5 + 0.6 + 0.9) / 3))
    assert found.low == pytest.approx(low, abs=0.04)
    assert found.high == pytest.approx(high, abs=0.1)


def test_there_is_no_interval_of_two_seeds_and_the_same_figures_have_the_same_one():
    assert interval(np.array([1.0, 2.0])) is None
    assert (estimate(np.array([1.0])).low, estimate(np.array([1.0])).iqm) == (None, 1.0)
    figures = np.random.default_rng(0).normal(size=(5, 7))
    low, high = interval(figures)
    assert low.shape == high.shape == (7,)
    assert np.array_equal(interval(figures)[0], low)
    for column in range(7):
        assert low[column] <= iqm(figures[:, column]) <= high[column]


def test_equal_figures_have_an_interval_without_width():
    assert estimate(np.zeros(4)).low == estimate(np.zeros(4)).high == 0.0
