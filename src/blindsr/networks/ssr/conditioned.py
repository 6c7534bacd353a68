"""Denoiser and AMF as one network of any size, and the same in tiles."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .amf import AMF, MULTIPLE, Fusion, Modalities
from .denoiser import REACH, PixelDenoiser


class ConditionedDenoiser(nn.Module):
    """x_t and the modalities -> x_0.

    Args:
        scale: HR size over LR size, 2 or 4.
        steps: of the diffusion.
        width: channels at half of HR size; twice as many at a quarter.
        blocks: residual blocks of each level.
        modalities: see :class:`~blindsr.networks.ssr.amf.AMF`.
        fusion: of the modalities.
    """

    def __init__(
        self,
        *,
        scale: int,
        steps: int,
        width: int,
        blocks: int,
        modalities: tuple[str, ...],
        fusion: Fusion,
    ) -> None:
        super().__init__()
        widths = (width, 2 * width)
        self.scale = scale
        self.amf = AMF(
            scale=scale, steps=steps, widths=widths, modalities=modalities, fusion=fusion
        )
        self.denoiser = PixelDenoiser(steps=steps, widths=widths, blocks=blocks)

    def forward(self, x: Tensor, start: Tensor, told: Modalities, t: Tensor) -> Tensor:
        """Predict x_0.

        Args:
            x: (N, 3, H, W) x_t.
            start: (N, 3, H, W) enlarged LR.
            told: the modalities.
            t: (N,) step, 1..T.

        Returns:
            (N, 3, H, W).
        """
        height, width = x.shape[2:]
        lr_multiple = MULTIPLE // self.scale
        told = Modalities(padded(told.lr, lr_multiple), *(padded(m, MULTIPLE) for m in told[1:]))
        x, start = padded(x, MULTIPLE), padded(start, MULTIPLE)
        whole = self.denoiser(x, start, t, self.amf(told, t))
        return whole[..., :height, :width]

    def in_tiles(
        self, x: Tensor, start: Tensor, told: Modalities, t: Tensor, *, tile: int
    ) -> Tensor:
        """The same values, one tile of ``tile`` HR pixels after the other."""
        height, width = x.shape[2:]
        side = max(MULTIPLE, tile // MULTIPLE * MULTIPLE)
        if max(height, width) <= side + REACH:
            return self(x, start, told, t)
        result = torch.empty_like(x)
        for top in range(0, height, side):
            for left in range(0, width, side):
                rows, outer_rows = _span(top, side, height)
                columns, outer_columns = _span(left, side, width)
                part = self(
                    x[..., outer_rows, outer_columns],
                    start[..., outer_rows, outer_columns],
                    self._part(told, outer_rows, outer_columns),
                    t,
                )
                above, before = rows.start - outer_rows.start, columns.start - outer_columns.start
                result[..., rows, columns] = part[
                    ...,
                    above : above + rows.stop - rows.start,
                    before : before + columns.stop - columns.start,
                ]
        return result

    def _part(self, told: Modalities, rows: slice, columns: slice) -> Modalities:
        low_rows, low_columns = (
            slice(s.start // self.scale, math.ceil(s.stop / self.scale)) for s in (rows, columns)
        )
        maps = (m[..., rows, columns] for m in told[1:])
        return Modalities(told.lr[..., low_rows, low_columns], *maps)


def _span(start: int, side: int, length: int) -> tuple[slice, slice]:
    """A tile, and the same with its margin: both begin at multiples of 8."""
    stop = min(start + side, length)
    return slice(start, stop), slice(max(start - REACH, 0), min(stop + REACH, length))


def padded(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until the sides are multiples."""
    missing = [-size % multiple for size in image.shape[2:]]
    return pad(image, (0, missing[1], 0, missing[0]), mode="replicate") if any(missing) else image
