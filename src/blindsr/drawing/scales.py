"""What colours mean: bars of numbers and legends of names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.page import GAP, QUIET, Page, Rectangle
from blindsr.drawing.palette import SIGMA_COLORMAP, colour_scale
from blindsr.drawing.words import SMALL, line_height, text_width
from blindsr.errors import printable

_BAR, _INSET, _TICKS = 13, 20, 6
_SWATCH = 12
_ROUNDED = 1.001  # times the end is the end, in float16


def draw_bar(
    page: Page,
    left: int,
    top: int,
    width: int,
    *,
    end: float,
    label: str,
    colormap: str = SIGMA_COLORMAP,
    open_end: bool = False,
) -> None:
    """Draw a colour scale from 0 to an end, with numbers and what they mean below.

    Args:
        page: to draw on.
        left: of the room for it.
        top: of the colours.
        width: of the room.
        end: largest value.
        label: quantity and unit.
        colormap: name in matplotlib.
        open_end: larger values have the last colour too.
    """
    place = Rectangle(left + _INSET, top, width - 2 * _INSET, _BAR)
    page.picture(place, colour_scale(np.linspace(0, 1, place.width)[None], colormap))
    step = place.width / (_TICKS - 1)
    for tick in range(_TICKS):
        centre = place.left + min(round(tick * step), place.width - 1)
        page.fill(Rectangle(centre, place.bottom, 1, 3), QUIET)
        number = f"{end * tick / (_TICKS - 1):g}"
        if open_end and tick == _TICKS - 1:
            number = f"≥{number}"
        room = int(step)
        page.words(number, centre - room // 2, place.bottom + 4, room, size=SMALL, centred=True)
    below = place.bottom + 4 + line_height(SMALL)
    page.words(label, left, below, width, size=SMALL, centred=True)


def draw_sigma_bar(
    page: Page,
    left: int,
    top: int,
    width: int,
    maps: Iterable[NDArray[np.floating]],
    *,
    end: float,
    unit: str = "HR px",
) -> None:
    """Draw the scale of sigma maps; its end says so where some of them go beyond it."""
    beyond = any(bool((map_ > _ROUNDED * end).any()) for map_ in maps)
    draw_bar(page, left, top, width, end=end, label=f"sigma [{unit}]", open_end=beyond)


def draw_legend(
    page: Page,
    left: int,
    top: int,
    width: int,
    names: Sequence[str],
    colours: NDArray[np.uint8],
) -> None:
    """Draw names beside their colours, column by column, as many columns as fit."""
    column, lines = legend_shape(width, names)
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        x = left + index // lines * column
        y = top + index % lines * line_height(SMALL)
        page.fill(Rectangle(x, y + 2, _SWATCH, _SWATCH), f"#{bytes(colour).hex()}")
        start = x + _SWATCH + GAP // 2
        page.words(name, start, y, column - GAP - (start - x), size=SMALL)


def legend_shape(width: int, names: Sequence[str]) -> tuple[int, int]:
    """Width of a column of a legend, and number of its lines."""
    widest = max((text_width(printable(name), SMALL) for name in names), default=0)
    column = min(width + GAP, _SWATCH + GAP // 2 + widest + 2 * GAP)
    return column, math.ceil(len(names) / max(1, (width + GAP) // column))
