"""Choice of crops: squares in which restorations differ and the picture has detail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import DataError

_SHARE = 4  # of the shorter side that one crop takes
_LARGEST = 192
_FAR = 3  # sides between two crops from which on more distance is no better
_NEAR_WEIGHT = 0.2  # of a crop that touches another


def crop_side(height: int, width: int) -> int:
    """Side of a crop in pixels that suits a picture: a quarter of it, at most 192."""
    return max(1, min(min(height, width) // _SHARE, _LARGEST))


def choose_boxes(
    baseline: NDArray[np.floating],
    others: Sequence[NDArray[np.floating]],
    *,
    reference: NDArray[np.floating],
    count: int,
    side: int,
) -> list[tuple[int, int]]:
    """Choose square crops where others differ most from a baseline and the picture has detail.

    A place scores the geometric mean of the absolute difference and of the gradient of the
    reference, both averaged over the crop; places near a crop already taken count less, and none
    overlaps it. The same pictures always give the same crops.

    Args:
        baseline: (H, W, 3) in [0, 1].
        others: pictures of the same shape; where none differs, detail alone decides.
        reference: (H, W, 3), where detail is looked for.
        count: crops wanted; fewer are returned where no more fit.
        side: of a crop in pixels.

    Returns:
        Row and column of the upper left corner of each crop, best first.

    Raises:
        DataError: the picture is smaller than one crop.
    """
    height, width = baseline.shape[:2]
    if side < 1 or side > min(height, width):
        raise DataError(
            "crop_size", found=f"{side} pixels", expected=f"1..{min(height, width)}, as the picture"
        )
    difference = np.zeros((height, width))
    for other in others:
        difference += np.abs(np.asarray(other, np.float64) - baseline).mean(-1)
    down, right = np.gradient(np.asarray(reference, np.float64).mean(-1))
    score = np.sqrt(_relative(difference, side) * _relative(np.hypot(down, right), side))
    boxes: list[tuple[int, int]] = []
    while len(boxes) < count and np.isfinite(score).any():
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        boxes.append((int(row), int(column)))
        score = score * _distance_weight(score.shape, boxes[-1], side)
        score[_overlap(boxes[-1], side)] = -np.inf
    return boxes


def _relative(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Mean over the crop at each place as a share of the largest; 1 everywhere if all are 0."""
    total = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inner = (
        total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    )
    # Sums of floats differ in the last digits between equal places: the first of them should win.
    means = np.round(np.maximum(inner, 0.0) / side**2, 9)
    return means / means.max() if means.max() > 0 else np.ones_like(means)


def _overlap(box: tuple[int, int], side: int) -> tuple[slice, slice]:
    """Places whose crop would overlap one that is taken."""
    row, column = (slice(max(0, at - side + 1), at + side) for at in box)
    return row, column


def _distance_weight(
    shape: tuple[int, ...], box: tuple[int, int], side: int
) -> NDArray[np.float64]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    sides = np.maximum(abs(rows - box[0]), abs(columns - box[1])) / side
    return _NEAR_WEIGHT + (1 - _NEAR_WEIGHT) * np.clip((sides - 1) / (_FAR - 1), 0, 1)
