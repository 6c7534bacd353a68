"""Outlines of the leaves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SHIFT = 4  # OpenCV draws at 1/16 pixel


def power_law_radius(
    rng: np.random.Generator, *, smallest: float, largest: float, exponent: float
) -> float:
    """Draw a radius whose density falls as r^-exponent (not 1) between two bounds."""
    power = 1 - exponent
    low, high = smallest**power, largest**power
    return float((low + rng.random() * (high - low)) ** (1 / power))


def outline(rng: np.random.Generator, radius: float) -> NDArray[np.float32]:
    """Draw a closed outline of about the given radius around (0, 0).

    An ellipse, a polygon with corners, a box, a thin and long box, or a round blob.

    Returns:
        (n, 2) float32 corners (x, y) in pixels.
    """
    kind = int(rng.integers(5))
    turn = rng.uniform(0, 2 * np.pi)
    if kind in (0, 4):
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
    if kind == 0:
        points = np.stack([np.cos(angles), rng.uniform(0.3, 1) * np.sin(angles)], 1)
    elif kind == 1:
        reach = rng.uniform(0.5, 1.2, angles.size)
        points = np.stack([reach * np.cos(angles), reach * np.sin(angles)], 1)
    elif kind == 4:
        waves = rng.normal(0, 0.22, (4, 2)) / np.arange(1, 5)[:, None]
        steps = np.arange(2, 6)[:, None] * angles
        reach = 1 + (waves[:, :1] * np.cos(steps) + waves[:, 1:] * np.sin(steps)).sum(0)
        points = np.stack([reach * np.cos(angles), reach * np.sin(angles)], 1)
    else:
        side = rng.uniform(0.4, 1) if kind == 2 else rng.uniform(0.04, 0.15)
        length = 1.0 if kind == 2 else rng.uniform(1.5, 4)
        box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
        points = box * [length, side]
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (radius * points @ rotation.T).astype(np.float32)


def filled(points: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Draw the inside of an outline (x, y) with smooth rims.

    Returns:
        (height, width) float32 coverage in [0, 1].
    """
    mask = np.zeros((height, width), np.uint8)
    corners = np.rint(points * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    return mask.astype(np.float32) / np.float32(255)
