"""Noise by absolute position: a window of it is the same whatever else is drawn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

CELL = 64
"""Side of the squares that have a generator of their own."""


class PositionNoise:
    """Standard normal noise of one sample of one picture.

    Every cell of 64 x 64 pixels draws from its own generator, whose key is the seed, the number of
    the sample, the step, and the cell's row and column. The numbers are numpy's (PCG64): the same
    on every machine and device.

    Args:
        seed: 0 or more.
        sample: number of the sample.
        channels: of the noise.
    """

    def __init__(self, seed: int, sample: int = 0, *, channels: int = 3) -> None:
        self._key, self._channels = (int(seed), int(sample)), channels

    def window(self, step: int, rows: slice, columns: slice) -> Tensor:
        """(C, rows, columns) float32 of one step of the sampling.

        Args:
            step: of the sampling, t.
            rows: start and stop in the picture, 0 or more.
            columns: the same.
        """
        top, left = rows.start // CELL, columns.start // CELL
        bottom, right = -(-rows.stop // CELL), -(-columns.stop // CELL)
        drawn = np.concatenate(
            [
                np.concatenate([self._cell(step, i, j) for j in range(left, right)], axis=2)
                for i in range(top, bottom)
            ],
            axis=1,
        )
        inside = drawn[
            :,
            rows.start - CELL * top : rows.stop - CELL * top,
            columns.start - CELL * left : columns.stop - CELL * left,
        ]
        return torch.from_numpy(np.ascontiguousarray(inside))

    def _cell(self, step: int, row: int, column: int) -> np.ndarray:
        rng = np.random.default_rng([*self._key, step, row, column])
        return rng.standard_normal((self._channels, CELL, CELL), dtype=np.float32)
