"""Noise by absolute position: a window of it is the same whatever else is drawn."""

from __future__ import annotations

from collections.abc import Iterator

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
        size = rows.stop - rows.start, columns.stop - columns.start
        drawn = np.empty((self._channels, *size), np.float32)
        for row, inside_rows, cell_rows in _cells(rows):
            for column, inside_columns, cell_columns in _cells(columns):
                cell = self._cell(step, row, column)
                drawn[:, inside_rows, inside_columns] = cell[:, cell_rows, cell_columns]
        return torch.from_numpy(drawn)

    def _cell(self, step: int, row: int, column: int) -> np.ndarray:
        rng = np.random.default_rng([*self._key, step, row, column])
        return rng.standard_normal((self._channels, CELL, CELL), dtype=np.float32)


def _cells(span: slice) -> Iterator[tuple[int, slice, slice]]:
    """Cells along one axis: number, where it lies in the window, and which part of it."""
    for number in range(span.start // CELL, -(-span.stop // CELL)):
        first, last = max(span.start, CELL * number), min(span.stop, CELL * (number + 1))
        inside = slice(first - span.start, last - span.start)
        yield number, inside, slice(first - CELL * number, last - CELL * number)
