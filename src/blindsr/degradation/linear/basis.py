"""Any field of kernels as a blend of a few invariant ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.backends import cudnn
from torch.nn.functional import conv2d, conv_transpose2d

from blindsr.degradation.gather_torch import fold_symmetric, pad_symmetric
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import Downsampler

from .operator import LinearOperator


class BasisOperator(LinearOperator):
    """Blur by kernels that vary from pixel to pixel, anisotropic and motion included.

        B x (p) = sum_k weights_k(p) sum_q kernels_k(q) x(p + q)

    See :class:`~blindsr.degradation.linear.operator.LinearOperator` for ``A(x)``, ``adjoint`` and
    ``prox``.

    Args:
        weights: (N, K, H, W) at HR size.
        kernels: (K, k, k), k odd; the middle one is the pixel itself. Borders are mirrored.
        scale: LR is this many times smaller.
        downsampler: ``"sfold"``, ``"bicubic"`` or ``"area"``.

    Raises:
        DataError: shapes that do not fit.
        ConfigError: a setting that makes no sense.
    """

    def __init__(
        self,
        weights: Tensor,
        kernels: Tensor,
        *,
        scale: int,
        downsampler: Downsampler = "sfold",
    ) -> None:
        square = kernels.ndim == 3 and kernels.shape[1] == kernels.shape[2]
        if not square or kernels.shape[1] % 2 == 0:
            raise DataError(
                "kernels", found=f"shape {tuple(kernels.shape)}", expected="(K, k, k), k odd"
            )
        if weights.ndim != 4 or weights.shape[1] != len(kernels):
            raise DataError(
                "weights",
                found=f"shape {tuple(weights.shape)}",
                expected=f"(N, {len(kernels)}, H, W) for as many kernels",
            )
        count, _, height, width = weights.shape
        super().__init__((count, height, width), scale=scale, downsampler=downsampler)
        self._weights = weights.detach()
        self._kernels = kernels.detach().unsqueeze(1)  # (K, 1, k, k)
        self._pad = kernels.shape[1] // 2

    @classmethod
    def from_kernels(
        cls,
        kernels: Tensor,
        *,
        scale: int,
        rank: int = 16,
        downsampler: Downsampler = "sfold",
    ) -> BasisOperator:
        """Take a field of one kernel per LR pixel, as MANet and KOALAnet estimate.

        The kernels become their mean and their first principal components, so that a sum of 1
        stays one. With s-fold down-sampling each LR pixel then has its own kernel; with another,
        the pixels that make an LR pixel share it.

        Args:
            kernels: (N, k * k, h, w), row by row, see :class:`~blindsr.types.Estimate`.
            scale: LR is this many times smaller.
            rank: number of components; k * k or more is exact.
            downsampler: ``"sfold"``, ``"bicubic"`` or ``"area"``.

        Raises:
            DataError: no square number of taps.
            ConfigError: ``rank`` below 0.
        """
        side = math.isqrt(kernels.shape[1]) if kernels.ndim == 4 else 0
        if side == 0 or side**2 != kernels.shape[1]:
            raise DataError(
                "kernels", found=f"shape {tuple(kernels.shape)}", expected="(N, k * k, h, w)"
            )
        if rank < 0:
            raise ConfigError("rank", found=str(rank), expected="0 or more")
        count, taps, height, width = kernels.shape
        field = kernels.detach().permute(0, 2, 3, 1).reshape(-1, taps)  # (N h w, k k)
        mean = field.mean(dim=0)
        # the scatter is k k by k k, however large the picture
        centred = field - mean
        vectors = torch.linalg.eigh((centred.T @ centred).double()).eigenvectors
        basis = vectors.flip(1)[:, : min(rank, taps)].to(field)  # (k k, K), largest first
        weights = torch.cat([torch.ones_like(field[:, :1]), centred @ basis], dim=1)
        weights = weights.view(count, height, width, -1).permute(0, 3, 1, 2)
        weights = weights.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        parts = torch.cat([mean[None], basis.T]).view(-1, side, side)
        return cls(weights, parts, scale=scale, downsampler=downsampler)

    def blur(self, image: Tensor) -> Tensor:
        """Invariant blurs, blended."""
        count, channels, height, width = image.shape
        padded = pad_symmetric(image, self._pad).flatten(0, 1).unsqueeze(1)
        with cudnn.flags(enabled=cudnn.enabled, allow_tf32=False):  # TF32 has 10 bits
            blurred = conv2d(padded, self._kernels.to(image))  # (N C, K, H, W)
        blurred = blurred.view(count, channels, -1, height, width)
        return (self._weights.to(image).unsqueeze(1) * blurred).sum(dim=2)

    def blur_adjoint(self, image: Tensor) -> Tensor:
        """The same in reverse."""
        count, channels = image.shape[:2]
        parts = (self._weights.to(image).unsqueeze(1) * image.unsqueeze(2)).flatten(0, 1)
        with cudnn.flags(enabled=cudnn.enabled, allow_tf32=False):
            padded = conv_transpose2d(parts, self._kernels.to(image))
        return fold_symmetric(padded.view(count, channels, *padded.shape[2:]), self._pad)
