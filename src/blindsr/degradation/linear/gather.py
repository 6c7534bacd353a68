"""The gather operator with its adjoint: every pixel has its own Gaussian window."""

from __future__ import annotations

import torch
from torch import Tensor

from blindsr.degradation.gather_torch import LevelBlend
from blindsr.degradation.levels import blur_levels
from blindsr.errors import DataError
from blindsr.imaging.resize import Downsampler

from .operator import LinearOperator


class BlurOperator(LinearOperator):
    """Blur by a map of sigma, then down-sampling: what ``degrade(operator="gather")`` does.

    See :class:`~blindsr.degradation.linear.operator.LinearOperator` for ``A(x)``, ``adjoint`` and
    ``prox``.

    Args:
        sigma: (N, 1, H, W) nominal sigma in HR pixels, clamped to [0, sigma_max].
        scale: LR is this many times smaller.
        sigma_max: fixes the window of ``4 sigma_max + 1`` taps.
        downsampler: ``"sfold"``, ``"bicubic"`` or ``"area"``.
        levels: number of invariant blurs that are blended.
        exact_uniform: a picture of one single sigma is blurred with its own window.

    Raises:
        DataError: sigma of another shape, with NaN, or with sides that are no multiple of
            ``scale``.
        ConfigError: a setting that makes no sense.
    """

    def __init__(
        self,
        sigma: Tensor,
        *,
        scale: int,
        sigma_max: float,
        downsampler: Downsampler = "sfold",
        levels: int = 16,
        exact_uniform: bool = True,
    ) -> None:
        count, height, width = checked_map("sigma", sigma)
        super().__init__((count, height, width), scale=scale, downsampler=downsampler)
        stack = blur_levels(float(sigma_max), int(levels))
        dtype = torch.promote_types(sigma.dtype, torch.float32)
        with torch.no_grad():
            self._blend = LevelBlend(sigma.detach().to(dtype), stack, exact_uniform=exact_uniform)

    def blur(self, image: Tensor) -> Tensor:
        """Every pixel with its own window."""
        return self._blend.blur(image)

    def blur_adjoint(self, image: Tensor) -> Tensor:
        """Every pixel spread by its own window."""
        return self._blend.adjoint(image)


def checked_map(name: str, map_: Tensor) -> tuple[int, int, int]:
    """Return N, H and W of a map (N, 1, H, W).

    Raises:
        DataError: another shape, or NaN.
    """
    if map_.ndim != 4 or map_.shape[1] != 1 or not map_.numel():
        raise DataError(name, found=f"shape {tuple(map_.shape)}", expected="(N, 1, H, W)")
    if bool(map_.isnan().any()):
        raise DataError(name, found="NaN", expected="numbers", fix="Fill the holes first")
    return map_.shape[0], map_.shape[2], map_.shape[3]
