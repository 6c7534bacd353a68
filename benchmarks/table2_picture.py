"""One picture of all methods: LR and truth above, then each one's map, restoration and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.page import GAP, MARGIN, Page
from blindsr.drawing.palette import ERROR_COLORMAP, blur_to_rgb, colour_scale
from blindsr.drawing.scales import draw_bar
from blindsr.imaging.files import to_uint8

SIGMA_MAX, SIGMA_ERROR, VALUE_ERROR = 5.0, 2.5, 0.25
TILE = 256


class Column(NamedTuple):
    """What one method made of it."""

    name: str
    sr: NDArray[np.float32]  # (3, H, W)
    sigma: NDArray[np.float32]  # (H, W)
    psnr: float


def draw(sample: Any, methods: list[Column], path: Path) -> None:
    """Write the picture; a row for each method."""
    hr, truth = sample["hr"].numpy(), sample["blur"][0].numpy()
    lr = np.kron(rgb(sample["lr"].numpy()), np.ones((2, 2, 1), np.uint8))
    rows = [
        Row(
            [
                Tile(lr, note="LR"),
                Tile(rgb(hr), note="HR"),
                Tile(blur_to_rgb(truth, SIGMA_MAX), note="true sigma"),
                None,
            ],
            "given, and the truth",
        )
    ]
    for one in methods:
        missed = np.abs(one.sr.clip(0, 1) - hr).mean(axis=0)
        off = np.abs(one.sigma - truth)
        tiles = [
            Tile(blur_to_rgb(one.sigma, SIGMA_MAX), note="sigma"),
            Tile(colour_scale(off / SIGMA_ERROR, ERROR_COLORMAP), note="error of sigma"),
            Tile(rgb(one.sr), note="restored"),
            Tile(colour_scale(missed / VALUE_ERROR, ERROR_COLORMAP), note="error"),
        ]
        rows.append(Row(tiles, f"{one.name}: {one.psnr:.2f} dB"))
    page = Page("Table 2, small: what each method sees and makes of one test picture")
    grid = draw_grid(page, MARGIN, page.bottom, TILE, ["", "", "", ""], rows)
    top = grid.bottom + GAP
    bars = (
        (0, SIGMA_MAX, "sigma [HR px]", None),
        (1, SIGMA_ERROR, "error of sigma [HR px]", ERROR_COLORMAP),
        (3, VALUE_ERROR, "error, mean of colours", ERROR_COLORMAP),
    )
    for column, end, label, colours in bars:
        options = {"colormap": colours} if colours else {}
        draw_bar(
            page, grid.columns[column], top, TILE, end=end, label=label, open_end=True, **options
        )
    page.save(path)


def rgb(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, H, W) -> (H, W, 3)."""
    return to_uint8(np.ascontiguousarray(image.clip(0, 1).transpose(1, 2, 0)))
