"""A network without any layer that looks at the whole picture, one tile after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from blindsr.imaging.rows_on_disk import Picture, Rows, RowsOnDisk, rows_of


class Tiling(NamedTuple):
    """How a network is told of tiles, in HR pixels."""

    side: int
    """Of a tile, a multiple of ``multiple``."""
    reach: int
    """Pixels beyond which nothing changes an output pixel, a multiple of ``multiple``."""
    multiple: int
    """Tiles begin at multiples of this, so that coarse levels lie as in the whole picture."""


def in_tiles(
    network: Callable[..., Tensor], tiling: Tiling, scale: int, lr: Tensor, *maps: Picture
) -> Picture:
    """``network(lr, *maps)``, the same values.

    Args:
        network: LR and maps of HR size, or a part of all of them -> HR of that part.
        tiling: of the network.
        scale: HR size over LR size.
        lr: (N, C, h, w).
        maps: (N, C, H, W) each.

    Returns:
        A tensor; on disk where one of ``maps`` is no tensor.
    """
    height, width = maps[0].shape[2:]
    large = any(isinstance(map_, Rows) for map_ in maps)
    if max(height, width) <= tiling.side + tiling.reach and not large:
        return network(lr, *maps)
    result: Picture = None
    for own, seen in _spans(height, tiling):
        low = slice(seen.start // scale, math.ceil(seen.stop / scale))
        parts = [lr[:, :, low], *(rows_of(map_, seen) for map_ in maps)]
        band = _row_of_tiles(network, tiling, scale, own, seen, parts)
        if result is None:
            shape = (*band.shape[:2], height, width)
            result = RowsOnDisk(shape, band.device) if large else band.new_empty(shape)
        if large:
            result.write(own, band)
        else:
            result[:, :, own] = band
    return result


def _row_of_tiles(
    network: Callable[..., Tensor],
    tiling: Tiling,
    scale: int,
    own: slice,
    seen: slice,
    parts: list[Tensor],
) -> Tensor:
    """(N, C, rows of ``own``, W) of LR and maps of the rows ``seen``."""
    found = []
    above = slice(own.start - seen.start, own.stop - seen.start)
    for columns, wide in _spans(parts[1].shape[3], tiling):
        low = slice(wide.start // scale, math.ceil(wide.stop / scale))
        made = network(parts[0][..., low], *(part[..., wide] for part in parts[1:]))
        inside = slice(columns.start - wide.start, columns.stop - wide.start)
        found.append(made[:, :, above, inside])
    return torch.cat(found, dim=3)


def _spans(length: int, tiling: Tiling) -> Iterator[tuple[slice, slice]]:
    """Along one axis: what a tile owns, and what it sees."""
    for start in range(0, length, tiling.side):
        stop = min(start + tiling.side, length)
        seen = slice(max(start - tiling.reach, 0), min(stop + tiling.reach, length))
        yield slice(start, stop), seen
