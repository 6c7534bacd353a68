"""Kernels as a few numbers: the principal components of a family of blur kernels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from blindsr.errors import ConfigError

from .kernel_maps import kernel_map
from .kernels import window_size

ENTRIES = 401
"""Kernels of the data's family that a basis is made of."""


def principal_components(kernels: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Directions in which kernels differ most.

    Args:
        kernels: (n, k*k), one flattened kernel a row; their mean is subtracted.
        count: of directions.

    Returns:
        (k*k, count) with orthonormal columns, each with its largest entry positive.

    Raises:
        ConfigError: for more directions than taps or kernels.
    """
    if not 1 <= count <= min(kernels.shape):
        raise ConfigError(
            "code_length", found=str(count), expected=f"1 to {min(kernels.shape)} for these kernels"
        )
    _, _, rows = np.linalg.svd(kernels - kernels.mean(axis=0), full_matrices=False)
    columns = rows[:count].T
    largest = columns[np.abs(columns).argmax(axis=0), np.arange(count)]
    return columns * np.where(largest < 0, -1.0, 1.0)


def gaussian_basis(kernel_size: int, count: int) -> NDArray[np.float64]:
    """Principal components of the data's kernels, sigma from 0 to the largest of the window.

    Args:
        kernel_size: k, odd; sigma goes up to (k - 1) / 4.
        count: of directions.

    Returns:
        (k*k, count), see :func:`principal_components`.
    """
    sigma_max = sigma_max_of(kernel_size)
    sigmas = torch.from_numpy(np.linspace(0, sigma_max, ENTRIES)).view(-1, 1, 1, 1)
    return principal_components(kernel_map(sigmas, sigma_max).flatten(1).numpy(), count)


def sigma_max_of(kernel_size: int) -> float:
    """Largest sigma of the data in a window of k taps: the inverse of :func:`.window_size`.

    Raises:
        ConfigError: if k is even or below 3.
    """
    sigma_max = (kernel_size - 1) / 4
    if kernel_size < 3 or window_size(sigma_max) != kernel_size:
        raise ConfigError("kernel_size", found=str(kernel_size), expected="an odd number from 3 on")
    return sigma_max
