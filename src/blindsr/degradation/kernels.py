"""The Gaussian window of the data sets: one width for every sigma, truncated and renormalised.

Sigma is *nominal*. At the top the window is only two sigma wide, so it is narrower than its name:
a nominal 5 in 21 taps has a standard deviation of 4.50, a nominal 15 in 61 taps 13.30. Labels keep
the nominal value; a wider window would be more Gaussian and would not match the data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError

DELTA_BELOW = 0.05
"""Sigma under which the window is a delta: half the 0.1 px step of stored sigma maps."""
_NEGLIGIBLE_TAP = 1e-9


def window_size(sigma_max: float) -> int:
    """Return the odd number of taps shared by all sigmas, ``round(4 * sigma_max) + 1``.

    Equal to the largest circle of confusion, since sigma = (coc - 1) / 4: 5 -> 21, 15 -> 61.

    Raises:
        ConfigError: ``sigma_max`` is not a positive finite number.
    """
    if not (np.isfinite(sigma_max) and sigma_max > 0):
        raise ConfigError("sigma_max", found=repr(sigma_max), expected="a positive number")
    return (round(4 * sigma_max) + 1) | 1


def gaussian_window(sigma: float, sigma_max: float) -> NDArray[np.float64]:
    """Return the one-dimensional window of one sigma; the blur is its outer product.

    Args:
        sigma: nominal standard deviation in pixels, >= 0; below 0.05 the window is a delta.
        sigma_max: fixes the number of taps, see :func:`window_size`.

    Returns:
        (taps,) float64 that sums to 1.

    Raises:
        ConfigError: ``sigma`` is negative or not a number.
    """
    if not sigma >= 0:
        raise ConfigError("sigma", found=repr(sigma), expected="a number of at least 0")
    radius = window_size(sigma_max) // 2
    offsets = np.arange(-radius, radius + 1, dtype=np.float64)
    if sigma < DELTA_BELOW:
        return (offsets == 0).astype(np.float64)
    window = np.exp(-0.5 * (offsets / sigma) ** 2)
    return window / window.sum()


def trimmed_window(sigma: float, sigma_max: float) -> NDArray[np.float64]:
    """Return :func:`gaussian_window` without its outer taps below 1e-9, still of odd length.

    Taps far under float32 resolution cost as much time as the others.
    """
    window = gaussian_window(sigma, sigma_max)
    needless = int(np.argmax(window > _NEGLIGIBLE_TAP))
    return window[needless : len(window) - needless]
