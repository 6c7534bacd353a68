"""Rows and columns of pictures on a page: headings above, a label over each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.page import FRAME, GAP, INK, Boxes, Page, Rectangle
from blindsr.drawing.words import HEADING, line_height, wrap


@dataclass(frozen=True)
class Tile:
    """One picture, see :meth:`blindsr.drawing.page.Page.picture`."""

    image: NDArray[np.uint8]
    boxes: Boxes | None = None
    frame: str = ""
    note: str = ""


@dataclass(frozen=True)
class Row:
    """Pictures side by side; ``None`` marks one that is missing.

    Args:
        tiles: one per column.
        label: a line above them.
        colour: of the label.
        tallest: height of a tile in its widths; taller pictures are shown narrower.
    """

    tiles: Sequence[Tile | None]
    label: str = ""
    colour: str = INK
    tallest: float = 3.0


@dataclass(frozen=True)
class Grid:
    """Where a grid lies.

    Args:
        columns: left edges.
        rows: upper edges.
        tile: width of a column.
        bottom: first row of pixels below.
    """

    columns: tuple[int, ...]
    rows: tuple[int, ...]
    tile: int
    bottom: int

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Left edge and width of some neighbouring columns."""
        return self.columns[first], self.columns[last] + self.tile - self.columns[first]


def draw_grid(
    page: Page, left: int, top: int, tile: int, headings: Sequence[str], rows: Sequence[Row]
) -> Grid:
    """Put a grid on a page.

    Args:
        page: to draw on.
        left: edge of the first column.
        top: edge of the headings.
        tile: width of a column.
        headings: one per column; long ones take several lines.
        rows: from above.
    """
    columns = tuple(left + index * (tile + GAP) for index in range(len(headings)))
    wrapped = [wrap(heading, tile) for heading in headings]
    base = top + max(map(len, wrapped)) * line_height(HEADING)
    for column, lines in zip(columns, wrapped, strict=True):
        for number, line in enumerate(lines):
            above = base - (len(lines) - number) * line_height(HEADING)
            page.words(line, column, above, tile, centred=True)
    tops, top = [], base + GAP // 2
    for row in rows:
        if row.label:
            width = columns[-1] + tile - left
            page.words(row.label, left, top, width, colour=row.colour)
            top += line_height(HEADING) + FRAME
        height = _height(row, tile)
        for column, one in zip(columns, row.tiles, strict=True):
            if one is None:
                page.empty(Rectangle(column, top, tile, height))
                continue
            place = _fitting(one.image, Rectangle(column, top, tile, height))
            page.picture(place, one.image, boxes=one.boxes, frame=one.frame, note=one.note)
        tops.append(top)
        top += height + GAP
    return Grid(columns, tuple(tops), tile, top - GAP)


def _height(row: Row, tile: int) -> int:
    shapes = [one.image.shape for one in row.tiles if one is not None]
    aspect = max((shape[0] / shape[1] for shape in shapes), default=0.75)
    return max(1, round(tile * min(aspect, row.tallest)))


def _fitting(image: NDArray[np.uint8], room: Rectangle) -> Rectangle:
    """Return the largest place of an image's proportions in a room, in its middle."""
    height, width = image.shape[:2]
    zoom = min(room.width / width, room.height / height)
    shown = max(1, round(width * zoom)), max(1, round(height * zoom))
    return Rectangle(
        room.left + (room.width - shown[0]) // 2,
        room.top + (room.height - shown[1]) // 2,
        *shown,
    )
