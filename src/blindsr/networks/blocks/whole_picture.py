"""Means, resize ratios and flow grids of the whole picture, for a network that sees one tile.

Three things in our networks depend on the whole picture: means over all pixels (the channel stream
of GIA), resizing between scales, whose ratio is that of the picture's sizes, and the corner-aligned
grid of flow alignment. Inside :func:`framed` they are computed as they would be in the whole
picture. The frame is kept in a context variable: so every thread has its own, and modules keep no
state. Without a frame every function here is the plain torch operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from blindsr.imaging.tiling import Span, Tile


class PictureMeans:
    """Means over a whole picture, by the module that takes them; collected tile by tile.

    A tile adds the pixels that it owns, so overlaps count once. Means that follow from others are
    exact only after as many rounds over all tiles as there are means in a row.
    """

    def __init__(self) -> None:
        self.known: dict[nn.Module, Tensor] = {}
        self._sums: dict[nn.Module, tuple[Tensor, int]] = {}

    def add(self, module: nn.Module, own: Tensor) -> None:
        """Add the pixels (N, C, h, w) that a tile owns."""
        total = own.sum(dim=(2, 3), keepdim=True, dtype=torch.float32).double().cpu()
        before, count = self._sums.get(module, (torch.zeros_like(total), 0))
        self._sums[module] = (before + total, count + own.shape[2] * own.shape[3])

    def finish_round(self) -> None:
        """Use the means of all tiles that were added since the last round."""
        self.known = {module: total / count for module, (total, count) in self._sums.items()}
        self._sums = {}


@dataclass(frozen=True)
class Frame:
    """Where a tile lies in its picture.

    Attributes:
        tile: in LR pixels.
        size: height and width of the picture in LR pixels.
        means: of the picture.
        recording: whether this tile adds to the means.
    """

    tile: Tile
    size: tuple[int, int]
    means: PictureMeans
    recording: bool = False


@dataclass(frozen=True)
class _Level:
    """The rows or the columns of a feature map: ``up / down`` of those of the LR image."""

    span: Span
    length: int
    up: int
    down: int

    def at(self, position: int) -> int:
        """Position in the LR picture -> position in the feature map of the whole picture."""
        return -(-position * self.up // self.down)

    @property
    def start(self) -> int:
        return self.at(self.span.start)

    @property
    def full(self) -> int:
        return self.at(self.length)

    @property
    def own(self) -> slice:
        return slice(self.at(self.span.first) - self.start, self.at(self.span.last) - self.start)


_FRAME: ContextVar[Frame | None] = ContextVar("frame", default=None)


@contextmanager
def framed(frame: Frame | None) -> Iterator[None]:
    """Run networks on one tile of a picture; ``None`` means on a whole picture."""
    token = _FRAME.set(frame)
    try:
        yield
    finally:
        _FRAME.reset(token)


def picture_mean(module: nn.Module, feature: Tensor) -> Tensor:
    """Mean over all pixels: (N, C, H, W) -> (N, C, 1, 1).

    Args:
        module: that takes the mean; it takes one per forward pass.
        feature: of an image, or of a tile in a frame.
    """
    frame = _FRAME.get()
    if frame is None:
        return feature.mean(dim=(2, 3), keepdim=True)
    if frame.recording:
        rows, columns = _levels(frame, feature.shape[2:])
        frame.means.add(module, feature[:, :, rows.own, columns.own])
    known = frame.means.known.get(module)
    return feature.mean(dim=(2, 3), keepdim=True) if known is None else known.to(feature)


def resize(x: Tensor, size: tuple[int, ...], *, align_corners: bool = False) -> Tensor:
    """Bilinear resizing: (N, C, h, w) -> (N, C, *size), in the ratio of the whole picture."""
    frame = _FRAME.get()
    if frame is not None:
        before, after = _levels(frame, x.shape[2:]), _levels(frame, size)
        axes = list(zip(before, after, x.shape[2:], size, strict=True))
        if align_corners or not all(_same_ratio(*axis) for axis in axes):
            dtype = torch.promote_types(x.dtype, torch.float32)
            ys, xs = (_places(*axis, align_corners).to(x.device, dtype) for axis in axes)
            grid = torch.stack(torch.meshgrid(ys, xs, indexing="ij")[::-1], dim=-1)
            grid = grid.expand(len(x), -1, -1, -1)
            sampled = grid_sample(
                x.to(dtype), grid, mode="bilinear", padding_mode="border", align_corners=True
            )
            return sampled.to(x.dtype)
    return interpolate(x, size, mode="bilinear", align_corners=align_corners)


def flow_grid(x: Tensor, flow: Tensor) -> Tensor:
    """Places at which flow alignment samples: (N, C, h, w), (N, 2, H, W) -> (N, H, W, 2).

    The corner-aligned grid plus ``flow`` / (W, H), for ``grid_sample``; at least float32, because
    half precision cannot address the pixels of a map.
    """
    frame = _FRAME.get()
    height, width = flow.shape[2:]
    dtype = torch.promote_types(flow.dtype, torch.float32)
    flow = flow.to(dtype)
    if frame is None:
        ys = torch.linspace(-1, 1, height, dtype=dtype, device=flow.device)
        xs = torch.linspace(-1, 1, width, dtype=dtype, device=flow.device)
        return torch.stack([xs + flow[:, 0] / width, ys[:, None] + flow[:, 1] / height], dim=-1)
    sizes = zip(
        _levels(frame, x.shape[2:]),
        _levels(frame, flow.shape[2:]),
        x.shape[2:],
        flow.shape[2:],
        strict=True,
    )
    (ys, down), (xs, right) = (
        (
            _places(before, after, length, target, True).to(flow.device, dtype),
            # from a share of the whole picture's map to a share of the tile's
            max(before.full - 1, 1) / max(length - 1, 1) / after.full,
        )
        for before, after, length, target in sizes
    )
    return torch.stack([xs + flow[:, 0] * right, ys[:, None] + flow[:, 1] * down], dim=-1)


def _levels(frame: Frame, size: tuple[int, ...]) -> tuple[_Level, _Level]:
    """Which scale the rows and columns of a feature map belong to.

    A map is a whole number of times larger than the image, or smaller by a power of two and
    rounded up.
    """
    levels = []
    for span, picture, length in zip(frame.tile, frame.size, size, strict=True):
        seen = span.stop - span.start
        up, down = max(1, length // seen), 1
        while -(-seen // down) > length:
            down *= 2
        levels.append(_Level(span, picture, up, down))
    return levels[0], levels[1]


def _same_ratio(before: _Level, after: _Level, length: int, target: int) -> bool:
    """Whether the tile's own sizes give the ratio and the offset of the picture's."""
    ratio = before.full * target == length * after.full
    return ratio and before.start * after.full == after.start * before.full


def _places(before: _Level, after: _Level, length: int, target: int, align_corners: bool) -> Tensor:
    """Where the pixels of a tile's output lie in the tile's input, from -1 to 1 (corners)."""
    index = torch.arange(target, dtype=torch.float64) + after.start
    if align_corners:
        place = index * ((before.full - 1) / max(after.full - 1, 1))
    else:
        place = (index + 0.5) * (before.full / after.full) - 0.5
        place = place.clamp(0, before.full - 1)
    return 2 * (place - before.start) / max(length - 1, 1) - 1
