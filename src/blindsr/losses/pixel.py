"""Losses per pixel: L1 of restored images, likelihood of an estimate with an uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import l1_loss

from blindsr.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def pixel_l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of two images (N, 3, H, W) in [0, 1] (loss of RRDB-SFT).

    Raises:
        DataError: if the shapes differ; broadcasting would hide that.
    """
    if sr.shape != hr.shape:
        raise DataError(
            "hr", found=f"shape {tuple(hr.shape)}", expected=f"{tuple(sr.shape)} as the SR image"
        )
    return l1_loss(sr, hr)


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
