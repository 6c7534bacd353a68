"""Pieces of a sheet: pictures, frames around crops, the bar of a sigma scale, words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.page import Page, Rectangle
from blindsr.drawing.palette import SIGMA_COLORMAP
from blindsr.drawing.strip_page import INK, QUIET
from blindsr.imaging.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOX_COLOURS = ("#ff3b30", "#ffb000", "#00b8f0", "#34c759", "#ff5ec4", "#a06bff")
"""Of the first, second, ... crop and its frame; they start again after the last."""


def draw_boxes(
    axes: Axes,
    boxes: Sequence[tuple[float, float]],
    size: tuple[float, float],
    linewidth: float,
) -> None:
    """Draw the frames of the crops; a dark rim keeps them visible on any picture.

    Args:
        axes: of the picture.
        boxes: row and column of the upper left corner of each crop, in pixels of the picture.
        size: height and width of a crop.
        linewidth: in points.
    """
    from matplotlib.patches import Rectangle as Frame
    from matplotlib.patheffects import withStroke

    for (top, left), colour in zip(boxes, box_colours(boxes), strict=True):
        frame = Frame(
            (left - 0.5, top - 0.5),
            size[1],
            size[0],
            fill=False,
            edgecolor=colour,
            linewidth=linewidth,
            path_effects=[withStroke(linewidth=linewidth + 1.2, foreground="#00000090")],
        )
        axes.add_patch(frame)


def box_colours(boxes: Sequence[tuple[float, float]]) -> list[str]:
    """Return one colour per crop."""
    return [BOX_COLOURS[i % len(BOX_COLOURS)] for i in range(len(boxes))]


def show(
    figure: Figure,
    page: Page,
    rectangle: Rectangle,
    image: NDArray[np.uint8],
    interpolation: str = "antialiased",
) -> Axes:
    """Show a picture in a rectangle of the page, without ticks and frame."""
    axes = figure.add_axes(page.place(rectangle))
    axes.imshow(image, interpolation=interpolation, aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def draw_bar(figure: Figure, page: Page, rectangle: Rectangle, sigma_max: float) -> None:
    """Draw the scale 0..sigma_max of the sigma maps."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(0, sigma_max), SIGMA_COLORMAP),
        cax=figure.add_axes(page.place(rectangle)),
        orientation="horizontal",
        ticks=[sigma_max * i / 5 for i in range(6)],
        format="%g",
    )
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=7.5, length=2, color=QUIET, labelcolor=INK, pad=2)
    bar.set_label("sigma [HR px]", fontsize=8, color=INK, labelpad=2)


def write(figure: Figure, page: Page, text: str, left: float, top: float, **style: Any) -> None:
    """Write words at a place of the page."""
    across, up = page.at(left, top)
    # a name is no formula, whatever it holds
    figure.text(across, up, text, parse_math=False, **{"color": INK, **style})


def save_figure(figure: Figure, path: str | Path, dpi: float) -> None:
    """Write a page as a PNG, atomically; letters that the font has not are boxes."""
    with warnings.catch_warnings(), atomic_path(path) as temporary:
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(temporary, dpi=dpi, format="png")
