"""Strips of an estimator's samples: LR, true and estimated maps, errors, classes.

Sigma maps share one fixed scale and error maps another, so that strips of different runs can be
laid side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.grid import Grid, Row, Tile, draw_grid
from blindsr.drawing.page import ALARM, GAP, INK, MARGIN, Page
from blindsr.drawing.palette import (
    ERROR_COLORMAP,
    blur_to_rgb,
    colour_scale,
    seg_to_rgb,
)
from blindsr.drawing.scales import draw_bar, draw_legend, draw_sigma_bar, legend_shape
from blindsr.errors import DataError
from blindsr.imaging.files import to_uint8
from blindsr.types import IGNORE_INDEX

TITLES = {
    "input": "input",
    "hr": "HR",
    "lr": "LR",
    "blur": "true sigma",
    "blur_estimate": "estimated sigma",
    "blur_scale": "uncertainty of sigma",
    "error": "absolute error",
    "seg": "true classes",
    "seg_estimate": "estimated classes",
}
ERROR_SHARE = 0.5  # the error scale ends at this share of sigma_max
_BLUR, _SEG = ("blur", "blur_estimate"), ("seg", "seg_estimate")
_OFF = {"blur_scale": "expected error", "error": "|estimated − true|"}
_TILE = 272
_LONGEST_LEGEND = 6  # lines beside the bars
StripSample = Mapping[str, Any]


def strip_page(
    samples: Sequence[StripSample],
    *,
    sigma_max: float,
    class_names: Sequence[str] | None = None,
    title: str = "",
    unit: str = "HR px",
) -> Page:
    """Lay out one row per sample.

    Columns: input (a user's picture), HR, LR, true sigma, estimated sigma (one scale
    0..sigma_max and one bar), its uncertainty and absolute error (scales 0..sigma_max / 2), true
    and estimated classes with a legend of those that occur. Columns that no sample can fill are
    left out.

    Args:
        samples: at least one mapping with any of ``name``, ``input``, ``hr`` and ``lr`` ((h, w, 3)
            in [0, 1], of any size), ``blur``, ``blur_estimate`` and ``blur_scale`` ((H, W) in
            ``unit``), ``seg`` and ``seg_estimate`` ((H, W) class indices, 255 = no label). A
            missing map leaves its tile empty; ``faulty`` writes the name in red.
        sigma_max: end of the sigma scale in ``unit``.
        class_names: names for the legend; indices are shown without them.
        title: a line above.
        unit: of sigma, as the bars name it.

    Raises:
        DataError: no samples, or a map that is not (H, W).
    """
    if not samples:
        raise DataError("samples", found="none", expected="at least one", fix="Nothing to draw")
    present = {key for sample in samples for key in sample}
    if any(set(_BLUR) <= set(sample) for sample in samples):
        present.add("error")
    keys = [key for key in TITLES if key in present] or ["lr"]
    found = _classes(samples)
    largest = max((index for index in found if index != IGNORE_INDEX), default=0)
    count = largest + 1 if class_names is None else len(class_names)
    rows = [
        Row(
            [_tile(sample, key, sigma_max, count) for key in keys],
            str(sample.get("name", index)),
            ALARM if sample.get("faulty") else INK,
        )
        for index, sample in enumerate(samples)
    ]
    page = Page(title)
    grid = draw_grid(page, MARGIN, page.bottom, _TILE, [TITLES[key] for key in keys], rows)
    _draw_bars(page, grid, keys, samples, sigma_max, unit)
    names = [_class_name(index, class_names) for index in found]
    colours = seg_to_rgb(np.array([found], np.int64), count)[0] if found else None
    if colours is not None:
        _draw_legend(page, grid, keys, names, colours)
    return page


def _tile(sample: StripSample, key: str, sigma_max: float, count: int) -> Tile | None:
    if key == "error":
        if not set(_BLUR) <= set(sample):
            return None
        error = np.abs(sample["blur_estimate"] - sample["blur"])
        image = colour_scale(error / (ERROR_SHARE * sigma_max), ERROR_COLORMAP)
        return Tile(image, note=f"RMSE {np.sqrt(np.mean(error**2)):.2f} px")
    if key not in sample:
        return None
    if key == "blur_scale":
        return Tile(colour_scale(sample[key] / (ERROR_SHARE * sigma_max), ERROR_COLORMAP))
    if key in _BLUR:
        return Tile(blur_to_rgb(sample[key], sigma_max))
    return Tile(seg_to_rgb(sample[key], count) if key in _SEG else to_uint8(sample[key]))


def _draw_bars(
    page: Page,
    grid: Grid,
    keys: list[str],
    samples: Sequence[StripSample],
    sigma_max: float,
    unit: str,
) -> None:
    """Draw the scales of the sigma maps and of the errors under their columns."""
    top = grid.bottom + GAP
    maps = [index for index, key in enumerate(keys) if key in _BLUR]
    if maps:
        left, width = grid.span(maps[0], maps[-1])
        shown = [sample[key] for sample in samples for key in _BLUR if key in sample]
        draw_sigma_bar(page, left, top, width, shown, end=sigma_max, unit=unit)
    for key, what in _OFF.items():
        if key not in keys:
            continue
        left, width = grid.span(keys.index(key), keys.index(key))
        label, end = f"{what} [{unit}]", ERROR_SHARE * sigma_max
        draw_bar(
            page, left, top, width, colormap=ERROR_COLORMAP, end=end, label=label, open_end=True
        )


def _draw_legend(
    page: Page, grid: Grid, keys: list[str], names: list[str], colours: NDArray[np.uint8]
) -> None:
    """Name the classes under their columns beside the bars; if they are many, under everything."""
    columns = [index for index, key in enumerate(keys) if key in _SEG]
    (left, width), top = grid.span(columns[0], columns[-1]), grid.bottom + GAP
    if legend_shape(width, names)[1] > _LONGEST_LEGEND:
        (left, width), top = grid.span(0, len(keys) - 1), page.bottom + GAP
    draw_legend(page, left, top, width, names, colours)


def _classes(samples: Sequence[StripSample]) -> list[int]:
    """Return the class indices that occur, in order."""
    maps = [sample[key] for sample in samples for key in _SEG if key in sample]
    return sorted({int(index) for seg in maps for index in np.unique(seg)})


def _class_name(index: int, names: Sequence[str] | None) -> str:
    if index == IGNORE_INDEX:
        return "no label"
    return str(index) if names is None else str(names[index])
