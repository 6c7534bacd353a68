"""Sheets that set a restoration beside a plain enlargement: columns of a whole picture and crops.

Crops are enlarged by a whole factor without interpolation, so that every pixel seen is one that the
method made. Matplotlib is loaded when a sheet is drawn, on its own canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.page import (
    BAR,
    BAR_GAP,
    BAR_TEXT,
    DPI,
    GAP,
    HEADING_PAD,
    LINE,
    MARGIN,
    TITLE,
    Page,
    Rectangle,
)
from blindsr.drawing.pieces import box_colours, draw_bar, draw_boxes, save_figure, show, write

_TILE = 384
_TALLEST = 1.5  # of a whole picture, in tiles
_FRAME = 1.8
_LETTER = 9.4  # pixels of one letter of the title


@dataclass(frozen=True)
class Column:
    """What one method made.

    Attributes:
        title: stands over it.
        whole: (h, w, 3), the picture or a small copy of it.
        crops: (side, side, 3) each, at full size.
    """

    title: str
    whole: NDArray[np.uint8]
    crops: Sequence[NDArray[np.uint8]]


def save_comparison(
    path: str | Path,
    columns: Sequence[Column],
    *,
    boxes: Sequence[tuple[float, float]],
    size: tuple[float, float],
    sigma_max: float | None,
    title: str,
) -> None:
    """Draw columns side by side and write the sheet as a PNG, atomically.

    Args:
        path: where to write.
        columns: at least one; all of one shape.
        boxes: row and column of the upper left corner of each crop in the whole pictures.
        size: height and width of a crop there.
        sigma_max: end of the sigma scale if the last column is a sigma map, else ``None``.
        title: a line above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    page, whole, rows = _lay_out(columns, scale=sigma_max is not None)
    figure = Figure(figsize=page.inches, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    letters = int((page.width - 2 * MARGIN) / _LETTER)
    short = title if len(title) <= letters else f"…{title[1 - letters :]}"
    write(figure, page, short, MARGIN, MARGIN, va="top", fontsize=12.5, fontweight="bold")
    for column, left in zip(columns, page.columns, strict=True):
        centre, base = left + page.tile / 2, whole.top - HEADING_PAD
        write(figure, page, column.title, centre, base, va="bottom", ha="center", fontsize=10.5)
        place = Rectangle(left + (page.tile - whole.width) // 2, *_rest(whole))
        draw_boxes(show(figure, page, place, column.whole), boxes, size, _FRAME)
        for crop, top, colour in zip(column.crops, rows, box_colours(boxes), strict=True):
            tile = Rectangle(left, top, page.tile, page.tile)
            axes = show(figure, page, tile, crop, interpolation="nearest")
            for spine in axes.spines.values():
                spine.set(visible=True, edgecolor=colour, linewidth=_FRAME)
    if page.bar is not None and sigma_max is not None:
        draw_bar(figure, page, page.bar, sigma_max)
    save_figure(figure, path, DPI)


def _lay_out(columns: Sequence[Column], *, scale: bool) -> tuple[Page, Rectangle, list[int]]:
    """Return the page, the place of the whole pictures (in the first column), and rows of crops."""
    crops = columns[0].crops
    side = len(crops[0])
    tile = side * max(1, round(_TILE / side))
    height, width = columns[0].whole.shape[:2]
    shown = min(tile, round(_TALLEST * tile * width / height))
    top = MARGIN + TITLE + LINE + HEADING_PAD
    whole = Rectangle(MARGIN, top, max(1, shown), max(1, round(shown * height / width)))
    rows = [whole.bottom + GAP + i * (tile + GAP) for i in range(len(crops))]
    lefts = tuple(MARGIN + i * (tile + GAP) for i in range(len(columns)))
    bottom, bar = rows[-1] + tile, None
    if scale:
        bar = Rectangle(lefts[-1] + MARGIN, bottom + BAR_GAP, tile - 2 * MARGIN, BAR)
        bottom = bar.bottom + BAR_TEXT
    return Page((), lefts, tile, bar, lefts[-1] + tile + MARGIN, bottom + MARGIN), whole, rows


def _rest(rectangle: Rectangle) -> tuple[int, int, int]:
    return rectangle.top, rectangle.width, rectangle.height
