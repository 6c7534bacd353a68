"""Sigma maps as kernel maps and back: one scorer serves estimators of sigma and of kernels.

A kernel map holds the k*k taps of one kernel per pixel as channels; channel i*k + j is the tap in
row i and column j.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.errors import ConfigError, DataError

from .kernels import DELTA_BELOW, gaussian_window, window_size

Inverse = Literal["moment", "nearest"]
STEP = 0.005
"""Distance in sigma of the entries that variances are compared with."""
NEAREST_STEP = 0.1
"""That of the entries that kernels are compared with: the step of stored sigma maps."""
_NARROWEST = 0.08
"""Sigma below which float32 sees a delta."""


def kernel_map(sigma: Tensor, sigma_max: float) -> Tensor:
    """The data's kernel of every sigma: the outer product of its truncated, renormalised window.

    Args:
        sigma: (N, 1, h, w) nominal sigma in pixels; below 0.05 the kernel is a delta.
        sigma_max: fixes k, see :func:`~blindsr.degradation.window_size`.

    Returns:
        (N, k*k, h, w) whose taps sum to 1, in float32, or float64 where ``sigma`` is.

    Raises:
        DataError: if ``sigma`` has another shape.
    """
    window = windows_of(sigma, sigma_max)
    return (window[:, :, None] * window[:, None]).flatten(1, 2)


def windows_of(sigma: Tensor, sigma_max: float) -> Tensor:
    """The one-dimensional windows of :func:`kernel_map`, (N, 1, h, w) -> (N, k, h, w)."""
    if sigma.ndim != 4 or sigma.shape[1] != 1:
        raise DataError("sigma", found=f"shape {tuple(sigma.shape)}", expected="(N, 1, h, w)")
    sigma = sigma if sigma.dtype == torch.float64 else sigma.float()
    offsets = _offsets(sigma_max, sigma).view(1, -1, 1, 1)
    taps = torch.exp(-0.5 * (offsets / sigma.clamp_min(DELTA_BELOW)).square())
    taps = torch.where(sigma < DELTA_BELOW, (offsets == 0).to(taps.dtype), taps)
    return taps / taps.sum(dim=1, keepdim=True)


def sigma_of_kernels(kernels: Tensor, sigma_max: float, *, method: Inverse = "moment") -> Tensor:
    """The sigma of every kernel: that of the data's Gaussian which is as wide.

    Kernels may lie off the centre of their window, be stretched in one direction, or have negative
    taps; their variance is taken about their own centre and averaged over the two axes.

    Args:
        kernels: (N, k*k, h, w), k the taps of ``sigma_max``.
        sigma_max: of the data; no estimate is larger.
        method: ``"moment"`` compares variances, between the entries of a table of windows, and has
            a gradient. ``"nearest"`` is the entry in steps of 0.1 whose taps are nearest (L2).

    Returns:
        (N, 1, h, w) nominal sigma in pixels, in [0, sigma_max].

    Raises:
        ConfigError: for another ``method``.
        DataError: if the number of taps is another.
    """
    taps = window_size(sigma_max)
    if kernels.ndim != 4 or kernels.shape[1] != taps * taps:
        raise DataError(
            "kernels",
            found=f"shape {tuple(kernels.shape)}",
            expected=f"(N, {taps * taps}, h, w) for sigma up to {sigma_max:g}",
        )
    kernels = kernels if kernels.dtype == torch.float64 else kernels.float()
    if method == "moment":
        return sigma_of_variance(variance(kernels), sigma_max)
    if method == "nearest":
        return _by_distance(kernels, sigma_max)
    raise ConfigError("method", found=repr(method), expected="'moment' or 'nearest'")


def variance(kernels: Tensor) -> Tensor:
    """Variance of kernels about their own centre, the mean of both axes.

    Args:
        kernels: (N, k*k, h, w), k odd or even.

    Returns:
        (N, 1, h, w) in pixels squared; below 0 only where taps are negative.
    """
    side = round(kernels.shape[1] ** 0.5)
    grid = kernels.unflatten(1, (side, side))
    total = kernels.sum(dim=1, keepdim=True)
    offsets = torch.arange(side, device=kernels.device, dtype=kernels.dtype) - (side - 1) / 2
    found = torch.zeros_like(total)
    for axis in (1, 2):
        profile = grid.sum(dim=3 - axis)  # (N, k, h, w) along this axis
        first, second = (
            (profile * (offsets**power).view(1, -1, 1, 1)).sum(dim=1, keepdim=True) / total
            for power in (1, 2)
        )
        found = found + (second - first.square()) / 2
    return found


def _offsets(sigma_max: float, like: Tensor) -> Tensor:
    radius = window_size(sigma_max) // 2
    return torch.arange(-radius, radius + 1, device=like.device, dtype=like.dtype)


@lru_cache(maxsize=8)
def _variances(sigma_max: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sigmas, and the logarithm of the variance of each one's window."""
    sigmas = np.linspace(_NARROWEST, sigma_max, max(2, round(sigma_max / STEP)))
    radius = window_size(sigma_max) // 2
    squares = np.arange(-radius, radius + 1, dtype=np.float64) ** 2
    spreads = np.array([gaussian_window(s, sigma_max) @ squares for s in sigmas])
    return sigmas, np.log(spreads)


def sigma_of_variance(found: Tensor, sigma_max: float) -> Tensor:
    """The sigma of the data's window of a variance.

    Args:
        found: variances in pixels squared, any shape, float32 or float64.
        sigma_max: of the data; no sigma is larger.

    Returns:
        Nominal sigma in pixels, the same shape. Between two entries of a table it is a line over
        the logarithm of the variance, which is nearly straight there.
    """
    sigmas, spreads = (
        torch.as_tensor(a, device=found.device, dtype=found.dtype) for a in _variances(sigma_max)
    )
    narrow = found <= spreads[0].exp()
    # float32 holds the narrowest entry, exp(-77), and nothing below is looked at
    logarithm = torch.where(narrow, torch.ones_like(found), found).log()
    upper = torch.searchsorted(spreads, logarithm.detach().contiguous())
    upper = upper.clamp(1, len(sigmas) - 1)
    start, stop = spreads[upper - 1], spreads[upper]
    share = ((logarithm - start) / (stop - start)).clamp(0, 1)
    sigma = sigmas[upper - 1] + share * (sigmas[upper] - sigmas[upper - 1])
    return torch.where(narrow, torch.zeros_like(sigma), sigma)


def _by_distance(kernels: Tensor, sigma_max: float) -> Tensor:
    sigmas = np.arange(round(sigma_max / NEAREST_STEP) + 1) * NEAREST_STEP
    entries = torch.as_tensor(sigmas, device=kernels.device, dtype=kernels.dtype)
    table = kernel_map(entries.view(-1, 1, 1, 1), sigma_max).flatten(1)  # (entries, k*k)
    agreement = torch.einsum("nkhw,tk->nthw", kernels, table)
    distance = table.square().sum(dim=1).view(1, -1, 1, 1) - 2 * agreement
    return entries[distance.argmin(dim=1, keepdim=True)]
