"""Scores as pyiqa takes them, which the PBaSR paper used: full-range luma, or 8-bit RGB.

Images are clipped and rounded to 8 bit; luma is 0.299 R + 0.587 G + 0.114 B from 0 to 255, rounded
again. The scores of :mod:`.quality` look at studio-range luma from 16 to 235 instead: the same
images have other values there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from .quality import GMSD_MIN, require_same_shape, require_size
from .wavelet_vif import LEAST_SIZE as VIF_WAVELET_MIN
from .wavelet_vif import wavelet_vif

if TYPE_CHECKING:
    from torch import Tensor

MS_SSIM_MIN = 161
"""Smallest image for MS-SSIM: a window of 11 pixels fits after four halvings."""

VSI_MIN = 6
"""Smallest image for VSI, as for GMSD."""

_LUMA = (0.299, 0.587, 0.114)


def rgb_8bit(image: Tensor, crop: int = 0) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> whole numbers 0..255 in float64 without the cropped border."""
    inner = (..., slice(crop, image.shape[-2] - crop), slice(crop, image.shape[-1] - crop))
    return (image.double().clamp(0, 1) * 255).round()[inner]


def luma_full(image: Tensor, crop: int = 0) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N, 1, H - 2 crop, W - 2 crop), whole numbers 0..255, float64."""
    weights = torch.tensor(_LUMA, dtype=torch.float64, device=image.device).view(1, 3, 1, 1)
    return (rgb_8bit(image, crop) * weights).sum(1, keepdim=True).round()


def gmsd_full(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """GMSD on full-range luma, (N, 3, H, W) in [0, 1] -> (N,); lower is better. By piq.

    Raises:
        ImportError: without piq.
        DataError: if the shapes differ or an image is smaller than 6 x 6.
    """
    import piq

    return _of_each(piq.gmsd, luma_full(sr, crop), luma_full(hr, crop), GMSD_MIN)


def ms_ssim(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """MS-SSIM of five scales on full-range luma (Wang et al. 2003); arguments as `gmsd_full`."""
    import piq

    first, second = luma_full(sr, crop), luma_full(hr, crop)
    return _of_each(piq.multi_scale_ssim, first, second, MS_SSIM_MIN)


def vsi(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """Visual saliency-induced index on 8-bit RGB (Zhang et al. 2014); arguments as `gmsd_full`."""
    import piq

    return _of_each(piq.vsi, rgb_8bit(sr, crop), rgb_8bit(hr, crop), VSI_MIN)


def vif_wavelet(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """VIF of wavelet bands on full-range luma, see :mod:`.wavelet_vif`; computed on the CPU.

    Raises:
        ImportError: without pyrtools.
        DataError: if the shapes differ or an image is smaller than 72 x 72.
    """

    def score(first: Tensor, second: Tensor, **_: object) -> Tensor:
        pairs = zip(first[:, 0].cpu().numpy(), second[:, 0].cpu().numpy(), strict=True)
        return torch.tensor([wavelet_vif(seen * 255, true * 255) for seen, true in pairs])

    return _of_each(score, luma_full(sr, crop), luma_full(hr, crop), VIF_WAVELET_MIN)


def _of_each(score: Callable[..., Tensor], first: Tensor, second: Tensor, least: int) -> Tensor:
    """Scores of images in [0, 255], (N,) float64; NaN for one with a pixel that is NaN."""
    require_same_shape("score", first, second)
    require_size("score", first, least)
    valid = (first + second).flatten(1).isfinite().all(1)
    # piq takes the mean of a batch's score in places and raises at NaN: one image after the other
    every = zip(first.nan_to_num().split(1), second.nan_to_num().split(1), strict=True)
    scores = [score(a / 255, b / 255, data_range=1.0, reduction="none") for a, b in every]
    return torch.cat([one.reshape(1).to(first) for one in scores]).where(valid, torch.nan)
