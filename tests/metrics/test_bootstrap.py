"""Bootstrap intervals: known numbers, coverage, seeds, values that do not count."""

import numpy as np
import pytest

from blindsr.metrics.bootstrap import bootstrap, mean_interval, mean_of


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(0).normal(0.3, 1.0, 400)
    found = mean_interval(values)
    error = values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert found.sure
    assert mean_interval(values) == found  # the same draws every time


def test_it_covers_the_truth_19_times_of_20():
    rng = np.random.default_rng(1)
    intervals = [mean_interval(rng.normal(size=60), draws=400) for _ in range(200)]
    held = [one.low <= 0 <= one.high for one in intervals]
    assert 0.90 <= np.mean(held) <= 0.985


def test_seeds_that_differ_widen_it_and_equal_ones_do_not():
    picture = np.random.default_rng(2).normal(size=50)
    one = mean_interval(picture)
    equal = mean_interval(np.stack([picture] * 3))
    shifted = mean_interval(np.stack([picture - 2, picture, picture + 2]))
    assert equal.high - equal.low == pytest.approx(one.high - one.low, rel=0.1)
    assert shifted.high - shifted.low > 3 * (one.high - one.low)


@pytest.mark.parametrize("values", [[0.7], [[0.7], [0.9]], []])
def test_fewer_than_two_pictures_have_no_interval(values):
    found = mean_interval(np.array(values))
    assert np.isnan(found.low)
    assert not found.sure


def test_all_zero_differences_are_not_sure_and_all_equal_ones_are():
    assert not mean_interval(np.zeros(9)).sure
    assert mean_interval(np.full(9, 0.1)).sure


def test_groups_are_averaged_after_their_pictures_and_what_is_not_finite_does_not_count():
    values = np.array([[[1.0, 3.0, np.nan]], [[10.0, np.nan, np.inf]]])  # groups, seeds, pictures
    assert bootstrap(mean_of(values), 3).mean == pytest.approx((2 + 10) / 2)
    assert mean_interval(np.array([1.0, np.nan, 3.0])).mean == 2
    assert np.isnan(mean_interval(np.full(4, np.nan)).mean)
