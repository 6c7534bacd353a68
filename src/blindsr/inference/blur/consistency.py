"""How well a result, blurred as the input was and reduced, gives back the input.

    error = mean over colours of (down(blur(result, removed sigma)) - input)^2

``down`` is the down-sampler of the model's training. Only blur that was removed is put back: where
it was kept, it is in the result already. The result arrives in strips and is measured a few rows
at a time, since the blurred copy of a large picture would not fit into memory.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.gather import gather_blur
from blindsr.imaging.files import white_of
from blindsr.imaging.resize import Downsampler, downsample

LIMIT = 8.0
"""Sigma that is put back at most, in pixels of the input."""
_WINDOW = 12.0  # sigma_max of the window: sigma 8 is cut off at 3 sigma only
_LEVELS = 24
_ROWS = 32  # of the input, measured at a time
_REDUCTION = 3  # pixels of the input to either side that the widest down-sampler sees


class Consistency(NamedTuple):
    """How well one result explains its input."""

    decibels: float
    """PSNR of what the result gives back; infinite if it is the input."""
    error: NDArray[np.float32]
    """(H, W) root of the mean squared difference over the colours, 1 = from black to white."""


class ConsistencyMeter:
    """Takes the strips of one result from top to bottom.

    Args:
        lr: (H, W, 3) input, integers or floats in [0, 1].
        scale: size of the result over that of the input.
        downsampler: of the model's training.
    """

    def __init__(self, lr: NDArray[Any], scale: int, downsampler: Downsampler) -> None:
        self._lr, self._scale, self._downsampler = lr, scale, downsampler
        self._peak = white_of(lr)
        self._margin = math.ceil(2 * _WINDOW) + _REDUCTION
        self._sr = np.zeros((0, scale * lr.shape[1], 3), np.float32)
        self._removed = np.zeros((0, scale * lr.shape[1]), np.float32)
        self._first = 0  # row of the input where what is held begins
        self._done = 0
        self._total = 0.0

    def add(
        self, sr: NDArray[np.float32], removed: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Take the next rows.

        Args:
            sr: (n, s*W, 3) in [0, 1].
            removed: (n, s*W) sigma of the blur that is no longer in ``sr``, HR pixels; ``None``
                for none.

        Returns:
            (m, W) the next rows of the error, as far as they are final.
        """
        if removed is None:
            removed = np.zeros(sr.shape[:2], np.float32)
        highest = LIMIT * self._scale
        self._sr = np.concatenate([self._sr, sr])
        self._removed = np.concatenate([self._removed, np.clip(removed, 0, highest)])
        known = self._first + len(self._sr) // self._scale
        ready = len(self._lr) if known == len(self._lr) else known - self._margin
        rows = []
        while self._done + _ROWS <= ready or self._done < ready == len(self._lr):
            rows.append(self._measure(min(self._done + _ROWS, ready)))
        return np.concatenate(rows) if rows else np.zeros((0, self._lr.shape[1]), np.float32)

    @property
    def decibels(self) -> float:
        """PSNR over the rows that are measured."""
        mean = self._total / (3 * self._done * self._lr.shape[1])
        return math.inf if mean == 0 else -10 * math.log10(mean)

    def _measure(self, stop: int) -> NDArray[np.float32]:
        """Error of the rows from the first that is not done; drops what is no longer needed."""
        start, scale = self._done, self._scale
        low = max(self._first, start - self._margin)
        high = min(self._first + len(self._sr) // scale, stop + self._margin)
        held = slice(scale * (low - self._first), scale * (high - self._first))
        # blurred only as far as the down-sampler looks
        top, bottom = max(low, start - _REDUCTION), min(high, stop + _REDUCTION)
        inner = slice(scale * (top - low), scale * (bottom - low))
        removed = np.zeros_like(self._removed[held])
        removed[inner] = self._removed[held][inner]
        limit = _WINDOW * scale
        blurred = gather_blur(self._sr[held], removed, sigma_max=limit, levels=_LEVELS)[inner]
        reduced = np.clip(downsample(blurred, scale, self._downsampler), 0, 1)
        given = self._lr[start:stop].astype(np.float32) / self._peak
        squared = np.square(reduced[start - top : stop - top] - given)
        self._total += float(squared.sum(dtype=np.float64))
        self._done = stop
        keep = max(self._first, stop - self._margin)
        self._sr = self._sr[scale * (keep - self._first) :]
        self._removed = self._removed[scale * (keep - self._first) :]
        self._first = keep
        return np.sqrt(squared.mean(axis=2))
