"""The sheet under a strip of pictures: where tiles, bars and legend lie, in inches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.palette import ERROR_COLORMAP, SIGMA_COLORMAP

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERROR_SHARE = 0.5  # the error scale ends at this share of sigma_max
INK = "#222222"
QUIET = "#666666"
# Inches.
TILE = 2.1
GAP = 0.07
MARGIN = 0.14
_LABEL = 0.26
HEADING = 0.2
TITLE = 0.26
BAR = 0.11
BAR_GAP = 0.10
BAR_TEXT = 0.38
_BAR_INSET = 0.1  # keeps the end labels of neighbouring bars apart
LEGEND_LINE = 0.15
_LEGEND_HANDLE = 0.36
_LEGEND_LETTER = 0.062
_LONGEST_LEGEND = 6  # lines beside the bars


@dataclass(frozen=True)
class Legend:
    """Where the names of the classes are, in inches from the left and from the top."""

    left: float
    top: float
    columns: int
    names: tuple[str, ...]

    @property
    def lines(self) -> int:
        """Of names."""
        return math.ceil(len(self.names) / self.columns)


@dataclass(frozen=True)
class Sheet:
    """Where things are, in inches from the left and from the top."""

    columns: tuple[str, ...]
    rows: int
    tile_height: float
    top: float
    bars: bool
    names: tuple[str, ...]  # of the legend

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole sheet."""
        legend = self.legend
        below = max(
            BAR_GAP + BAR + BAR_TEXT if self.bars else 0,
            legend.top - self.bottom + LEGEND_LINE * legend.lines if self.names else 0,
        )
        return 2 * MARGIN + _LABEL + self._width, self.bottom + below + MARGIN

    @property
    def _width(self) -> float:
        """Of all tiles."""
        return len(self.columns) * (TILE + GAP) - GAP

    @property
    def bottom(self) -> float:
        """Lower edge of the last row of tiles."""
        return self.top + self.rows * (self.tile_height + GAP) - GAP

    @property
    def legend(self) -> Legend:
        """Under the class tiles beside the bars; if it is long, under all tiles and bars."""
        tiles = [i for i, key in enumerate(self.columns) if key in ("seg", "seg_estimate")]
        top = self.bottom + BAR_GAP
        if tiles:
            width = len(tiles) * (TILE + GAP) - GAP
            beside = Legend(self.left(tiles[0]), top, _fitting(width, self.names), self.names)
            if beside.lines <= _LONGEST_LEGEND:
                return beside
        below = top + (BAR + BAR_TEXT + BAR_GAP if self.bars else 0)
        return Legend(self.left(0), below, _fitting(self._width, self.names), self.names)

    def left(self, column: int) -> float:
        """Return the left edge of a column of tiles."""
        return MARGIN + _LABEL + column * (TILE + GAP)

    def rectangle(self, left: float, top: float, width: float, height: float) -> list[float]:
        """Return what ``add_axes`` wants: fractions of the sheet, from below."""
        across, down = self.size
        return [left / across, 1 - (top + height) / down, width / across, height / down]


def draw_footer(
    figure: Figure,
    sheet: Sheet,
    sigma_max: float,
    legend: list[tuple[str, NDArray[np.floating]]],
    unit: str,
) -> None:
    """Draw the bars of the sigma and error columns and the legend of the class columns."""
    maps = [i for i, key in enumerate(sheet.columns) if key in ("blur", "blur_estimate")]
    if maps:
        span = (maps[0], maps[-1])
        _add_bar(figure, sheet, span, SIGMA_COLORMAP, sigma_max, f"sigma [{unit}]")
    if "error" in sheet.columns:
        column = sheet.columns.index("error")
        end = ERROR_SHARE * sigma_max
        label = f"|estimated − true| [{unit}]"
        _add_bar(figure, sheet, (column, column), ERROR_COLORMAP, end, label, open_end=True)
    if legend:
        _add_legend(figure, sheet, legend)


def _add_bar(
    figure: Figure,
    sheet: Sheet,
    span: tuple[int, int],
    colormap: str,
    end: float,
    label: str,
    *,
    open_end: bool = False,
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    left = sheet.left(span[0]) + _BAR_INSET
    width = sheet.left(span[1]) + TILE - _BAR_INSET - left
    place = sheet.rectangle(left, sheet.bottom + BAR_GAP, width, BAR)
    axes = figure.add_axes(tuple(place))  # type: ignore[arg-type]
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, end), colormap),
        cax=axes,
        orientation="horizontal",
        extend="max" if open_end else "neither",
        ticks=[end * i / 5 for i in range(6)],
        format="%g",
    )
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=7.5, length=2, color=QUIET, labelcolor=INK, pad=2)
    bar.set_label(label, fontsize=8, color=INK, labelpad=2)


def _add_legend(
    figure: Figure, sheet: Sheet, entries: list[tuple[str, NDArray[np.floating]]]
) -> None:
    from matplotlib.patches import Patch

    place, (across, down) = sheet.legend, sheet.size
    figure.legend(
        handles=[Patch(facecolor=tuple(colour), label=name) for name, colour in entries],
        loc="upper left",
        bbox_to_anchor=(place.left / across, 1 - (place.top - 0.03) / down),
        ncols=place.columns,
        fontsize=7.5,
        labelcolor=INK,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        labelspacing=0.35,
        handlelength=1.0,
        handleheight=0.9,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def _fitting(width: float, names: tuple[str, ...]) -> int:
    """Return how many columns of names fit into a width."""
    column = _LEGEND_HANDLE + _LEGEND_LETTER * max(map(len, names), default=0)
    return max(1, min(int((width + GAP) / column), len(names)))
