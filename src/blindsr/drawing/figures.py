"""Figures of matplotlib for notebooks and papers: blur maps, their errors, their reliability."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.palette import SIGMA_COLORMAP
from blindsr.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TILE = 2.6  # inches


def blur_figure(
    pictures: Mapping[str, NDArray[np.floating]],
    maps: Mapping[str, NDArray[np.floating]],
    *,
    sigma_max: float,
    unit: str = "HR pixels",
) -> Figure:
    """Pictures in the first row, maps of sigma in the second, all maps on one scale with a bar.

    Args:
        pictures: (H, W, 3) in [0, 1] or (H, W) in any range, such as depth, by title; without any
            there is but the row of maps.
        maps: (H, W) sigma by title.
        sigma_max: end of the scale; values above it take its last colour.
        unit: of sigma.

    Returns:
        A figure that belongs to no window.

    Raises:
        DataError: a picture or a map has another shape, or there is no map.
    """
    if not maps:
        raise DataError("figure", found="no map", expected="one or more")
    count = 2 if pictures else 1
    figure, rows = _rows(count, max(len(pictures), len(maps)), figure_height=count * _TILE)
    for axes, (title, picture) in zip(rows[0], pictures.items(), strict=False):
        if picture.ndim == 2:
            axes.imshow(picture, cmap="gray")
        else:
            _require(title, picture, picture.ndim == 3 and picture.shape[2] == 3, "(H, W, 3)")
            axes.imshow(np.clip(picture, 0, 1))
        axes.set_title(title, fontsize=9)
    drawn = None
    for axes, (title, map_) in zip(rows[-1], maps.items(), strict=False):
        _require(title, map_, map_.ndim == 2, "(H, W)")
        drawn = axes.imshow(map_, cmap=SIGMA_COLORMAP, vmin=0, vmax=sigma_max)
        axes.set_title(title, fontsize=9)
    assert drawn is not None
    figure.colorbar(drawn, ax=rows[-1], label=f"sigma [{unit}]", shrink=0.8)
    return figure


def error_by_distance(
    error: NDArray[np.floating],
    distances: Mapping[str, NDArray[np.floating]],
    *,
    unit: str = "HR pixels",
    edges: tuple[float, ...] = (0, 2, 5, 10, 20, 40, 80),
) -> Figure:
    """Mean error against the distance to an edge, a line for each kind of edge.

    Args:
        error: (H, W), not negative.
        distances: (H, W) pixels to the next edge of a kind, by its name.
        unit: of the error.
        edges: of the bins, pixels.

    Raises:
        DataError: a distance map has another shape than the error.
    """
    figure, ((axes,),) = _rows(1, 1, figure_height=3, figure_width=4.4)
    axes.set_axis_on()
    for name, distance in distances.items():
        _require(name, distance, distance.shape == error.shape, str(error.shape))
        places, means = [], []
        for low, high in itertools.pairwise(edges):
            inside = (distance >= low) & (distance < high)
            if inside.any():
                places.append((low + high) / 2)
                means.append(float(error[inside].mean()))
        axes.plot(places, means, "o-", label=name)
    axes.set(xlabel="pixels to the next edge", ylabel=f"mean error [{unit}]", ylim=(0, None))
    axes.legend(frameon=False)
    return figure


def reliability(shares: Mapping[float, float], title: str = "") -> Figure:
    """How often the truth lies inside intervals of a given probability.

    Args:
        shares: share of pixels inside, by the probability that the estimate claims, both in 0..1.
        title: of the figure.
    """
    figure, ((axes,),) = _rows(1, 1, figure_height=3.6, figure_width=3.6)
    axes.set_axis_on()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot(list(shares), list(shares.values()), "o-", color="tab:blue")
    axes.set(xlabel="interval", ylabel="share of pixels inside", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(title, fontsize=9)
    return figure


def _rows(
    rows: int, columns: int, *, figure_height: float, figure_width: float | None = None
) -> tuple[Figure, list[list[Axes]]]:
    from matplotlib.figure import Figure

    width = figure_width or _TILE * columns * 1.25
    figure = Figure(figsize=(width, figure_height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    return figure, [list(row) for row in grid]


def _require(name: str, array: NDArray[np.floating], good: bool, expected: str) -> None:
    if not good:
        raise DataError(name, found=f"shape {array.shape}", expected=expected)
