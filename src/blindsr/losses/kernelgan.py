"""Losses of KernelGAN: what a generator that learns a kernel from one image must fulfil."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from blindsr.errors import ConfigError
from blindsr.imaging.resize import downsampler_taps

BicubicLoss = Literal["per_channel", "released"]
_MARGIN = 2  # taps at the border that must be small
_SPARSE_POWER = 0.2
_STEEPNESS = 30.0


def real_or_not(map_: Tensor, *, real: bool) -> Tensor:
    """Mean distance of the discriminator's map from 1 (real) or 0."""
    return (map_ - float(real)).abs().mean()


def bicubic_target(
    crop: Tensor, size: tuple[int, int], kind: BicubicLoss = "per_channel"
) -> Tensor:
    """The crop reduced by 2 as MATLAB does, cut to a size.

    Args:
        crop: (N, 3, H, W).
        size: rows and columns of the generator's image.
        kind: ``"released"`` gives every channel the sum of all three, a fault that makes a grey
            image three times too bright.

    Raises:
        ConfigError: for another ``kind``.
    """
    if kind not in ("per_channel", "released"):
        raise ConfigError("bicubic_loss", found=repr(kind), expected="'per_channel' or 'released'")
    weights, before = downsampler_taps("bicubic", 2)
    taps = torch.tensor(weights, dtype=crop.dtype, device=crop.device)
    window = taps[:, None] * taps
    channels = crop.shape[1]
    if kind == "released":
        filters = window.expand(channels, channels, -1, -1)
        found = conv2d(crop, filters, stride=2, padding=before)
    else:
        filters = window.expand(channels, 1, -1, -1)
        found = conv2d(crop, filters, stride=2, padding=before, groups=channels)
    (top, rows), (left, columns) = (
        ((all_ - kept) // 2, kept) for all_, kept in zip(found.shape[-2:], size, strict=True)
    )
    return found[..., top : top + rows, left : left + columns]


def bicubic_loss(made: Tensor, crop: Tensor, kind: BicubicLoss = "per_channel") -> Tensor:
    """Mean square difference of the generator's image from :func:`bicubic_target`."""
    height, width = made.shape[-2:]
    return (made - bicubic_target(crop, (height, width), kind)).square().mean()


def penalty_mask(side: int, like: Tensor) -> Tensor:
    """(side, side): how small a tap has to be, most at the corners; 0 but at the border."""
    place = torch.arange(side, dtype=like.dtype, device=like.device) - side // 2
    profile = torch.exp(-place.square() / (2 * side**2))
    mask = _STEEPNESS * (1 - profile[:, None] * profile)
    mask[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = 0
    return mask


def kernel_terms(kernel: Tensor, scale: int = 2) -> dict[str, Tensor]:
    """What a kernel (k, k), k odd, is penalised for.

    Returns:
        ``sum``: the distance of its sum from 1; ``boundary``: taps at its border; ``centre``: its
        centre of mass off ``k // 2 + (scale - 1) / 2``; ``sparse``: many small taps.
    """
    side = len(kernel)
    place = torch.arange(side, dtype=kernel.dtype, device=kernel.device)
    total = kernel.sum()
    mass = torch.stack([(kernel.sum(dim=1 - axis) * place).sum() for axis in (0, 1)]) / total
    return {
        "sum": (1 - total).abs(),
        "boundary": (kernel * penalty_mask(side, kernel)).abs().mean(),
        "centre": (mass - (side // 2 + (scale - 1) / 2)).square().mean(),
        "sparse": kernel.abs().pow(_SPARSE_POWER).mean(),
    }
