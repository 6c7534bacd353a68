"""Resizing by any factor, row by row, with pixels placed as the model placed them.

A model of scale s puts LR pixel ``i`` at ``s i + p``. A result of the factor f puts it at
``f i + p (f - 1) / (s - 1)``: for f = s where the model puts it, for f = 1 onto itself, and for
models that agree with the centres of pixels (p = (s - 1) / 2) so for every f.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_RADIUS = 2  # of the cubic, in pixels of the smaller picture


class AnyFactor:
    """Resizes the strips of a picture that arrive from top to bottom.

    The cubic of a = -0.5 (Keys 1981), stretched against aliasing where the picture becomes smaller;
    borders are mirrored. The result may overshoot.

    Args:
        size: rows and columns of LR.
        scale: of the picture that arrives over LR.
        phase: where it puts LR pixel 0, see :func:`blindsr.imaging.resize.phase`.
        factor: of the result over LR.
    """

    def __init__(self, size: tuple[int, int], scale: int, phase: float, factor: float) -> None:
        self.size = outscaled(size, factor)
        step = scale / factor
        own = phase * (factor - 1) / (scale - 1) if scale > 1 else 0.0
        start = phase - step * own
        height, width = (scale * side for side in size)
        self._rows, self._row_weights = _taps(self.size[0], height, start, step)
        self._columns, self._column_weights = _taps(self.size[1], width, start, step)
        self._last = self._rows.max(axis=1)
        self._lowest = np.minimum.accumulate(self._rows.min(axis=1)[::-1])[::-1]
        self._held: NDArray[np.float32] | None = None
        self._first = self._done = 0

    def add(self, strip: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next rows (n, s*W, C); return those rows (m, W', C) that are certain now."""
        fresh = np.zeros((len(strip), self.size[1], strip.shape[2]), np.float32)
        for index, weight in zip(self._columns.T, self._column_weights.T, strict=True):
            fresh += strip[:, index] * weight[:, None]
        held = fresh if self._held is None else np.concatenate([self._held, fresh])
        known = self._first + len(held)
        stop = self._done
        while stop < self.size[0] and self._last[stop] < known:
            stop += 1
        rows = slice(self._done, stop)
        made = np.zeros((stop - self._done, *held.shape[1:]), np.float32)
        for index, weight in zip(self._rows[rows].T, self._row_weights[rows].T, strict=True):
            made += held[index - self._first] * weight[:, None, None]
        self._done = stop
        keep = known if stop == self.size[0] else min(int(self._lowest[stop]), known)
        self._held, self._first = held[keep - self._first :], keep
        return made


def outscaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Rows and columns of a result: rounded, at least one."""
    height, width = (max(1, math.floor(side * factor + 0.5)) for side in size)
    return height, width


def _taps(
    count: int, length: int, start: float, step: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Places and weights (count, K) of what makes each value of the result."""
    stretch = max(1.0, step)
    centres = start + step * np.arange(count)
    first = np.floor(centres - _RADIUS * stretch).astype(np.intp) + 1
    places = first[:, None] + np.arange(math.ceil(2 * _RADIUS * stretch))
    distance = np.abs(places - centres[:, None]) / stretch
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance <= 1, near, np.where(distance < _RADIUS, far, 0))
    mirrored = places % (2 * length)
    mirrored = np.minimum(mirrored, 2 * length - 1 - mirrored)
    return mirrored, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
