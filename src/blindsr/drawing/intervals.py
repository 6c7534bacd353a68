"""Dots with intervals: differences of several rows to one of them, a panel for each score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SURE, UNSURE = "#08519c", "#9a9a9a"
PANEL_WIDTH, ROW_HEIGHT, COLUMNS = 3.2, 0.28, 4


class Dot(NamedTuple):
    """A difference and its interval; no line where the ends are NaN."""

    value: float
    low: float
    high: float
    sure: bool
    """It excludes zero."""


class Panel(NamedTuple):
    """Dots of one score, ``None`` for a row without it."""

    title: str
    dots: Sequence[Dot | None]


def draw_intervals(title: str, rows: Sequence[str], panels: Sequence[Panel]) -> Figure:
    """A figure with a line for each row in each panel, and a line at zero.

    Args:
        title: above all.
        rows: names, as many as each panel has dots; the first is on top.
        panels: at least one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    longest = max(map(len, rows))
    size = (
        PANEL_WIDTH * columns + 0.075 * longest * columns,
        0.5 + lines * (0.75 + ROW_HEIGHT * len(rows)),
    )
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", wrap=True)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for place, panel in zip(axes, panels, strict=False):
        place.axvline(0, color="black", linewidth=0.8)
        for height, dot in enumerate(panel.dots):
            if dot is None:
                continue
            colour = SURE if dot.sure else UNSURE
            place.plot([dot.low, dot.high], [height, height], color=colour, linewidth=1.6)
            face = colour if dot.sure else "white"
            place.plot([dot.value], [height], "o", color=colour, markerfacecolor=face, markersize=5)
        place.set_yticks(range(len(rows)), labels=rows, fontsize=7)
        place.set_ylim(len(rows) - 0.5, -0.5)
        place.set_title(panel.title, fontsize=8)
        place.tick_params(axis="x", labelsize=7)
        place.spines[["top", "right"]].set_visible(False)
    for place in axes[len(panels) :]:
        place.set_visible(False)
    return figure
