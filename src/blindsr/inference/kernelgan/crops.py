"""Where crops of one image are taken: more of them where there are edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LUMA = (0.299, 0.587, 0.114)
_BORDER, _LOSS_BORDER, _BOX = 5, 3, 5
_SHARE = 0.97  # of pixels whose gradient does not count
_STEP = 1e-5


def gradients(image: Array) -> tuple[Array, Array, Array]:
    """Absolute differences along columns and rows, and their magnitude: (H, W, 3) -> (H, W)."""
    down, right = np.gradient(image @ np.array(_LUMA))
    return np.abs(right), np.abs(down), np.hypot(right, down)


def gradient_map(image: Array) -> Array:
    """How much there is to see around each pixel, (H, W, 3) -> (H, W) with mean 1."""
    right, down, magnitude = (_without_border(one, _BORDER) for one in gradients(image))
    parts = [_topmost(right), _topmost(down), magnitude]
    total = sum(part / max(part.sum(), _STEP) for part in parts)
    found = box_sum(np.asarray(total), _BOX) / _BOX**2
    return found / max(found.mean(), np.finfo(np.float64).tiny)


def probability(importance: Array, side: int) -> Array:
    """Probability of each pixel to be the centre of a crop: (H, W) that sums to 1."""
    half = side // 2
    found = _without_border(box_sum(importance, half), half)
    if found.sum() <= 0:  # nothing to see anywhere, or no room
        found = np.ones_like(importance)
    return found / found.sum()


def loss_map(image: Array) -> Array:
    """Weights of pixels in the loss of ZSSR: (H, W, 3) -> (H, W) with mean 1."""
    found = _without_border(box_sum(gradients(image)[2], _BOX), _LOSS_BORDER)
    total = found.sum()
    return found * (found.size / total) if total > 0 else np.ones_like(found)


def corners(
    chances: Array, side: int, count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Upper left corners (count, 2) of crops, on even rows and columns, inside the image."""
    drawn = random.choice(chances.size, size=count, p=chances.ravel())
    places = np.stack(np.unravel_index(drawn, chances.shape), axis=1) - side // 2
    return np.clip(places, 0, np.array(chances.shape) - side) // 2 * 2


def box_sum(map_: Array, side: int) -> Array:
    """Sum over side x side pixels around each, of which half a side lies before; zeros outside."""
    before = (side - 1) // 2
    for axis in (0, 1):
        room = [(0, 0), (0, 0)]
        room[axis] = (before + 1, side - 1 - before)
        sums = np.cumsum(np.pad(map_, room), axis=axis)
        length = map_.shape[axis]
        stop, start = (np.take(sums, np.arange(length) + at, axis=axis) for at in (side, 0))
        map_ = stop - start
    return map_


def _topmost(map_: Array) -> Array:
    """0 up to the gradient that 97 % of pixels stay below, and the step to the next above it."""
    ordered = np.sort(map_, axis=None)
    index = min(int(_SHARE * len(ordered)), len(ordered) - 2)
    low, high = ordered[index], ordered[index + 1]
    return np.clip(map_, low, high if high > low else low + _STEP) - low


def _without_border(map_: Array, width: int) -> Array:
    found = np.zeros_like(map_)
    if min(map_.shape) > 2 * width:
        inner = (slice(width, -width),) * 2 if width else (slice(None),) * 2
        found[inner] = map_[inner]
    return found
