"""Cutting a picture into overlapping tiles and blending what was computed from them.

Along each axis tiles start at multiples of a step and reach an overlap into the next tile. Around
its middle (the *cut*) is a ramp, half of the overlap unless asked otherwise, where one tile fades
into the next; the rest is context that only one of the two has in full. The last tile ends with
the picture, so it may be shorter. A picture that a tile covers is one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from blindsr.errors import ConfigError

ALL_COLUMNS = slice(None)
Planes = dict[str, Tensor]
"""Results by name, each (rows, columns, channels), all of one height and width."""


class Span(NamedTuple):
    """A tile along one axis, in pixels of the picture."""

    start: int
    """First pixel that the tile sees."""
    stop: int
    """One past the last."""
    first: int
    """First pixel that the tile owns; each pixel of the picture has one owner."""
    last: int
    """One past the last that it owns."""


class Tile(NamedTuple):
    """A tile: its rows and its columns."""

    rows: Span
    columns: Span


@dataclass(frozen=True)
class Grid:
    """All tiles of a picture, in rows.

    Attributes:
        size: height and width of the picture.
        overlap: pixels that neighbours share, a multiple of 4.
        rows: tiles along the height.
        columns: tiles along the width.
        ramp: pixels over which a tile fades into the next, around the cut between the two.
    """

    size: tuple[int, int]
    overlap: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    ramp: int

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[Tile]:
        return (Tile(rows, columns) for rows in self.rows for columns in self.columns)


def split(
    size: tuple[int, int],
    step: tuple[int, int] | None,
    *,
    overlap: int = 32,
    multiple: tuple[int, int] = (1, 1),
    ramp: int | None = None,
) -> Grid:
    """Lay tiles over a picture.

    Args:
        size: height and width of the picture.
        step: rows and columns from one tile to the next, rounded up to multiples of ``multiple``
            that are at least ``overlap``; a tile sees ``overlap`` more. ``None`` makes one tile.
        overlap: pixels that neighbours share; a multiple of 4.
        multiple: where tiles may begin.
        ramp: pixels over which neighbours fade, an even number; ``None``: half of ``overlap``.

    Raises:
        ConfigError: if a size, step or multiple is below 1, or ``overlap`` no multiple of 4.
    """
    if min(*size, *(step or size), *multiple) < 1:
        found = f"size {size}, step {step}, multiple {multiple}"
        raise ConfigError("tiles", found=found, expected="numbers of at least 1")
    if overlap < 0 or overlap % 4:
        raise ConfigError("overlap", found=str(overlap), expected="a multiple of 4")
    axes = []
    for axis in (0, 1):
        stride = size[axis] if step is None else round_up(max(step[axis], overlap), multiple[axis])
        axes.append(_spans(size[axis], stride, overlap))
    return Grid(size, overlap, axes[0], axes[1], overlap // 2 if ramp is None else ramp)


def round_up(value: int, multiple: int) -> int:
    """Smallest multiple of ``multiple`` that is at least ``value``."""
    return -(-value // multiple) * multiple


def _spans(length: int, step: int, overlap: int) -> tuple[Span, ...]:
    count = 1 + max(0, -(-(length - step - overlap) // step))
    spans = []
    for i in range(count):
        start, end = i * step, i == count - 1
        spans.append(
            Span(
                start,
                length if end else start + step + overlap,
                start + overlap // 2 if i else 0,
                length if end else start + step + overlap // 2,
            )
        )
    return tuple(spans)


def fade(span: Span, length: int, ramp: int, scale: int = 1) -> Tensor:
    """Blending weights of a tile along one axis.

    Args:
        span: the tile.
        length: of the picture along the axis.
        ramp: pixels over which tiles fade, see :attr:`Grid.ramp`.
        scale: pixels of the result per pixel of the picture.

    Returns:
        (scale * (stop - start),) weights in [0, 1]; those of all tiles sum to 1 at every pixel.
    """
    count = scale * (span.stop - span.start)
    centres = span.start + (torch.arange(count, dtype=torch.float64) + 0.5) / scale
    rise = torch.ones_like(centres)
    fall = torch.zeros_like(centres)
    if span.first:
        rise = _step(centres, span.first, ramp)
    if span.last < length:
        fall = _step(centres, span.last, ramp)
    return (rise - fall).float()


def _step(centres: Tensor, cut: int, ramp: int) -> Tensor:
    if ramp == 0:
        return (centres > cut).to(centres.dtype)
    return ((centres - cut) / ramp + 0.5).clamp(0, 1)


def blend(
    grid: Grid,
    scale: int,
    compute: Callable[[Tile], Planes],
    *,
    owned: Container[str] = (),
) -> Iterator[tuple[int, Planes]]:
    """Compute all tiles and hand out the result in strips that are as wide as the picture.

    At no time more than a row of tiles is held, on the device where the results are.

    Args:
        grid: the tiles.
        scale: pixels of the result per pixel of the picture, in both axes.
        compute: tile -> (scale * rows, scale * columns, channels) by name.
        owned: names of which each pixel comes from the tile that owns it, such as class maps; the
            others are blended by linear ramps.

    Yields:
        The first row of the strip in pixels of the result, and (rows, scale * width, channels) by
        name. Strips follow each other without a gap.
    """
    held: Planes = {}
    done = 0  # rows of the picture that have been handed out
    for i, rows in enumerate(grid.rows):
        held = _row(grid, rows, scale, compute, owned, held, done)
        ready = rows.stop if i == len(grid.rows) - 1 else rows.last - grid.ramp // 2
        count = scale * (ready - done)
        strip = {name: buffer[:count] for name, buffer in held.items()}
        held = {name: buffer[count:].clone() for name, buffer in held.items()}
        yield scale * done, strip
        del strip  # before the next one takes as much
        done = ready


def _row(
    grid: Grid,
    rows: Span,
    scale: int,
    compute: Callable[[Tile], Planes],
    owned: Container[str],
    held: Planes,
    done: int,
) -> Planes:
    """Add a row of tiles to what is held of those before, which begins at row ``done``."""
    for columns in grid.columns:
        tile = Tile(rows, columns)
        results = compute(tile)
        if columns.start == 0:
            held = _extend(held, results, scale * (rows.stop - done), scale * grid.size[1])
        for name, result in results.items():
            if name in owned:
                _copy_owned(held[name], result, tile, scale, done)
            else:
                _add_blended(held[name], result, tile, grid, scale, done)
    return held


def _extend(held: Planes, results: Planes, rows: int, width: int) -> Planes:
    """Buffers of ``rows`` rows that begin with what is held already."""
    buffers = {}
    for name, result in results.items():
        buffers[name] = result.new_zeros(rows, width, result.shape[2])
        if held:
            buffers[name][: len(held[name])] = held[name]
    return buffers


# Buffers may have been made in inference mode: only there may they be written to.
@torch.inference_mode()
def _copy_owned(buffer: Tensor, result: Tensor, tile: Tile, scale: int, done: int) -> None:
    """Copy what a tile owns to a buffer that begins at row ``done``."""
    rows, columns = tile
    target = buffer[
        scale * (rows.first - done) : scale * (rows.last - done),
        scale * columns.first : scale * columns.last,
    ]
    top, left = scale * (rows.first - rows.start), scale * (columns.first - columns.start)
    target.copy_(result[top : top + target.shape[0], left : left + target.shape[1]])


@torch.inference_mode()
def _add_blended(
    buffer: Tensor, result: Tensor, tile: Tile, grid: Grid, scale: int, done: int
) -> None:
    """Add a weighted tile to a buffer that begins at row ``done``."""
    rows, columns = tile
    # Rows before `done` have been handed out; this tile's weight there is zero.
    skip = max(0, scale * (done - rows.start))
    top, left = scale * rows.start + skip - scale * done, scale * columns.start
    part = result[skip:]
    target = buffer[top : top + len(part), left : left + part.shape[1]]
    if len(grid.columns) > 1:
        part = part * fade(columns, grid.size[1], grid.ramp, scale).to(part.device)[:, None]
    down = fade(rows, grid.size[0], grid.ramp, scale)[skip:]
    whole = (down == 1).nonzero()  # between the two ramps there is nothing to weigh
    first, last = (int(whole[0]), int(whole[-1]) + 1) if len(whole) else (len(down), len(down))
    target[first:last] += part[first:last]
    for ramp in (slice(0, first), slice(last, None)):
        target[ramp] += part[ramp] * down[ramp, None, None].to(part.device)


class RollingRows:
    """The strips of :func:`blend` as a picture of which only the rows in use are held.

    Args:
        strips: consecutive strips from row 0 on.
    """

    def __init__(self, strips: Iterator[tuple[int, Planes]]) -> None:
        self._strips = ((top, top + _height(planes), planes) for top, planes in strips)
        self._held: list[tuple[int, int, Planes]] = []

    def rows(self, start: int, stop: int, columns: slice = ALL_COLUMNS) -> Planes:
        """Rows ``start`` to ``stop`` of every result; drops what lies before ``start``.

        Rows must be asked for in order: ``start`` may not decrease.
        """
        self._drop(start)
        while not self._held or self._held[-1][1] < stop:
            self._held.append(next(self._strips))
            self._drop(start)
        pieces = [
            {
                name: plane[max(0, start - top) : stop - top, columns]
                for name, plane in planes.items()
            }
            for top, _, planes in self._held
            if top < stop
        ]
        if len(pieces) == 1:
            return pieces[0]
        return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}

    def _drop(self, start: int) -> None:
        """Drop the strips that end before row ``start``."""
        self._held = [strip for strip in self._held if strip[1] > start]


def _height(planes: Planes) -> int:
    return len(next(iter(planes.values())))
