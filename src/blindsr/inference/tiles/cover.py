"""Compute the parts of a tile whose result is used, and leave the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.imaging.tiling import Span, Tile

SMALLEST = 32
"""Side below which a part is not divided any more, LR pixels."""
_ROWS = 16  # of the picture, looked at together
WORTHWHILE = 0.95
"""Two parts are taken for one where they cost at most this share of it."""


Within = tuple[slice, slice]
"""Rows and columns of the result of a tile."""


def by_pixel(
    used: Callable[[NDArray[np.float32]], NDArray[np.bool_]], maps: NDArray[np.float32], scale: int
) -> NDArray[np.bool_]:
    """Pixels of the picture of whose result anything is used: (h, w).

    Args:
        used: tells it of rows of maps, which are few at a time.
        maps: (s*h, s*w, C).
        scale: s.
    """
    found = []
    for top in range(0, len(maps), scale * _ROWS):
        some = used(maps[top : top + scale * _ROWS])
        height, width = (side // scale for side in some.shape)
        found.append(some.reshape(height, scale, width, scale).any(axis=(1, 3)))
    return np.concatenate(found)


def run_parts(
    tile: Tile, parts: list[Tile], scale: int, run: Callable[[Tile, Within], Tensor]
) -> Tensor:
    """Result of a tile (s*h, s*w, 3) on the CPU, zero where no part owns it.

    Args:
        tile: that the parts belong to.
        parts: from :func:`parts_of`.
        scale: HR size over LR size.
        run: is called with a part and where it lies in the maps of the tile.
    """
    if parts == [tile]:
        return run(tile, _within(tile, tile, scale))
    height, width = (scale * (span.stop - span.start) for span in tile)
    result = torch.zeros(height, width, 3)
    for part in parts:
        made = run(part, _within(tile, part, scale))
        result[_within(tile, part, scale, own=True)] = made[_within(part, part, scale, own=True)]
    return result


def _within(tile: Tile, part: Tile, scale: int, *, own: bool = False) -> Within:
    """Where what a part sees, or owns, lies in the result of a tile."""
    down, right = (
        slice(scale * (first - whole.start), scale * (last - whole.start))
        for whole, (first, last) in (
            (whole, span[2:] if own else span[:2]) for whole, span in zip(tile, part, strict=True)
        )
    )
    return down, right


def parts_of(tile: Tile, used: NDArray[np.bool_], context: int) -> list[Tile]:
    """Cover what is used of a tile by rectangles that cost little, each pixel by one at most.

    Args:
        tile: to divide.
        used: (rows, columns) of the tile, whether a pixel of its result is used.
        context: pixels that the network must see around each that it computes.

    Returns:
        What each rectangle sees, within the tile, and what it owns, both in pixels of the picture;
        the tile itself where it is used as a whole.
    """
    found = _cover(tile, used, context)
    return found if _pixels(found) < WORTHWHILE * used.size else [tile]


def _pixels(parts: list[Tile]) -> int:
    """That are seen."""
    return sum((r.stop - r.start) * (c.stop - c.start) for r, c in parts)


def _cover(
    tile: Tile, used: NDArray[np.bool_], context: int, place: tuple[int, int] = (0, 0)
) -> list[Tile]:
    """Rectangles over what is used of a part of a tile that lies at ``place`` in it."""
    found = [np.flatnonzero(used.any(axis=axis)) for axis in (1, 0)]
    if not len(found[0]):
        return []
    ends = [(int(one[0]), int(one[-1]) + 1) for one in found]
    one = Tile(
        *(
            _around(whole, start + first, start + last, context)
            for whole, start, (first, last) in zip(tile, place, ends, strict=True)
        )
    )
    sides = [last - first for first, last in ends]
    if max(sides) < 2 * SMALLEST:
        return [one]
    axis = int(sides[1] > sides[0])  # the longer side is halved
    middle = (ends[axis][0] + ends[axis][1]) // 2
    halves: list[Tile] = []
    for part in ((ends[axis][0], middle), (middle, ends[axis][1])):
        box = [part if axis == 0 else ends[0], part if axis == 1 else ends[1]]
        inside = used[slice(*box[0]), slice(*box[1])]
        corner = place[0] + box[0][0], place[1] + box[1][0]
        halves += _cover(tile, inside, context, corner)
    return halves if _pixels(halves) <= WORTHWHILE * _pixels([one]) else [one]


def _around(whole: Span, first: int, last: int, context: int) -> Span:
    """What is owned from ``first`` to ``last`` of a tile, and what is seen of it then."""
    first, last = whole.start + first, whole.start + last
    return Span(max(whole.start, first - context), min(whole.stop, last + context), first, last)
