"""The gather operator on pictures too large for the memory."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from blindsr.degradation.kernels import window_size
from blindsr.imaging.resize import Downsampler, downsampler_taps
from blindsr.imaging.rows_on_disk import Picture, Rows, bands, rows_of

from .gather import BlurOperator
from .operator import LinearOperator


class BlurOperatorByRows(LinearOperator):
    """:class:`~blindsr.degradation.linear.gather.BlurOperator`, some rows at a time.

    Pictures of HR size are :class:`~blindsr.imaging.rows_on_disk.Rows`, those of LR size tensors.
    The rows of :meth:`adjoint` are made as they are asked for, so ``prox`` holds vectors of LR size
    alone.

    Args:
        sigma: (1, 1, H, W).
        scale, sigma_max, downsampler, levels: of ``BlurOperator``.
    """

    def __init__(
        self,
        sigma: Rows,
        *,
        scale: int,
        sigma_max: float,
        downsampler: Downsampler = "sfold",
        levels: int = 16,
    ) -> None:
        count, _, height, width = sigma.shape
        super().__init__((count, height, width), scale=scale, downsampler=downsampler)
        self._sigma, self._sigma_max, self._levels = sigma, sigma_max, levels
        reach = window_size(float(sigma_max)) // 2
        _, margin = downsampler_taps(downsampler, scale)
        self._margin = scale * math.ceil((reach + margin) / scale)
        ends = [torch.aminmax(sigma.rows(rows).clamp(0, sigma_max)) for rows in bands(sigma)]
        self._uniform = bool(min(low for low, _ in ends) == max(high for _, high in ends))

    def __call__(self, image: Picture) -> Tensor:
        """A x: (1, C, H, W) -> (1, C, h, w)."""
        self._check("image", image, 1)
        parts = []
        for rows in bands(image):
            seen, inside = self._seen(rows)
            lr = self._part(seen)(rows_of(image, seen))
            parts.append(lr[:, :, self._low(inside)])
        return torch.cat(parts, dim=2)

    def adjoint(self, lr: Tensor) -> Picture:
        """A' y: (1, C, h, w) -> (1, C, H, W), made by rows."""
        self._check("lr", lr, self.scale)

        def read(rows: slice) -> Tensor:
            whole = slice(
                self.scale * (rows.start // self.scale), -(-rows.stop // self.scale) * self.scale
            )
            seen, _ = self._seen(whole)
            image = self._part(seen).adjoint(lr[:, :, self._low(seen)])
            return image[:, :, rows.start - seen.start : rows.stop - seen.start]

        return Rows((*lr.shape[:2], *self.shape[1:]), read)

    def _part(self, rows: slice) -> BlurOperator:
        """Of these rows; right where it is ``_margin`` away from a cut."""
        return BlurOperator(
            self._sigma.rows(rows),
            scale=self.scale,
            sigma_max=self._sigma_max,
            downsampler=self.downsampler,
            levels=self._levels,
            exact_uniform=self._uniform,
        )

    def _seen(self, rows: slice) -> tuple[slice, slice]:
        """Rows and their margin; and where in it they are."""
        start = max(rows.start - self._margin, 0)
        stop = min(rows.stop + self._margin, self.shape[1])
        return slice(start, stop), slice(rows.start - start, rows.stop - start)

    def _low(self, rows: slice) -> slice:
        return slice(rows.start // self.scale, rows.stop // self.scale)
