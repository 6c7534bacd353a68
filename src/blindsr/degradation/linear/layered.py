"""Blur with occlusion and its adjoint: linear in the picture for fixed sigma and depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.degradation.layered import layer_width, paint, paint_adjoint, plan_layers
from blindsr.degradation.layers import LayerStep
from blindsr.errors import DataError
from blindsr.imaging.resize import Downsampler

from .gather import checked_map
from .operator import LinearOperator

Pixels = NDArray[np.floating]


class LayeredOperator(LinearOperator):
    """Blur of depth layers with occlusion, then down-sampling: ``degrade(operator="layered")``.

    Layers are planned once; the blurs run on the CPU, whatever the device of the pictures.
    See :class:`~blindsr.degradation.linear.operator.LinearOperator` for ``A(x)``, ``adjoint`` and
    ``prox``.

    Args:
        sigma: (N, 1, H, W) nominal sigma in HR pixels, a function of depth.
        depth: (N, 1, H, W), positive; only its order matters.
        scale: LR is this many times smaller.
        sigma_max: fixes the window of ``4 sigma_max + 1`` taps.
        downsampler: ``"sfold"``, ``"bicubic"`` or ``"area"``.
        merge_coc: width of a layer in pixels of circle of confusion; ``None`` as data sets are
            made. 0.5 is faster, and 43 dB and more from it.

    Raises:
        DataError: maps of other shapes or values, see :func:`~blindsr.degradation.layered_blur`.
        ConfigError: a setting that makes no sense.
    """

    def __init__(
        self,
        sigma: Tensor,
        depth: Tensor,
        *,
        scale: int,
        sigma_max: float,
        downsampler: Downsampler = "sfold",
        merge_coc: float | None = None,
    ) -> None:
        shape = checked_map("sigma", sigma)
        if checked_map("depth", depth) != shape:
            found = f"shape {tuple(depth.shape)}"
            raise DataError("depth", found=found, expected=f"{tuple(sigma.shape)} as sigma")
        super().__init__(shape, scale=scale, downsampler=downsampler)
        self._pictures: list[_Picture] = []
        for one, other in zip(_arrays(sigma), _arrays(depth), strict=True):
            plan, steps = plan_layers(
                one.shape,
                one[..., 0],
                other[..., 0],
                sigma_max=float(sigma_max),
                merge_coc=layer_width(sigma_max) if merge_coc is None else merge_coc,
                fill=True,
            )
            self._pictures.append(_Picture(list(steps), plan.coverage))

    def blur(self, image: Tensor) -> Tensor:
        """Layers from far to near."""
        return self._each(image, _Picture.blur)

    def blur_adjoint(self, image: Tensor) -> Tensor:
        """Layers from near to far."""
        return self._each(image, _Picture.blur_adjoint)

    def _each(self, image: Tensor, function: Callable[[_Picture, Pixels], Pixels]) -> Tensor:
        pictures = self._pictures * (len(image) if len(self._pictures) == 1 else 1)
        done = [function(p, one) for p, one in zip(pictures, _arrays(image), strict=True)]
        return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2).contiguous().to(image)


class _Picture:
    """The layers of one picture, applied to (H, W, C) arrays."""

    def __init__(self, steps: list[LayerStep], coverage: NDArray[np.float32]) -> None:
        self._steps, self._coverage = steps, coverage

    def blur(self, image: Pixels) -> Pixels:
        state = np.zeros_like(image)
        for step in self._steps:
            paint(state, image, step)
        return state / self._coverage

    def blur_adjoint(self, image: Pixels) -> Pixels:
        state, source = image / self._coverage, np.zeros_like(image)
        for step in reversed(self._steps):
            paint_adjoint(state, source, step)
        return source


def _arrays(image: Tensor) -> list[Pixels]:
    """(N, C, H, W) -> N arrays (H, W, C) in single or double precision."""
    dtype = torch.promote_types(image.dtype, torch.float32)
    whole = image.detach().to("cpu", dtype).permute(0, 2, 3, 1).contiguous().numpy()
    return list(whole)
