import numpy as np
import pytest

from blindsr.degradation.kernels import gaussian_window, trimmed_window, window_size
from blindsr.errors import ConfigError


def standard_deviation(window):
    offsets = np.arange(len(window)) - len(window) // 2
    return np.sqrt((window * offsets**2).sum())


@pytest.mark.parametrize(
    ("sigma_max", "taps"), [(5, 21), (15, 61), (7, 29), (0.5, 3), (2.25, 11), (0.1, 1)]
)
def test_window_sizes(sigma_max, taps):
    assert window_size(sigma_max) == taps
    assert len(gaussian_window(sigma_max / 2, sigma_max)) == taps


@pytest.mark.parametrize(
    ("nominal", "sigma_max", "true"),
    [(5, 5, 4.50), (15, 15, 13.30), (2, 5, 2.00), (1, 5, 1.00), (4, 5, 3.86)],
)
def test_the_name_of_a_sigma_is_nominal(nominal, sigma_max, true):
    """The window cuts a nominal 5 down to a standard deviation of 4.5."""
    assert standard_deviation(gaussian_window(nominal, sigma_max)) == pytest.approx(true, abs=0.006)


def test_windows_sum_to_one_and_are_symmetric():
    for sigma in np.linspace(0, 5, 51):
        window = gaussian_window(sigma, 5)
        assert window.sum() == pytest.approx(1, abs=1e-14)
        np.testing.assert_array_equal(window, window[::-1])


def test_windows_widen_with_sigma():
    spread = [standard_deviation(gaussian_window(s, 5)) for s in np.linspace(0.05, 5, 100)]
    assert (np.diff(spread) >= 0).all()
    assert spread[0] < 1e-9


def test_small_sigma_is_a_delta():
    for sigma in (0, 0.01, 0.049):
        np.testing.assert_array_equal(gaussian_window(sigma, 1), [0, 0, 1, 0, 0])
    assert gaussian_window(0.4, 1)[1] > 0.01


def test_trimming_takes_only_what_float32_cannot_see():
    for sigma in (0, 0.06, 0.5, 1, 2.3, 5):
        full, short = gaussian_window(sigma, 5), trimmed_window(sigma, 5)
        pad = (len(full) - len(short)) // 2
        np.testing.assert_allclose(np.pad(short, pad), full, atol=1e-9)
    assert len(trimmed_window(0.5, 5)) < 9
    assert len(trimmed_window(5, 5)) == 21
    assert len(trimmed_window(0, 5)) == 1


def test_bad_arguments():
    for bad in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="sigma_max"):
            window_size(bad)
    for bad in (-0.1, float("nan")):
        with pytest.raises(ConfigError, match="sigma"):
            gaussian_window(bad, 5)
