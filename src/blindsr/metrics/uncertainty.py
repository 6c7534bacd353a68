"""Calibration of an estimated uncertainty: the share of true values inside its intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def interval_coverage(
    truth: NDArray[np.floating],
    estimate: NDArray[np.floating],
    scale: NDArray[np.floating],
    levels: tuple[float, ...] = LEVELS,
) -> dict[float, float]:
    """Share of the values inside the central intervals of a Laplace distribution.

    Args:
        truth: any shape.
        estimate: median of the distribution, of the same shape.
        scale: its Laplace scale, of the same shape, such as ``Maps.blur_scale``.
        levels: probabilities of the intervals.

    Returns:
        The share inside, by level; equal to it where the uncertainty is right.
    """
    away = np.abs(truth - estimate)
    return {p: float((away <= -np.log(1 - p) * scale).mean()) for p in levels}
