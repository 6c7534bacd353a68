"""Blur kernels of the practical degradations, in closed form.

Every kernel is odd-sized, sums to 1 and is symmetric about its centre, so that convolution and
correlation are the same thing. Only :func:`shifted_window` is not, on purpose. Axes: x runs along
the columns and y along the rows; ``theta`` turns the first axis of the ellipse from x towards y.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError

_SMALLEST_SIGMA = 1e-6  # a line or a point; smaller ones divide by zero


def gaussian_kernel(
    size: int, sigma_x: float, sigma_y: float, theta: float = 0.0
) -> NDArray[np.float64]:
    """Return the Gaussian ``exp(-d2 / 2)``, d2 the squared Mahalanobis distance.

    Args:
        size: odd number of taps per axis.
        sigma_x: standard deviation along the first axis, in pixels, >= 0.
        sigma_y: standard deviation across it.
        theta: angle of the first axis in radians.

    Returns:
        (size, size) float64.

    Raises:
        ConfigError: ``size`` is not odd and positive.
    """
    return _normalised(np.exp(-0.5 * _distance2(size, sigma_x, sigma_y, theta)))


def generalised_kernel(
    size: int, sigma_x: float, sigma_y: float, theta: float, beta: float
) -> NDArray[np.float64]:
    """Return ``exp(-(d2 ** beta) / 2)``: pointed for beta < 1, flat-topped for beta > 1.

    (Pascal et al. 2013, arXiv 1302.6498, with the scale of Real-ESRGAN.) See
    :func:`gaussian_kernel`.
    """
    return _normalised(np.exp(-0.5 * _distance2(size, sigma_x, sigma_y, theta) ** beta))


def plateau_kernel(
    size: int, sigma_x: float, sigma_y: float, theta: float, beta: float
) -> NDArray[np.float64]:
    """Return ``1 / (1 + d2 ** beta)``, heavy-tailed; see :func:`gaussian_kernel`."""
    return _normalised(1.0 / (1.0 + _distance2(size, sigma_x, sigma_y, theta) ** beta))


def sinc_kernel(size: int, cutoff: float) -> NDArray[np.float64]:
    """Return the circular low-pass ``cutoff J1(cutoff r) / (2 pi r)``, which rings.

    Args:
        size: odd number of taps per axis.
        cutoff: in radians per pixel, in (0, pi].

    Returns:
        (size, size) float64; some taps are negative.

    Raises:
        ConfigError: ``size`` is not odd and positive.
    """
    from scipy.special import j1

    x, y = _offsets(size)
    radius = np.hypot(x, y)
    radius[size // 2, size // 2] = 1.0  # any number; the limit follows
    kernel = cutoff * j1(cutoff * radius) / (2 * np.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * np.pi)
    return _normalised(kernel)


def gaussian_taps(size: int, sigma: float) -> NDArray[np.float64]:
    """Return (size,) float64, whose outer product is the isotropic :func:`gaussian_kernel`."""
    offsets = np.arange(size) - _radius(size)
    return _normalised(np.exp(-0.5 * (offsets / max(sigma, _SMALLEST_SIGMA)) ** 2))


def shifted_window(size: int, sigma: float, shift: float) -> NDArray[np.float64]:
    """Return :func:`gaussian_taps` moved towards index 0 by ``shift`` pixels.

    The move interpolates linearly and repeats the last tap, as BSRGAN does. Convolving with it
    (taps flipped) reads the image ``shift`` pixels further on: with ``shift = (s - 1) / 2`` every
    s-th pixel of the result lies in the middle of its s x s block.

    Returns:
        (size,) float64 that sums to 1; its outer product is the two-dimensional kernel.
    """
    taps = gaussian_taps(size, sigma)
    return _normalised(np.interp(np.arange(size) + shift, np.arange(size), taps))


def _distance2(size: int, sigma_x: float, sigma_y: float, theta: float) -> NDArray[np.float64]:
    """Return (size, size): squared distance from the centre in standard deviations."""
    x, y = _offsets(size)
    along = math.cos(theta) * x + math.sin(theta) * y
    across = math.cos(theta) * y - math.sin(theta) * x
    return (along / max(sigma_x, _SMALLEST_SIGMA)) ** 2 + (
        across / max(sigma_y, _SMALLEST_SIGMA)
    ) ** 2


def _offsets(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x (1, size) and y (size, 1) offsets from the centre."""
    offsets = np.arange(size, dtype=np.float64) - _radius(size)
    return offsets[None, :], offsets[:, None]


def _radius(size: int) -> int:
    if size < 1 or size % 2 == 0:
        raise ConfigError("size of the kernel", found=str(size), expected="an odd positive number")
    return size // 2


def _normalised(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return kernel / kernel.sum()
