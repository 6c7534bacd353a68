"""Cut a picture into depth layers of equal circle of confusion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import DataError


@dataclass(frozen=True)
class Layer:
    """Pixels that are blurred together."""

    sigma: float
    """Nominal sigma in pixels; 0 in focus."""
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    def box(self, margin: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Return rows and columns of the bounding box, widened by ``margin`` inside the image."""
        rows, columns = (
            slice(max(int(index.min()) - margin, 0), min(int(index.max()) + margin + 1, length))
            for index, length in zip((self.rows, self.columns), shape, strict=True)
        )
        return rows, columns


def split_layers(
    sigma: NDArray[np.float32],
    depth: NDArray[np.floating],
    *,
    sigma_max: float,
    merge_coc: float,
) -> Iterator[Layer]:
    """Yield layers from far to near: runs of equal circle of confusion along depth.

    Runs, not values: the same circle of confusion before and behind the focus is two layers.

    Raises:
        DataError: NaN in depth, or sigma changes so often along depth that it is no function of it.
    """
    if np.isnan(depth).any():
        raise DataError("depth", found="NaN", expected="numbers", fix="Fill the holes first")
    coc = np.rint((4.0 * sigma.astype(np.float64) + 1.0) / merge_coc).astype(np.int64).ravel()
    in_focus = round(1.0 / merge_coc)
    coc[(coc * merge_coc <= 1.0 + 1e-6) | (sigma.ravel() == 0)] = in_focus
    order = np.lexsort((-coc, -depth.ravel().astype(np.float64)))  # equal depth: larger coc first
    sorted_coc = coc[order]
    starts = np.flatnonzero(np.diff(sorted_coc, prepend=sorted_coc[0] - 1))
    limit = 8 * round((4 * sigma_max + 1) / merge_coc) + 16
    if len(starts) > limit:
        raise DataError(
            "sigma",
            found=f"{len(starts)} layers along depth",
            expected=f"a function of depth, at most {limit}",
            fix="Make the map with sigma_from_depth, or use the gather operator",
        )
    rows, columns = np.divmod(order, sigma.shape[1])
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        index = int(sorted_coc[start])
        nominal = 0.0 if index == in_focus else (index * merge_coc - 1.0) / 4.0
        yield Layer(min(nominal, sigma_max), rows[start:stop], columns[start:stop])
