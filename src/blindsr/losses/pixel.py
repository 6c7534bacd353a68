"""Losses per pixel: L1 and RMSE of images, likelihood of an estimate with an uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import l1_loss

from blindsr.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


_LEAST_SQUARE = 1e-5
"""Added to a mean square, so that pictures which match already have a gradient that is small."""


def pixel_l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of two images (N, 3, H, W) in [0, 1] (loss of RRDB-SFT).

    Raises:
        DataError: if the shapes differ; broadcasting would hide that.
    """
    _require_same_shape(sr, hr)
    return l1_loss(sr, hr)


def picture_rmse(sr: Tensor, hr: Tensor) -> Tensor:
    """Root of each image's mean square difference, and the mean over images, in [0, 1].

    Images (N, 3, H, W) in [0, 1]. Nearer to a mean of PSNR than L1 is: large errors count more
    within an image, and images that are hard do not outweigh the others.

    Raises:
        DataError: if the shapes differ; broadcasting would hide that.
    """
    _require_same_shape(sr, hr)
    return ((sr - hr).square().mean(dim=(1, 2, 3)) + _LEAST_SQUARE).sqrt().mean()


def mean_square(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared difference of two images (N, 3, H, W): what a denoiser of diffusion learns.

    Raises:
        DataError: if the shapes differ.
    """
    _require_same_shape(sr, hr)
    return (sr - hr).square().mean()


def _require_same_shape(sr: Tensor, hr: Tensor) -> None:
    if sr.shape != hr.shape:
        raise DataError(
            "hr", found=f"shape {tuple(hr.shape)}", expected=f"{tuple(sr.shape)} as the SR image"
        )


def laplace_nll(estimate: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Mean of ``|x - t| / b + ln b``, b the estimated scale.

    Args:
        estimate: x, any shape.
        log_scale: ln b, of the same shape.
        target: t, of the same shape.

    Returns:
        A scalar; without the constant ln 2.
    """
    return ((estimate - target).abs() * (-log_scale).exp() + log_scale).mean()
