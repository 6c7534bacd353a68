import math

import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline
from scipy.special import j1
from scipy.stats import multivariate_normal

from blindsr.degradation.random.kernel_shapes import (
    gaussian_kernel,
    gaussian_taps,
    generalised_kernel,
    plateau_kernel,
    shifted_window,
    sinc_kernel,
)
from blindsr.errors import ConfigError

CASES = [(7, 1.0, 1.0, 0.0), (15, 2.5, 0.7, 0.6), (25, 0.3, 2.8, 2.9), (21, 1.5, 0.2, -2.0)]


def covariance(sigma_x, sigma_y, theta):
    turn = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    return turn @ np.diag([sigma_x**2, sigma_y**2]) @ turn.T


def one_by_one(size, function):
    """The kernel of ``function(x, y)``, tap by tap."""
    radius = size // 2
    taps = range(-radius, radius + 1)
    kernel = np.array([[function(x, y) for x in taps] for y in taps])
    return kernel / kernel.sum()


def distance2(case, x, y):
    inverse = np.linalg.inv(covariance(*case[1:]))
    return np.array([x, y]) @ inverse @ np.array([x, y])


@pytest.mark.parametrize("case", CASES)
def test_gaussian_is_the_density(case):
    density = multivariate_normal([0, 0], covariance(*case[1:])).pdf
    expected = one_by_one(case[0], lambda x, y: density([x, y]))
    np.testing.assert_allclose(gaussian_kernel(*case), expected, atol=1e-14)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.3])
@pytest.mark.parametrize("case", CASES[1:3])
def test_generalised_and_plateau(case, beta):
    pointed = one_by_one(case[0], lambda x, y: math.exp(-0.5 * distance2(case, x, y) ** beta))
    np.testing.assert_allclose(generalised_kernel(*case, beta), pointed, atol=1e-12)
    heavy = one_by_one(case[0], lambda x, y: 1 / (1 + distance2(case, x, y) ** beta))
    np.testing.assert_allclose(plateau_kernel(*case, beta), heavy, atol=1e-12)


@pytest.mark.parametrize(("size", "cutoff"), [(7, math.pi / 3), (13, 2.0), (21, math.pi)])
def test_sinc(size, cutoff):
    def value(x, y):
        r = math.hypot(x, y)
        return cutoff * j1(cutoff * r) / (2 * math.pi * r) if r else cutoff**2 / (4 * math.pi)

    kernel = sinc_kernel(size, cutoff)
    np.testing.assert_allclose(kernel, one_by_one(size, value), atol=1e-14)
    assert kernel.min() < 0


def test_sinc_passes_below_its_cutoff_and_stops_above():
    kernel = sinc_kernel(21, 1.5)
    response = np.abs(np.fft.fft2(kernel, (256, 256)))[0]
    frequency = 2 * np.pi * np.arange(256) / 256
    np.testing.assert_allclose(response[frequency < 1.0], 1, atol=0.2)
    assert response[(frequency > 2.0) & (frequency < np.pi)].max() < 0.1


@pytest.mark.parametrize("case", CASES)
def test_kernels_are_normalised_and_centred(case):
    kernels = (
        gaussian_kernel(*case),
        generalised_kernel(*case, 0.7),
        plateau_kernel(*case, 1.6),
        sinc_kernel(case[0], 1.7),
    )
    for kernel in kernels:
        assert kernel.shape == (case[0], case[0])
        assert kernel.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-15)
        assert kernel.argmax() == kernel.size // 2


def test_theta_turns_from_columns_to_rows():
    wide = gaussian_kernel(15, 2.0, 0.5, 0.0)
    assert wide[7].sum() > 0.7  # along a row
    np.testing.assert_allclose(gaussian_kernel(15, 2.0, 0.5, np.pi / 2), wide.T, atol=1e-15)
    falling = gaussian_kernel(15, 2.0, 0.5, np.pi / 4)  # y points down
    assert falling[10, 10] > 100 * falling[10, 4]


def test_no_spread_is_a_delta():
    for sigma in (0.0, 1e-9, 0.01):
        kernel = gaussian_kernel(9, sigma, sigma)
        assert kernel[4, 4] == 1
        assert kernel.sum() == 1
    line = gaussian_kernel(9, 2.0, 0.0)
    assert line[4].sum() == pytest.approx(1)


def test_outer_product_of_the_taps_is_the_kernel():
    taps = gaussian_taps(11, 1.3)
    np.testing.assert_allclose(np.outer(taps, taps), gaussian_kernel(11, 1.3, 1.3), atol=1e-15)


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_shifted_window_is_the_bilinear_shift(stride):
    size, sigma, shift = 25, 0.45 * stride, (stride - 1) / 2
    grid = np.arange(size)
    spline = RectBivariateSpline(grid, grid, gaussian_kernel(size, sigma, sigma), kx=1, ky=1)
    at = np.clip(grid + shift, 0, size - 1)
    expected = spline(at, at)
    window = shifted_window(size, sigma, shift)
    np.testing.assert_allclose(np.outer(window, window), expected / expected.sum(), atol=1e-12)
    assert window @ (grid - 12) == pytest.approx(-shift, abs=1e-6)


def test_even_sizes_are_refused():
    for size in (0, 4, -3):
        with pytest.raises(ConfigError, match="odd"):
            gaussian_kernel(size, 1, 1)
