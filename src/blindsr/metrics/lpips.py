"""LPIPS as a metric, with its backbone from a local file: nothing is ever downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.losses.lpips import LPIPSNet, lpips_network

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_SIZE = 31
"""Smallest image in pixels for the five stages of AlexNet; VGG16 needs 16."""


def load_lpips(path: str | Path, net: LPIPSNet = "alex") -> nn.Module:
    """LPIPS for scores, see :func:`blindsr.losses.lpips.lpips_network`.

    Raises:
        FileError, WeightsError: if the file is missing, unreadable or holds another network.
    """
    return lpips_network(path, net)


def lpips_8bit(sr: Tensor, hr: Tensor, *, network: nn.Module, crop: int = 0) -> Tensor:
    """LPIPS of images after rounding to 8 bit, (N, 3, H, W) in [0, 1] -> (N,) float64.

    Args:
        sr: values outside [0, 1] are clipped.
        hr: the same shape.
        network: from :func:`load_lpips`.
        crop: border in pixels left out on every side.
    """
    height, width = hr.shape[-2:]
    inner = (..., slice(crop, height - crop), slice(crop, width - crop))
    first, second = ((x.clamp(0, 1) * 255).round()[inner] / 255 for x in (sr, hr))
    distances: Tensor = network(first, second, normalize=True)
    return distances.flatten().double()
