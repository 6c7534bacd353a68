"""Comparison of bicubic enlargement and restoration, gathered strip by strip.

The restored picture waits on disk, since where to look closer is known at the end only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.overview import Overview
from blindsr.drawing.page import GAP, MARGIN, Boxes, Page, box_colour
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.scales import draw_sigma_bar
from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import upsample_rows
from blindsr.imaging.temporary import spool

_CROPS = 2
_TILE = 384  # pixels, about
_MEAN = np.full((3, 1), 1 / 3, np.float32)


class Comparison:
    """Gathers strips and draws the sheet; made by :func:`open_comparison`.

    Args:
        path: of the sheet.
        lr: (h, w, 3), integers or floats in [0, 1].
        scale: HR size over LR size.
        phase: of LR pixel 0 in HR pixels.
        stack: closes what lies on disk.
    """

    def __init__(
        self,
        path: Path,
        lr: NDArray[Any],
        scale: int,
        phase: float,
        stack: contextlib.ExitStack,
    ) -> None:
        self._path, self._lr, self._scale, self._phase = path, lr, scale, phase
        self._shape = lr.shape[0] * scale, lr.shape[1] * scale
        self._stack = stack
        self._sr: NDArray[np.uint8] = stack.enter_context(spool(path, (*self._shape, 3), np.uint8))
        self._blur: NDArray[np.float16] | None = None
        self._small = {name: Overview(*self._shape) for name in ("bicubic", "sr", "gain", "blur")}

    def add(self, top: int, sr: NDArray[np.float32], blur: NDArray[np.float32] | None) -> None:
        """Take one strip: (n, W, 3) and, if known, (n, W) in HR pixels."""
        rows = slice(top, top + len(sr))
        bicubic = self._bicubic(rows)
        self._sr[rows] = to_uint8(sr)
        self._small["sr"].add(top, np.clip(sr, 0.0, 1.0))
        self._small["bicubic"].add(top, bicubic)
        self._small["gain"].add(top, np.abs(sr - bicubic) @ _MEAN)
        if blur is not None:
            if self._blur is None:
                self._blur = self._stack.enter_context(spool(self._path, self._shape, np.float16))
            self._blur[rows] = blur
            self._small["blur"].add(top, blur)

    def save(self, *, title: str, method: str, sigma_max: float | None) -> None:
        """Draw what was gathered: columns of the whole picture, and of crops of it at full size.

        Crops are enlarged by a whole factor, so that every pixel seen is one that the method made.

        Args:
            title: of the sheet.
            method: title of the restored column.
            sigma_max: end of the sigma scale; without one there is no sigma column.
        """
        side = crop_side(*self._shape)
        corners = self._choose(side)
        columns = {
            f"bicubic ×{self._scale}": [
                to_uint8(self._small["bicubic"].image),
                *(to_uint8(self._bicubic_crop(corner, side)) for corner in corners),
            ],
            method: [
                to_uint8(self._small["sr"].image),
                *(_crop(self._sr, corner, side) for corner in corners),
            ],
        }
        maps: list[NDArray[np.float32]] = []
        if self._blur is not None and sigma_max is not None:
            crops = [_crop(self._blur, corner, side).astype(np.float32) for corner in corners]
            maps = [self._small["blur"].image, *crops]
            columns["estimated sigma"] = [blur_to_rgb(blur, sigma_max) for blur in maps]
        down, across = self._small["sr"].steps
        boxes = Boxes(
            [(row / down, column / across) for row, column in corners], (side / down, side / across)
        )
        rows = [Row([Tile(images[0], boxes=boxes) for images in columns.values()], tallest=1.5)]
        for index in range(len(corners)):
            crops_of_all = [images[1 + index] for images in columns.values()]
            rows.append(Row([Tile(image, frame=box_colour(index)) for image in crops_of_all]))
        page = Page(title)
        tile = side * max(1, round(_TILE / side))
        grid = draw_grid(page, MARGIN, page.bottom, tile, list(columns), rows)
        if maps and sigma_max is not None:
            left, width = grid.span(2, 2)
            draw_sigma_bar(page, left, grid.bottom + GAP, width, maps, end=sigma_max)
        page.save(self._path)

    def _bicubic_crop(self, corner: tuple[int, int], side: int) -> NDArray[np.float32]:
        row, column = corner
        return self._bicubic(slice(row, row + side))[:, column : column + side]

    def _bicubic(self, rows: slice) -> NDArray[np.float32]:
        wanted = range(rows.start, rows.stop)
        enlarged = upsample_rows(self._lr, self._scale, phase=self._phase, rows=wanted)
        if self._lr.dtype.kind == "u":
            enlarged = enlarged / np.iinfo(self._lr.dtype).max
        return np.clip(enlarged, 0.0, 1.0).astype(np.float32, copy=False)

    def _choose(self, side: int) -> list[tuple[int, int]]:
        """Choose crops on the small copies and return their corners at full size."""
        gain, sr = self._small["gain"].image, self._small["sr"].image
        steps = self._small["sr"].steps
        if min(sr.shape[:2]) < 2:  # a ribbon
            return [(0, 0)]
        small = max(1, min(side // max(steps), *sr.shape[:2]))
        boxes = choose_boxes(np.zeros_like(gain), [gain], reference=sr, count=_CROPS, side=small)
        return [
            (
                min(row * steps[0], self._shape[0] - side),
                min(column * steps[1], self._shape[1] - side),
            )
            for row, column in boxes
        ]


@contextlib.contextmanager
def open_comparison(
    path: str | Path, lr: NDArray[Any], *, scale: int, phase: float
) -> Iterator[Comparison]:
    """Gather a comparison; what waits on disk is gone afterwards.

    Args:
        path: of the sheet, a PNG.
        lr: (h, w, 3), integers or floats in [0, 1].
        scale: HR size over LR size.
        phase: see :func:`blindsr.imaging.resize.phase`.
    """
    with contextlib.ExitStack() as stack:
        yield Comparison(Path(path), lr, scale, phase, stack)


def _crop(image: NDArray, box: tuple[int, int], side: int) -> NDArray:
    return np.array(image[box[0] : box[0] + side, box[1] : box[1] + side])
