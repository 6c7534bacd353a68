"""The gather operator on the CPU: separable OpenCV filters, one per level, blended per pixel."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.kernels import trimmed_window
from blindsr.degradation.levels import Levels
from blindsr.errors import DataError

Float = TypeVar("Float", np.float32, np.float64)
_TOLERANCE = 1e-3  # sigma maps that went through float16


def gather_numpy(
    image: NDArray[np.float32], sigma: NDArray[np.floating], levels: Levels
) -> NDArray[np.float32]:
    """Blur (H, W[, C]) with the sigma map (H, W); see ``gather_blur``."""
    sigma = checked_sigma(image.shape, sigma, levels.sigma_max)
    image = np.ascontiguousarray(image, dtype=np.float32)
    lowest, highest = float(sigma.min()), float(sigma.max())
    if lowest == highest:
        return _separable(image, lowest, levels.sigma_max)
    position = _level_position(sigma, levels)
    result = np.zeros_like(image)
    for index in range(int(position.min()), int(np.ceil(position.max())) + 1):
        _add_level(result, image, position, index, levels)
    return result


def checked_sigma(
    shape: tuple[int, ...], sigma: NDArray[np.floating], sigma_max: float
) -> NDArray[np.float32]:
    """Return the sigma map as float32 within [0, sigma_max].

    Raises:
        DataError: the image is not (H, W[, C]), the map does not fit it, or leaves its range.
    """
    if len(shape) not in (2, 3) or sigma.shape != shape[:2] or sigma.size == 0:
        raise DataError(
            "sigma",
            found=f"shape {sigma.shape} for an image of shape {shape}",
            expected="(H, W) for (H, W) or (H, W, C)",
        )
    lowest, highest = float(sigma.min()), float(sigma.max())
    if not (lowest >= -_TOLERANCE and highest <= sigma_max + _TOLERANCE):
        raise DataError(
            "sigma",
            found=f"values in [{lowest:g}, {highest:g}]",
            expected=f"[0, {sigma_max:g}]",
            fix="Check sigma_max and the unit (stored maps hold 10 x sigma)",
        )
    return np.clip(sigma, 0.0, sigma_max).astype(np.float32, copy=False)


def _level_position(sigma: NDArray[np.float32], levels: Levels) -> NDArray[np.float32]:
    """Interpolate ``levels.positions``; ten times faster than np.interp on its even grid."""
    steps = len(levels.grid) - 1
    table = levels.positions.astype(np.float32)
    scaled = sigma * np.float32(steps / levels.sigma_max)
    index = np.minimum(scaled.astype(np.int32), steps - 1)
    low = table.take(index)
    position: NDArray[np.float32] = low + (scaled - index) * (table.take(index + 1) - low)
    return np.minimum(position, np.float32(len(levels.nodes) - 1))


def _add_level(
    result: NDArray[np.float32],
    image: NDArray[np.float32],
    position: NDArray[np.float32],
    index: int,
    levels: Levels,
) -> None:
    """Add one blurred picture times its hat-shaped weight, in the box where that is not zero."""
    weight = np.maximum(1 - np.abs(position - np.float32(index)), 0, dtype=np.float32)
    left, top, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
    if width == 0:
        return
    box = np.s_[top : top + height, left : left + width]
    blurred = blur_box(image, box, levels.nodes[index], levels.sigma_max)
    weight = np.ascontiguousarray(weight[box])
    if image.ndim == 3:
        weight = cv2.merge([weight] * image.shape[2]).reshape(blurred.shape)
    result[box] += weight * blurred


def blur_box(
    image: NDArray[np.float32], box: tuple[slice, slice], sigma: float, sigma_max: float
) -> NDArray[np.float32]:
    """Return the invariantly blurred image inside a box of rows and columns."""
    radius = len(trimmed_window(sigma, sigma_max)) // 2
    rows, columns = (
        slice(max(part.start - radius, 0), min(part.stop + radius, length))
        for part, length in zip(box, image.shape[:2], strict=True)
    )
    blurred = _separable(np.ascontiguousarray(image[rows, columns]), sigma, sigma_max)
    return blurred[
        box[0].start - rows.start : box[0].stop - rows.start,
        box[1].start - columns.start : box[1].stop - columns.start,
    ]


def _separable(image: NDArray[np.float32], sigma: float, sigma_max: float) -> NDArray[np.float32]:
    """Blur with one window; symmetric borders (edge pixel repeated)."""
    taps = trimmed_window(sigma, sigma_max)
    if len(taps) == 1:
        return image.copy()
    return separable_filter(image, taps)


def separable_filter(image: NDArray[Float], taps: NDArray[np.float64]) -> NDArray[Float]:
    """Correlate both axes with the same taps; symmetric borders (edge pixel repeated)."""
    filtered: Any = cv2.sepFilter2D(image, -1, taps, taps, borderType=cv2.BORDER_REFLECT)
    return np.asarray(filtered, image.dtype).reshape(image.shape)  # OpenCV drops a single channel


def separable_adjoint(image: NDArray[Float], taps: NDArray[np.float64]) -> NDArray[Float]:
    """Adjoint of :func:`separable_filter` for symmetric taps.

    Mirrored pixels that the filter reads beyond a border are added to where they come from.
    """
    radius = len(taps) // 2
    if radius == 0:
        return image.copy()
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)))
    spread: Any = cv2.sepFilter2D(padded, -1, taps, taps, borderType=cv2.BORDER_CONSTANT)
    result = np.asarray(spread, image.dtype).reshape(padded.shape)
    for axis in (0, 1):
        result = _fold(np.moveaxis(result, axis, 0), radius)
        result = np.moveaxis(result, 0, axis)
    return np.ascontiguousarray(result)


def _fold(padded: NDArray[Float], pad: int) -> NDArray[Float]:
    """Add the symmetric padding of the first axis to the pixels that it mirrors."""
    length = len(padded) - 2 * pad
    folded = padded[pad : pad + length].copy()
    outside = np.r_[:pad, pad + length : len(padded)]
    np.add.at(folded, np.pad(np.arange(length), pad, mode="symmetric")[outside], padded[outside])
    return folded
