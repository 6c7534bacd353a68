"""Enlarging, and reducing by a kernel, as ZSSR does it; in the phase of the data or as released."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d

_REACH = 2.0  # of the cubic, in pixels of the coarser image


def reduced(image: Tensor, kernel: Tensor, scale: int) -> Tensor:
    """Correlate an image with a kernel and keep every s-th pixel from the first.

    Args:
        image: (N, C, H, W); mirrored at its border, the edge repeated.
        kernel: (n, n); tap n // 2 is the pixel itself.
        scale: s.

    Returns:
        (N, C, ceil(H / s), ceil(W / s)).
    """
    side, before = len(kernel), len(kernel) // 2
    for axis in (2, 3):
        index = np.pad(np.arange(image.shape[axis]), (before, side - 1 - before), mode="symmetric")
        image = image.index_select(axis, torch.from_numpy(index).to(image.device))
    filters = kernel.to(image).expand(image.shape[1], 1, -1, -1)
    return conv2d(image, filters, stride=scale, groups=image.shape[1])


def released_resize(image: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Cubic resizing with the faults of the released code at the upper and left border.

    There positions before the first pixel count for nothing instead of being mirrored.

    Args:
        image: (H, W, C).
        factor: size of the result over size of the image; below 1 against aliasing.
    """
    for axis in (0, 1):
        weights = released_weights(image.shape[axis], factor)
        image = np.moveaxis(np.tensordot(weights, image, axes=(1, axis)), 0, axis)
    return image


def released_weights(length: int, factor: float) -> NDArray[np.float64]:
    """(new length, length): the weights of :func:`released_resize` along one axis."""
    stretch = min(factor, 1.0)
    places = (np.arange(int(np.ceil(length * factor))) + 0.5) / factor - 0.5
    reach = int(np.ceil(_REACH / stretch)) + 1
    weights = np.zeros((len(places), length))
    for row, place in enumerate(places):
        taps = np.arange(int(np.floor(place)) - reach, int(np.floor(place)) + reach + 1)
        taps = taps[taps >= 0]
        values = _cubic(stretch * (place - taps))
        mirrored = np.where(taps % (2 * length) < length, taps, 2 * length - 1 - taps)
        np.add.at(weights[row], mirrored % length, values / values.sum())
    return weights


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic of Keys (1981) with a = -0.5."""
    x = np.abs(x)
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, inner, np.where(x < _REACH, outer, 0.0))
