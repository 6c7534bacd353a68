"""Figures of matplotlib for notebooks and papers: maps with their scale, curves, reliability."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.palette import ERROR_COLORMAP, SIGMA_COLORMAP
from blindsr.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TILE, _BAR = 2.6, 0.7  # inches
_MANY = 20  # values of a line, from which on they are not marked
_WIDEST = 5  # pictures side by side
_SMOOTH = "hanning"  # the same for LR and HR; matplotlib's default draws small pictures blocky


def blur_figure(
    pictures: Mapping[str, NDArray[np.floating]],
    maps: Mapping[str, NDArray[np.floating]],
    *,
    sigma_max: float,
    unit: str = "HR pixels",
) -> Figure:
    """Pictures, then maps of sigma, in rows that are filled; all maps on one scale with a bar.

    Args:
        pictures: (H, W, 3) in [0, 1] or (H, W) in any range, such as depth, by title.
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
    figure, places = _grid(len(pictures) + len(maps))
    for axes, (title, picture) in _titled(places, pictures):
        if picture.ndim == 2:
            axes.imshow(picture, cmap="gray", interpolation=_SMOOTH)
        else:
            _require(title, picture, picture.ndim == 3 and picture.shape[2] == 3, "(H, W, 3)")
            axes.imshow(np.clip(picture, 0, 1), interpolation=_SMOOTH)
    _draw_maps(places[len(pictures) :], maps, SIGMA_COLORMAP, sigma_max, f"sigma [{unit}]")
    return figure


def error_figure(maps: Mapping[str, NDArray[np.floating]], *, end: float, label: str) -> Figure:
    """Maps of what should be small side by side, on one scale with a bar.

    Args:
        maps: (H, W) by title, not negative.
        end: of the scale; values above it take its last colour.
        label: of the bar: quantity and unit.

    Raises:
        DataError: a map has another shape, or there is none.
    """
    if not maps:
        raise DataError("figure", found="no map", expected="one or more")
    figure, places = _grid(len(maps))
    _draw_maps(places, maps, ERROR_COLORMAP, end, label)
    return figure


def curves(
    lines: Mapping[str, Mapping[float, float]],
    *,
    xlabel: str,
    ylabel: str,
    from_zero: bool = False,
) -> Figure:
    """Lines over one axis with a legend.

    Args:
        lines: value by place, by name of the line.
        xlabel: quantity and unit.
        ylabel: quantity and unit.
        from_zero: the values start at 0.

    Raises:
        DataError: there is no line, or one without a value.
    """
    if not lines or not all(lines.values()):
        raise DataError("figure", found="no value", expected="one or more in every line")
    figure = _figure(6, 3.2)
    axes = figure.subplots()
    for name, values in lines.items():
        marker = "" if len(values) > _MANY else "o"
        axes.plot(list(values), list(values.values()), marker=marker, markersize=3, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if from_zero:
        axes.set_ylim(0, None)
    figure.legend(loc="outside right upper", frameon=False)
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
    figure = _figure(4.4, 3)
    axes = figure.subplots()
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
    figure = _figure(3.6, 3.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot(list(shares), list(shares.values()), "o-", color="tab:blue")
    axes.set(xlabel="interval", ylabel="share of pixels inside", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(title, fontsize=9)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _grid(count: int) -> tuple[Figure, list[Axes]]:
    """Places of pictures and maps, row by row: as many columns as leave the fewest empty."""
    columns = min(range(min(count, _WIDEST), 2, -1), key=lambda n: -count % n, default=count)
    rows = -(-count // columns)
    figure = _figure(1.25 * _TILE * columns + _BAR, _TILE * rows)
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places:
        axes.set_axis_off()
    return figure, places[:count]


def _titled(
    places: Sequence[Axes], shown: Mapping[str, NDArray[np.floating]]
) -> Iterator[tuple[Axes, tuple[str, NDArray[np.floating]]]]:
    """Places with a title, and what each is to show below it."""
    for axes, item in zip(places, shown.items(), strict=False):
        axes.set_title(item[0], fontsize=9)
        yield axes, item


def _draw_maps(
    places: Sequence[Axes],
    maps: Mapping[str, NDArray[np.floating]],
    colormap: str,
    end: float,
    label: str,
) -> None:
    """Maps on one scale, and its bar at the right of the figure."""
    for axes, (title, map_) in _titled(places, maps):
        _require(title, map_, map_.ndim == 2, "(H, W)")
        image = axes.imshow(map_, cmap=colormap, vmin=0, vmax=end, interpolation=_SMOOTH)
    beyond = any(float(map_.max()) > end for map_ in maps.values())
    extend = "max" if beyond else "neither"
    figure = image.figure
    figure.colorbar(image, ax=figure.axes, label=label, shrink=0.8, pad=0.01, extend=extend)


def _require(name: str, array: NDArray[np.floating], good: bool, expected: str) -> None:
    if not good:
        raise DataError(name, found=f"shape {array.shape}", expected=expected)
