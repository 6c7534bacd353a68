"""Where a stack of blurs lies in sigma, and how to blend two neighbours of it.

A space-variant Gaussian is approximated by ``n`` invariant ones and a blend of the two around each
pixel's sigma. Two choices buy 6 to 12 dB over equal steps of sigma and a linear blend:

* *Where*: the error of the blend grows with the second derivative of the blurred picture in
  sigma, so levels are spaced by ``|d2/dsigma2|^(2/5)``, the density that minimises the squared
  error of piecewise linear approximation (de Boor 1973). They crowd between 0.3 and 1.5.
* *How*: the weight between levels a and b is the least-squares one,
  ``w = <K_sigma - K_a, K_b - K_a> / |K_b - K_a|^2``, not ``(sigma - a) / (b - a)``.

Both use the transfer functions of the truncated windows, weighted by the power spectrum of
pictures, which falls as 1 / f^3 (Field 1987 gives 2 for photographs; blurred ones fall faster).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.kernels import gaussian_window, window_size
from blindsr.errors import ConfigError

_GRID_STEP = 0.01
_FREQUENCIES = 25
_SPECTRUM_EXPONENT = 3.0
_DENSITY_FLOOR = 1e-3  # keeps the nodes apart where nothing changes, below sigma 0.2


@dataclass(frozen=True)
class Levels:
    """A stack of blurs for one ``sigma_max``.

    Pixels of nominal sigma s blend levels ``floor(t)`` and ``floor(t) + 1`` with weight
    ``t - floor(t)``, where t is ``positions`` interpolated at s.
    """

    sigma_max: float
    nodes: tuple[float, ...]
    """Sigma of each level, ascending from 0 to ``sigma_max``."""
    grid: NDArray[np.float64]
    """(G,) sigma, equal steps from 0 to ``sigma_max``."""
    positions: NDArray[np.float64]
    """(G,) level position t of each sigma of ``grid``, ascending from 0 to n - 1."""


@lru_cache(maxsize=32)
def blur_levels(sigma_max: float, count: int) -> Levels:
    """Place ``count`` levels in [0, sigma_max].

    Raises:
        ConfigError: ``sigma_max`` not positive, or fewer than 2 levels.
    """
    window_size(sigma_max)  # checks sigma_max
    if count < 2:
        raise ConfigError("levels", found=str(count), expected="at least 2")
    grid = np.linspace(0.0, sigma_max, max(round(sigma_max / _GRID_STEP), 4 * count) + 1)
    response = _weighted_response(grid, sigma_max)
    nodes = _place_nodes(grid, response, count)
    positions = np.concatenate(
        [
            level + _blend_weight(response[start : stop + 1])[: stop - start]
            for level, (start, stop) in enumerate(pairwise(nodes))
        ]
        + [np.array([count - 1.0])]
    )
    return Levels(sigma_max, tuple(float(grid[node]) for node in nodes), grid, positions)


def _weighted_response(grid: NDArray[np.float64], sigma_max: float) -> NDArray[np.float64]:
    """Return (G, F * F): transfer function of each sigma times the amplitude of pictures."""
    radius = window_size(sigma_max) // 2
    frequency = np.linspace(0.0, np.pi, _FREQUENCIES)
    cosine = np.cos(np.outer(np.arange(-radius, radius + 1), frequency))
    one_axis = np.stack([gaussian_window(sigma, sigma_max) for sigma in grid]) @ cosine
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    squared[0, 0] = np.inf  # every window keeps the mean
    amplitude = squared ** (-_SPECTRUM_EXPONENT / 4)
    both_axes = one_axis[:, :, None] * one_axis[:, None, :] * amplitude
    return both_axes.reshape(len(grid), -1)


def _place_nodes(
    grid: NDArray[np.float64], response: NDArray[np.float64], count: int
) -> NDArray[np.int64]:
    """Return ``count`` ascending indices into ``grid`` of equal approximation error."""
    curvature = np.gradient(np.gradient(response, grid, axis=0), grid, axis=0)
    density = np.sum(curvature**2, axis=1) ** (1 / 5)
    density = np.maximum(density, _DENSITY_FLOOR * density.max())
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    wanted = np.linspace(0.0, mass[-1], count)
    nodes = np.rint(np.interp(wanted, mass, np.arange(len(grid)))).astype(np.int64)
    # Rounding to the grid may merge neighbours; push them apart from both ends.
    nodes = np.maximum.accumulate(nodes - np.arange(count)) + np.arange(count)
    return np.minimum(nodes, len(grid) - count + np.arange(count))


def _blend_weight(response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares weight of the last row against the first, for every row."""
    difference = response[-1] - response[0]
    weight = (response - response[0]) @ difference / (difference @ difference)
    return np.maximum.accumulate(np.clip(weight, 0.0, 1.0))
