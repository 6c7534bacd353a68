"""Small copies of pictures that arrive in strips and are too large to keep."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_SIDE = 1024
"""More than a sheet shows of one picture."""


class Overview:
    """Averages of k x k blocks, k the least whole number that makes the picture small.

    Rows and columns that fill no block are left out.

    Args:
        height: of the picture.
        width: of the picture.
        largest: longest side of the copy.
        average: ``False`` takes the middle of each block, as class indices need.
    """

    def __init__(
        self, height: int, width: int, *, largest: int = LARGEST_SIDE, average: bool = True
    ) -> None:
        step = math.ceil(max(height, width) / largest)
        # A ribbon of a picture may be narrower than a block.
        self.steps = min(step, height), min(step, width)
        self._shape = height // self.steps[0], width // self.steps[1]
        self._average = average
        self._image: NDArray[Any] | None = None

    def add(self, top: int, rows: NDArray[np.generic]) -> None:
        """Take rows (n, W[, C]) of which the first is row ``top`` of the picture."""
        down, across = self.steps
        height, width = self._shape
        if self._image is None:
            kind = np.float32 if self._average else rows.dtype
            self._image = np.zeros((height, width, *rows.shape[2:]), kind)
        place = np.arange(top, top + len(rows))
        used = place < height * down
        if not self._average:
            used &= place % down == down // 2
            columns = slice(across // 2, width * across, across)
            self._image[place[used] // down] = rows[used][:, columns]
            return
        # Sums of slices: numpy averages a short axis many times slower.
        kept = rows[used]
        sums = np.zeros((len(kept), width, *rows.shape[2:]), np.float32)
        for column in range(across):
            sums += kept[:, column : width * across : across]
        np.add.at(self._image, place[used] // down, sums / (down * across))

    @property
    def image(self) -> NDArray[Any]:
        """The copy: float32 averages, or the dtype that was given."""
        assert self._image is not None
        return self._image


def shrink(image: NDArray[Any], *, largest: int = LARGEST_SIDE) -> NDArray[np.float32]:
    """Return the overview of a whole picture (H, W[, C])."""
    overview = Overview(*image.shape[:2], largest=largest)
    overview.add(0, image)
    return overview.image
