"""What two looks at a picture, and sure neighbours, add to an estimate of blur.

A code is (N, 2, h, w): log2(sigma + 0.25), sigma in pixels, and ln of its Laplace scale. All
constants were chosen on held-out scenes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from blindsr.networks.blocks.gradient_energy import gaussian

SIGMA_OFFSET = 0.25
"""Sigma is estimated as log2(sigma + this), sigma in pixels of the picture given."""
_COARSE_FROM = 2.5  # pixels; below, a picture of half the size shows nothing of blur
_REACH = 24.0  # pixels over which sure neighbours count
_GRID = 4  # sums over neighbours are taken on a grid that much coarser
_PRECISION = 6  # power of the inverse scale that weighs neighbours
_UNSURE = 1.4  # Laplace scale in octaves from which on a pixel leaves all to its neighbours


def sigma_of(log_sigma: Tensor) -> Tensor:
    """Pixels, at least 0."""
    return (torch.exp2(log_sigma) - SIGMA_OFFSET).clamp_min(0)


def halved(picture: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C, h/2, w/2), rounded up."""
    return _shrunk(picture, 2)


def fused(full: Tensor, half: Tensor) -> Tensor:
    """Join the code of a picture with that of the picture at half its size, by their scales.

    Wide blur is seen better in the smaller picture, which shows twice the surroundings.
    """
    half = interpolate(half, size=full.shape[-2:], mode="bilinear", align_corners=False)
    sigma = 2 * sigma_of(half[:, :1])
    weight = torch.exp(-2 * full[:, 1:])
    other = torch.exp(-2 * half[:, 1:]) * torch.sigmoid(2 * (sigma - _COARSE_FROM))
    mean = weight * full[:, :1] + other * torch.log2(sigma + SIGMA_OFFSET)
    return torch.cat([mean / (weight + other), full[:, 1:]], dim=1)


def leaning_on_neighbours(code: Tensor) -> Tensor:
    """Where the code is unsure, take over what the surest pixels around it say."""
    log_sigma, log_scale = code.split(1, dim=1)
    weight = torch.exp(-_PRECISION * log_scale)
    total, mass = (
        gaussian(_shrunk(part, _GRID), _REACH / _GRID) for part in (weight * log_sigma, weight)
    )
    around = interpolate(
        total / mass.clamp_min(1e-12), size=code.shape[-2:], mode="bilinear", align_corners=False
    )
    share = (log_scale.exp() / _UNSURE).clamp(max=1)
    return torch.cat([torch.lerp(log_sigma, around, share), log_scale], dim=1)


def _shrunk(x: Tensor, factor: int) -> Tensor:
    height, width = (math.ceil(side / factor) for side in x.shape[-2:])
    return interpolate(x, size=(height, width), mode="area")
