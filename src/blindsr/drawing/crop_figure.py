"""A figure of matplotlib that compares pictures by enlarged crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.drawing.page import box_colour
from blindsr.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TILE = 1.55  # inches of a crop
_TITLE = 9


def crop_figure(
    whole: tuple[str, NDArray[np.floating]],
    images: Mapping[str, NDArray[np.floating]],
    *,
    notes: Mapping[str, str] | None = None,
    boxes: Sequence[tuple[int, int]] | None = None,
    side: int | None = None,
    count: int = 2,
) -> Figure:
    """The whole picture with coloured frames, and a row of enlarged crops for each frame.

    Args:
        whole: title and picture (H, W, 3) in [0, 1] at the left.
        images: (H, W, 3) in [0, 1] by title, one column each; all of the size of ``whole``.
        notes: a second line of the title, by title: scores.
        boxes: row and column of the upper left corner of each crop; by default where the images
            differ most from the first and ``whole`` has detail.
        side: of a crop in pixels; by default a quarter of the picture, at most 192.
        count: of the crops, without ``boxes``.

    Returns:
        A figure that belongs to no window.

    Raises:
        DataError: no images, one of another shape, or a crop that reaches over the border.
    """
    title, picture = whole
    _check(title, picture, images)
    height, width = picture.shape[:2]
    side = side or crop_side(height, width)
    shown = {name: np.clip(image, 0, 1) for name, image in images.items()}
    first, *others = shown.values()
    if boxes is None:
        boxes = choose_boxes(first, others, reference=picture, count=count, side=side)
    if not all(0 <= y <= height - side and 0 <= x <= width - side for y, x in boxes):
        found = f"{list(boxes)} with {side} pixels a side"
        raise DataError("boxes", found=found, expected=f"crops inside {height} x {width}")
    rows = len(boxes)
    share = rows * width / height  # of the whole picture, as high as the crops
    figure, left, crops = _axes(rows, len(shown), share)
    left.imshow(np.clip(picture, 0, 1), interpolation="hanning")
    left.set_title(title, fontsize=_TITLE)
    for index, (y, x) in enumerate(boxes):
        colour = box_colour(index)
        _mark(left, (x - 0.5, y - 0.5), side, colour)
        for axes, (name, image) in zip(crops[index], shown.items(), strict=True):
            axes.imshow(image[y : y + side, x : x + side], interpolation="nearest")
            axes.set(xticks=(), yticks=())
            axes.spines[:].set(color=colour, linewidth=2)
            if not index:
                lines = [name, *([notes[name]] if notes and name in notes else [])]
                axes.set_title("\n".join(lines), fontsize=_TITLE)
    return figure


def _axes(rows: int, columns: int, share: float) -> tuple[Figure, Axes, NDArray[np.object_]]:
    """The figure, the place of the whole picture, and places (rows, columns) of crops."""
    from matplotlib.figure import Figure

    size = (_TILE * (columns + share), _TILE * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[share, *[1] * columns])
    left = figure.add_subplot(grid[:, 0])
    left.set_axis_off()
    crops = np.array(
        [[figure.add_subplot(grid[row, 1 + col]) for col in range(columns)] for row in range(rows)]
    )
    return figure, left, crops


def _mark(axes: Axes, corner: tuple[float, float], side: int, colour: str) -> None:
    from matplotlib.patches import Rectangle

    frame = Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=2)
    frame.set_clip_on(False)
    axes.add_patch(frame)


def _check(
    title: str, picture: NDArray[np.floating], images: Mapping[str, NDArray[np.floating]]
) -> None:
    if not images:
        raise DataError("figure", found="no images", expected="one or more")
    for name, image in {title: picture, **images}.items():
        if image.ndim != 3 or image.shape[2] != 3 or image.shape != picture.shape:
            expected = "(H, W, 3)" if image is picture else f"{picture.shape} as {title}"
            raise DataError(name, found=f"shape {image.shape}", expected=expected)
