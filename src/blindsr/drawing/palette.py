"""Colours for sigma maps and class maps."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import DataError
from blindsr.types import IGNORE_INDEX

SIGMA_COLORMAP = "viridis"
ERROR_COLORMAP = "magma"
_LIGHTNESS = (0.34, 0.46, 0.58, 0.7, 0.82)
_SATURATION = (0.3, 0.48, 0.64)
_FIRST_COLOUR = (0.25, 0.50, 0.80)


def blur_to_rgb(blur: NDArray[np.floating], sigma_max: float) -> NDArray[np.uint8]:
    """Colour a sigma map on the fixed scale 0..sigma_max, so that pictures can be compared.

    Args:
        blur: (H, W), sigma in pixels; values outside the scale take its end colours.
        sigma_max: end of the scale.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DataError: not (H, W).
    """
    _check_map("blur", blur)
    return colour_scale(blur / sigma_max, SIGMA_COLORMAP)


def colour_scale(values: NDArray[np.floating], colormap: str) -> NDArray[np.uint8]:
    """Colour (H, W) values from 0 to 1 by a scale of matplotlib, as (H, W, 3)."""
    from matplotlib import colormaps

    colours = colormaps[colormap](np.clip(values, 0.0, 1.0), bytes=True)
    return np.ascontiguousarray(colours[..., :3])


def seg_to_rgb(seg: NDArray[np.integer], num_classes: int) -> NDArray[np.uint8]:
    """Colour a class map with :func:`class_palette`; 255 (no label) is black.

    Args:
        seg: (H, W) class indices 0..num_classes-1 or 255.
        num_classes: C.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DataError: not (H, W), or an index outside the classes.
    """
    _check_map("seg", seg)
    strange = np.setdiff1d(seg, [*range(num_classes), IGNORE_INDEX])
    if strange.size:
        raise DataError(
            "seg", found=f"class {strange[0]}", expected=f"0..{num_classes - 1} or {IGNORE_INDEX}"
        )
    table = np.zeros((max(num_classes, IGNORE_INDEX) + 1, 3), np.uint8)
    table[:num_classes] = class_palette(num_classes)
    table[IGNORE_INDEX] = 0
    return table[seg]


@lru_cache
def _distinct_colours(count: int) -> NDArray[np.uint8]:
    """Pick colours one after the other, each the farthest from black and from those before it."""
    candidates = np.array(
        [
            colorsys.hls_to_rgb(hue / 36, lightness, saturation)
            for hue in range(36)
            for lightness in _LIGHTNESS
            for saturation in _SATURATION
        ]
    )
    # Differences of luma count double: the eye tells dark from light first.
    place = np.column_stack([candidates, 2 * candidates @ [0.299, 0.587, 0.114]])
    chosen = [int(np.argmin(np.abs(candidates - _FIRST_COLOUR).sum(axis=1)))]
    gap = np.linalg.norm(place, axis=1)
    while len(chosen) < count:
        gap = np.minimum(gap, np.linalg.norm(place - place[chosen[-1]], axis=1))
        chosen.append(int(gap.argmax()))
    return np.rint(candidates[chosen[:count]] * 255).astype(np.uint8)


def class_palette(num_classes: int) -> NDArray[np.uint8]:
    """Return (C, 3) uint8 colours, as different as can be, none of them black.

    The colour of an index does not depend on how many follow. Beyond about 400 classes they repeat.
    """
    return _distinct_colours(num_classes).copy()


def _check_map(name: str, array: NDArray[np.generic]) -> None:
    if array.ndim != 2:
        raise DataError(name, found=f"shape {array.shape}", expected="(H, W)")
