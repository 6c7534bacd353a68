"""Cutting a picture into overlapping tiles and blending what was computed from them.

Along each axis tiles start at multiples of a step and reach an overlap into the next tile. Around
its middle (the *cut*) is a ramp, half of the overlap unless asked otherwise, where one tile fades
into the next; the rest is context that only one of the two has in full. The last tile ends with
the picture, so it may be shorter. A picture that a tile covers is one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError

Arrays = tuple[NDArray[Any], ...]


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


def fade(span: Span, length: int, ramp: int, scale: int = 1) -> NDArray[np.float32]:
    """Blending weights of a tile along one axis.

    Args:
        span: the tile.
        length: of the picture along the axis.
        ramp: pixels over which tiles fade, see :attr:`Grid.ramp`.
        scale: pixels of the result per pixel of the picture.

    Returns:
        (scale * (stop - start),) weights in [0, 1]; those of all tiles sum to 1 at every pixel.
    """
    centres = span.start + (np.arange(scale * (span.stop - span.start)) + 0.5) / scale
    rise = np.ones_like(centres)
    fall = np.zeros_like(centres)
    if span.first:
        rise = _step(centres, span.first, ramp)
    if span.last < length:
        fall = _step(centres, span.last, ramp)
    return (rise - fall).astype(np.float32)


def _step(centres: NDArray[np.float64], cut: int, ramp: int) -> NDArray[np.float64]:
    if ramp == 0:
        return (centres > cut).astype(np.float64)
    return np.clip((centres - cut) / ramp + 0.5, 0, 1)


def blend(
    grid: Grid, scale: int, compute: Callable[[Tile], Sequence[NDArray[Any]]]
) -> Iterator[tuple[int, Arrays]]:
    """Compute all tiles and hand out the result in strips that are as wide as the picture.

    At no time more than a row of tiles is held.

    Args:
        grid: the tiles.
        scale: pixels of the result per pixel of the picture, in both axes.
        compute: tile -> arrays (scale * rows, scale * columns, channels). Floating-point arrays
            are blended by linear ramps; of others, such as class maps, each pixel comes from the
            tile that owns it.

    Yields:
        The first row of the strip in pixels of the result, and the arrays (rows, scale * width,
        channels). Strips follow each other without a gap.
    """
    held: Arrays = ()
    done = 0  # rows of the picture that have been handed out
    for i, rows in enumerate(grid.rows):
        stop = rows.stop
        for columns in grid.columns:
            results = compute(Tile(rows, columns))
            if columns.start == 0:
                held = _extend(held, results, scale * (stop - done), scale * grid.size[1])
            for buffer, result in zip(held, results, strict=True):
                _put(buffer, result, Tile(rows, columns), grid, scale, done)
        ready = stop if i == len(grid.rows) - 1 else rows.last - grid.ramp // 2
        count = scale * (ready - done)
        yield scale * done, tuple(buffer[:count] for buffer in held)
        held = tuple(buffer[count:].copy() for buffer in held)
        done = ready


def _extend(held: Arrays, results: Sequence[NDArray[Any]], rows: int, width: int) -> Arrays:
    """Buffers of ``rows`` rows that begin with what is held already."""
    buffers = []
    for i, result in enumerate(results):
        buffer = np.zeros((rows, width, result.shape[2]), result.dtype)
        if held:
            buffer[: len(held[i])] = held[i]
        buffers.append(buffer)
    return tuple(buffers)


def _put(
    buffer: NDArray[Any], result: NDArray[Any], tile: Tile, grid: Grid, scale: int, done: int
) -> None:
    """Add a blended tile to a buffer that begins at row ``done``, or copy what the tile owns."""
    rows, columns = tile
    if not np.issubdtype(result.dtype, np.floating):
        owned = buffer[
            scale * (rows.first - done) : scale * (rows.last - done),
            scale * columns.first : scale * columns.last,
        ]
        top, left = scale * (rows.first - rows.start), scale * (columns.first - columns.start)
        owned[:] = result[top : top + owned.shape[0], left : left + owned.shape[1]]
        return
    down = fade(rows, grid.size[0], grid.ramp, scale)
    right = fade(columns, grid.size[1], grid.ramp, scale)
    # Rows before `done` have been handed out; this tile's weight there is zero.
    skip = max(0, scale * (done - rows.start))
    weighted = result[skip:] * down[skip:, None, None]
    weighted *= right[:, None]
    top = scale * rows.start + skip - scale * done
    target = buffer[top : top + len(weighted), scale * columns.start : scale * columns.stop]
    target += weighted


class RollingRows:
    """The strips of :func:`blend` as a picture of which only the rows in use are held.

    Args:
        strips: consecutive strips from row 0 on.
    """

    def __init__(self, strips: Iterator[tuple[int, Arrays]]) -> None:
        self._strips = strips
        self._held: list[tuple[int, Arrays]] = []

    def rows(self, start: int, stop: int) -> Arrays:
        """Rows ``start`` to ``stop`` of every array; drops what lies before ``start``.

        Rows must be asked for in order: ``start`` may not decrease.
        """
        self._held = [(top, parts) for top, parts in self._held if top + len(parts[0]) > start]
        while not self._held or self._held[-1][0] + len(self._held[-1][1][0]) < stop:
            self._held.append(next(self._strips))
            self._held = [(top, parts) for top, parts in self._held if top + len(parts[0]) > start]
        pieces = [
            tuple(part[max(0, start - top) : stop - top] for part in parts)
            for top, parts in self._held
            if top < stop
        ]
        return tuple(
            same[0] if len(same) == 1 else np.concatenate(same)
            for same in zip(*pieces, strict=True)
        )
