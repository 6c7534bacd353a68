"""Lines over the iterations of a training, with the range of several runs; a panel a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_SIZE, COLUMNS = (4.2, 3.0), 3


class Curve(NamedTuple):
    """A value over the iterations: mean of the runs, and the lowest and highest of them."""

    at: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def draw_curves(title: str, panels: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """A figure with a panel for each value and, in all of them, one colour for each row.

    Args:
        title: above all.
        panels: curves by title of the panel and name of the row; at least one panel.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    size = PANEL_SIZE[0] * columns, PANEL_SIZE[1] * lines + 0.4
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", wrap=True)
    rows = dict.fromkeys(row for curves in panels.values() for row in curves)
    colours = {row: f"C{number}" for number, row in enumerate(rows)}
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for place, (name, curves) in zip(axes, panels.items(), strict=False):
        for row, curve in curves.items():
            place.plot(curve.at, curve.mean, color=colours[row], linewidth=1.3, label=row)
            place.fill_between(
                curve.at, curve.low, curve.high, color=colours[row], alpha=0.2, linewidth=0
            )
        place.set_title(name, fontsize=8)
        place.set_xlabel("iteration", fontsize=8)
        place.tick_params(labelsize=7)
        place.spines[["top", "right"]].set_visible(False)
        place.legend(fontsize=7, frameon=False)
    for place in axes[len(panels) :]:
        place.set_visible(False)
    return figure
