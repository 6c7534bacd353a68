"""Colour: the luma that super-resolution papers score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blindsr.errors import DataError

if TYPE_CHECKING:
    import torch

_LUMA = (65.481, 128.553, 24.966)


def rgb_to_y(rgb255: torch.Tensor) -> torch.Tensor:
    """Return the studio-range luma of ITU-R BT.601, MATLAB's ``rgb2ycbcr``, without rounding.

    Y = (65.481 R + 128.553 G + 24.966 B) / 255 + 16, so Y spans [16, 235].

    Args:
        rgb255: (..., 3, H, W) with values in [0, 255].

    Returns:
        (..., 1, H, W) float64.

    Raises:
        DataError: the third axis from the end is not 3.
    """
    if rgb255.ndim < 3 or rgb255.shape[-3] != 3:
        raise DataError("image", found=f"shape {tuple(rgb255.shape)}", expected="(..., 3, H, W)")
    red, green, blue = rgb255.double().split(1, dim=-3)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue) / 255.0 + 16.0
