"""What losses in features ask of their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blindsr.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def require_images(sr: Tensor, hr: Tensor, min_size: int) -> None:
    """Raise a DataError unless both are (N, 3, H, W) of one shape, at least ``min_size`` a side."""
    if sr.ndim != 4 or sr.shape[1] != 3 or min(sr.shape[-2:]) < min_size:
        raise DataError(
            "sr",
            found=f"shape {tuple(sr.shape)}",
            expected=f"(N, 3, H, W) of at least {min_size} x {min_size} pixels",
        )
    if sr.shape != hr.shape:
        raise DataError(
            "hr", found=f"shape {tuple(hr.shape)}", expected=f"{tuple(sr.shape)} as the SR image"
        )
