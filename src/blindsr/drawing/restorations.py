"""Sheets that compare restorations: the whole picture, where we look closer, and what each made.

Crops are enlarged by a whole factor without interpolation, so that every pixel seen is one that the
method made. Matplotlib is loaded when a sheet is drawn, on its own canvas.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.drawing.page import (
    CAPTION,
    DPI,
    HEADING_PAD,
    LINE,
    MARGIN,
    Block,
    Page,
    Rectangle,
    lay_out,
    tile_side,
)
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.pieces import (
    BOX_COLOURS,
    box_colours,
    draw_bar,
    draw_boxes,
    save_figure,
    show,
    write,
)
from blindsr.drawing.restoration_input import MAP_TITLES, Content, RestorationSample, read_samples
from blindsr.drawing.strip_page import INK, QUIET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BOX_COLOURS", "save_restoration_sheet"]

_LETTER = 8.4  # pixels of one letter of a heading
_FRAME = 1.6


def save_restoration_sheet(
    path: str | Path,
    samples: Sequence[RestorationSample],
    *,
    methods: Sequence[str],
    sigma_max: float,
    crops: int = 2,
    crop_size: int | None = None,
    title: str | None = None,
) -> None:
    """Draw one block per sample and write the sheet as a PNG, atomically.

    Left in a block: the whole HR picture (LR without one) with coloured frames around the crops,
    and below it the sigma maps there are, on one scale 0..sigma_max with one bar. Right: a row of
    enlarged crops for each frame, LR, then the methods, then HR; scores stand under their column.

    Args:
        path: where to write; its parent folders are made.
        samples: at least one mapping with ``images``, a mapping of names to (H, W, 3) in [0, 1] of
            one size, with ``"LR"`` (enlarged in the phase of the down-sampler), every method and,
            if known, ``"HR"``; and, if known, ``name``, ``blur`` and ``blur_estimate`` ((H, W) in
            HR pixels), ``scores`` (texts by the name of their column; ``"HR"`` may say what they
            are) and ``boxes`` (row and column of the upper left corner of each crop, instead of
            chosen ones).
        methods: names of the columns between LR and HR, in order.
        sigma_max: end of the sigma scale in HR pixels.
        crops: of each sample without ``boxes``. They are chosen by
            :func:`blindsr.drawing.crops.choose_boxes`: where methods differ from bicubic (the
            first method, if it is not among them) and HR has detail.
        crop_size: side of a crop in HR pixels; a quarter of the smallest picture by default.
        title: a line above.

    Raises:
        DataError: no samples, no methods, an image that is missing or of another shape, or a crop
            that reaches over the border.
    """
    blocks = read_samples(samples, methods, crops, crop_size)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with_hr = any("HR" in block.images for block in blocks)
    columns = ("LR", *methods, *(("HR",) if with_hr else ()))
    tile = tile_side(blocks[0].side)
    headings = _wrapped(columns, tile)
    lines = 1 + max(text.count("\n") for text in headings.values())
    page = lay_out(
        [block.shape for block in blocks],
        columns=len(columns),
        tile=tile,
        heading=lines * LINE + HEADING_PAD,
        titled=title is not None,
    )
    figure = Figure(figsize=page.inches, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    if title is not None:
        write(figure, page, title, MARGIN, MARGIN, va="top", fontsize=12.5, fontweight="bold")
    for block, place in zip(blocks, page.blocks, strict=True):
        _draw_headings(figure, page, place, block, headings)
        _draw_whole(figure, page, place, block, sigma_max)
        _draw_crops(figure, page, place, block, columns)
    if page.bar is not None:
        draw_bar(figure, page, page.bar, sigma_max)
    save_figure(figure, path, DPI)


def _wrapped(columns: Sequence[str], tile: int) -> dict[str, str]:
    """Break long names of methods into lines that fit over their column."""
    letters = max(4, int(tile / _LETTER))
    return {name: textwrap.fill(name, letters) for name in columns}


def _draw_headings(
    figure: Figure, page: Page, place: Block, block: Content, headings: Mapping[str, str]
) -> None:
    base = place.rows[0] - HEADING_PAD
    shown = block.name if "HR" in block.images else f"{block.name} (LR)"
    letters = int((page.columns[0] - MARGIN) / _LETTER)
    name = shown if len(shown) <= letters else f"…{shown[1 - letters :]}"
    write(figure, page, name, MARGIN, base, va="bottom", fontsize=9.5)
    for left, (column, text) in zip(page.columns, headings.items(), strict=True):
        if column in block.images:
            centre = left + page.tile / 2
            write(figure, page, text, centre, base, va="bottom", ha="center", fontsize=9.5)


def _draw_whole(figure: Figure, page: Page, place: Block, block: Content, sigma_max: float) -> None:
    """Draw the whole picture and its sigma maps, with the frames of the crops on all of them."""
    size = (block.side, block.side)
    picture = block.images["HR" if "HR" in block.images else "LR"]
    draw_boxes(show(figure, page, place.picture, picture), block.boxes, size, _FRAME)
    # A map that stands alone takes the first place.
    for (key, sigma), rectangle in zip(block.maps.items(), place.maps, strict=False):
        axes = show(figure, page, rectangle, blur_to_rgb(sigma, sigma_max))
        draw_boxes(axes, block.boxes, size, _FRAME / 2)
        left, base = rectangle.left, rectangle.top - CAPTION / 4
        write(figure, page, MAP_TITLES[key], left, base, va="baseline", fontsize=8.5)


def _draw_crops(
    figure: Figure, page: Page, place: Block, block: Content, columns: Sequence[str]
) -> None:
    colours = box_colours(block.boxes)
    for (top, left), row, colour in zip(block.boxes, place.rows, colours, strict=True):
        for name, column in zip(columns, page.columns, strict=True):
            rectangle = Rectangle(column, row, page.tile, page.tile)
            image = block.images.get(name)
            if image is None:
                continue
            crop = image[top : top + block.side, left : left + block.side]
            axes = show(figure, page, rectangle, crop, interpolation="nearest")
            for spine in axes.spines.values():
                spine.set(visible=True, edgecolor=colour, linewidth=_FRAME)
    base = place.rows[-1] + page.tile + HEADING_PAD
    for name, column in zip(columns, page.columns, strict=True):
        if name in block.scores:
            centre = column + page.tile / 2
            colour = QUIET if name == "HR" else INK
            text = block.scores[name]
            write(figure, page, text, centre, base, va="top", ha="center", fontsize=9, color=colour)
