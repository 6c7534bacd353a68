"""Strips that show what an estimator saw, should have said and said.

Sigma maps share one fixed scale and error maps another, so that strips of different runs can be
laid side by side. Matplotlib is loaded when a strip is drawn, on its own canvas: the global backend
of a notebook or a server stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.palette import ERROR_COLORMAP, blur_to_rgb, class_palette, classes_to_rgb
from blindsr.drawing.pieces import save_figure
from blindsr.drawing.strip_page import (
    ERROR_SHARE,
    GAP,
    HEADING,
    INK,
    MARGIN,
    QUIET,
    TILE,
    TITLE,
    Sheet,
    draw_footer,
)
from blindsr.errors import DataError
from blindsr.types import IGNORE_INDEX

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["blur_to_rgb", "class_palette", "classes_to_rgb", "save_blur_strips"]

_TITLES = {
    "lr": "LR",
    "blur": "true sigma",
    "blur_estimate": "estimated sigma",
    "error": "absolute error",
    "seg": "true classes",
    "seg_estimate": "estimated classes",
}
StripSample = Mapping[str, Any]
_DPI = 130
_NAME_LETTERS = 30
_TALLEST = 3  # of a tile, in its widths; taller pictures are shown narrower


def save_blur_strips(
    path: str | Path,
    samples: Sequence[StripSample],
    *,
    sigma_max: float,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    unit: str = "HR px",
) -> None:
    """Draw one row per sample and write it as a PNG, atomically.

    Columns: LR, true sigma, estimated sigma (one scale 0..sigma_max and one bar), absolute error
    (scale 0..sigma_max / 2), true and estimated classes with a legend of those that occur. Columns
    that no sample can fill are left out.

    Args:
        path: where to write; its parent folders are made.
        samples: at least one mapping with any of ``name``, ``lr`` ((h, w, 3) in [0, 1], of any
            size), ``blur`` and ``blur_estimate`` ((H, W) in ``unit``), ``seg`` and
            ``seg_estimate`` ((H, W) class indices, 255 = no label). A missing map leaves its tile
            empty.
        sigma_max: end of the sigma scale in ``unit``.
        class_names: names for the legend; indices are shown without them.
        title: a line above.
        unit: of sigma, as the bars name it.

    Raises:
        DataError: no samples, or a map that is not (H, W).
    """
    if not samples:
        raise DataError("samples", found="none", expected="at least one", fix="Nothing to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    legend = _legend_entries(samples, class_names)
    sheet = _lay_out(samples, [name for name, _ in legend], title is not None)
    figure = Figure(figsize=sheet.size, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    if title is not None:
        left, height = sheet.left(0) / sheet.size[0], sheet.size[1]
        at = 1 - (MARGIN + 0.02) / height
        figure.text(left, at, title, va="top", fontsize=11.5, fontweight="bold", color=INK)
    palette_size = _palette_size(samples, class_names)
    for row, sample in enumerate(samples):
        for column, key in enumerate(sheet.columns):
            axes = _add_tile(figure, sheet, row, column)
            _draw_tile(axes, sample, key, sigma_max, palette_size)
            if row == 0:
                axes.set_title(_TITLES[key], fontsize=9.5, color=INK, pad=5)
            if column == 0:
                name = _short(str(sample.get("name", row)))
                axes.set_ylabel(name, fontsize=8.5, color=INK, labelpad=5, parse_math=False)
    draw_footer(figure, sheet, sigma_max, legend, unit)
    save_figure(figure, path, _DPI)


def _lay_out(samples: Sequence[StripSample], classes: list[str], titled: bool) -> Sheet:
    present = {key for sample in samples for key in sample}
    if any("blur" in sample and "blur_estimate" in sample for sample in samples):
        present.add("error")
    columns = tuple(key for key in _TITLES if key in present)
    shapes = [
        np.shape(value)[:2]
        for sample in samples
        for key, value in sample.items()
        if key in columns and isinstance(value, np.ndarray)
    ]
    tile_height = TILE * min(_TALLEST, max(height / width for height, width in shapes))
    top = MARGIN + HEADING + (TITLE if titled else 0)
    bars = bool({"blur", "blur_estimate"} & present)
    return Sheet(columns, len(samples), tile_height, top, bars, tuple(classes))


def _add_tile(figure: Figure, sheet: Sheet, row: int, column: int) -> Axes:
    top = sheet.top + row * (sheet.tile_height + GAP)
    axes = figure.add_axes(
        tuple(sheet.rectangle(sheet.left(column), top, TILE, sheet.tile_height))  # type: ignore[arg-type]
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _draw_tile(
    axes: Axes, sample: StripSample, key: str, sigma_max: float, num_classes: int
) -> None:
    image = _tile_image(sample, key, sigma_max, num_classes)
    if image is None:
        axes.set_facecolor("#f2f2f2")
        axes.text(0.5, 0.5, "–", ha="center", va="center", color=QUIET, transform=axes.transAxes)
        return
    # Pixels of a small LR stay visible; larger pictures are averaged, never aliased.
    shrinks = image.shape[1] > TILE * _DPI
    axes.imshow(image, interpolation="antialiased" if shrinks else "nearest", aspect="equal")
    if key == "error":
        error = np.abs(sample["blur_estimate"] - sample["blur"])
        _note(axes, f"RMSE {np.sqrt(np.mean(error**2)):.2f} px")


def _tile_image(
    sample: StripSample, key: str, sigma_max: float, num_classes: int
) -> NDArray[np.generic] | None:
    from matplotlib import colormaps

    if key == "error":
        if "blur" not in sample or "blur_estimate" not in sample:
            return None
        error = np.abs(sample["blur_estimate"] - sample["blur"]) / (ERROR_SHARE * sigma_max)
        return colormaps[ERROR_COLORMAP](np.clip(error, 0, 1), bytes=True)
    if key not in sample:
        return None
    if key == "lr":
        return np.clip(sample["lr"], 0.0, 1.0)
    if key in ("blur", "blur_estimate"):
        return blur_to_rgb(sample[key], sigma_max)
    return classes_to_rgb(sample[key], num_classes)


def _short(name: str) -> str:
    """Cut a long path in its middle, so that it fits beside a tile."""
    half = _NAME_LETTERS // 2
    return name if len(name) <= _NAME_LETTERS else f"{name[: half - 2]}…{name[-half - 1 :]}"


def _note(axes: Axes, text: str) -> None:
    """Write small in the lower left corner of a tile."""
    box = {"boxstyle": "round,pad=0.25", "facecolor": "black", "alpha": 0.55, "linewidth": 0}
    axes.text(
        0.03,
        0.035,
        text,
        transform=axes.transAxes,
        fontsize=7,
        color="white",
        bbox=box,
        ha="left",
        va="bottom",
    )


def _legend_entries(
    samples: Sequence[StripSample], class_names: Sequence[str] | None
) -> list[tuple[str, NDArray[np.floating]]]:
    """Return name and colour of each class that occurs in any map."""
    occurring = _occurring(samples)
    palette = class_palette(_palette_size(samples, class_names)) / 255.0
    return [
        ("no label", np.zeros(3))
        if index == IGNORE_INDEX
        else (str(index) if class_names is None else str(class_names[index]), palette[index])
        for index in occurring
    ]


def _palette_size(samples: Sequence[StripSample], class_names: Sequence[str] | None) -> int:
    if class_names is not None:
        return len(class_names)
    return max((index + 1 for index in _occurring(samples) if index != IGNORE_INDEX), default=1)


def _occurring(samples: Sequence[StripSample]) -> list[int]:
    maps = [s["seg"] for s in samples if "seg" in s]
    maps += [s["seg_estimate"] for s in samples if "seg_estimate" in s]
    return sorted({int(index) for seg in maps for index in np.unique(seg)})
