"""Pixel losses of restored images."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
