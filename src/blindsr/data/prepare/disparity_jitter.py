"""Disparity that is changed by object and smoothly, so that blur follows class edges less.

Disparity that was made up from labels gives every object one value, where it meets the ground, and
classes their edges.
"""

from __future__ import annotations

import cv2
import numpy as np

_GRID = (4, 6)
"""Control points of the smooth change, down and across."""


def jitter(
    disparity: np.ndarray, seg: np.ndarray, amount: float, seed: int, name: str
) -> np.ndarray:
    """Multiply each object by a factor of its own, and all by one that varies smoothly.

    Objects are connected regions of one label: two cars end at different distances, and nothing
    stands where it meets the ground any more. Both factors lie in 1 / (1 + amount) .. 1 + amount;
    what is infinitely far (0) stays there.

    Args:
        disparity: (H, W), 0 or more, without holes.
        seg: (H, W) uint8, any numbers.
        amount: above 0.
        seed: of the preparation.
        name: of the frame; equal seeds and names give equal changes.

    Returns:
        (H, W) float32.
    """
    rng = np.random.default_rng([seed, *name.encode()])
    regions = objects(seg)
    of_object = rng.uniform(-1, 1, int(regions.max()) + 1).astype(np.float32)[regions]
    grid = rng.uniform(-1, 1, _GRID).astype(np.float32)
    height, width = disparity.shape
    smooth = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    factor = np.float32(1 + amount) ** (of_object + smooth)
    return (disparity * factor).astype(np.float32)


def objects(seg: np.ndarray) -> np.ndarray:
    """Number of the connected region of each pixel, from 0 on, (H, W) int32."""
    numbers = np.zeros(seg.shape, np.int32)
    first = 0
    for label in np.unique(seg):
        count, regions = cv2.connectedComponents((seg == label).astype(np.uint8), connectivity=4)
        inside = regions > 0
        numbers[inside] = regions[inside] - 1 + first
        first += count - 1
    return numbers
