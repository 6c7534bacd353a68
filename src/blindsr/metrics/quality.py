"""PSNR and SSIM of one image each, in the conventions of the papers.

Colour images are compared as a released test script does it: both are clipped and rounded to 8 bit,
turned into the luma Y of ITU-R BT.601 (not rounded, data range 255) and scored per image; a set's
score is the mean over its images, never the PSNR of a pooled error. Blur maps are divided by
sigma_max and compared with data range 1, neither clipped nor rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from torchmetrics.functional.image import visual_information_fidelity

from blindsr.errors import DataError
from blindsr.imaging.color import rgb_to_y

if TYPE_CHECKING:
    from torch import Tensor

SSIM_BORDER = 5
"""Half of the 11-tap Gaussian window: the papers average only where the window fits."""

_SSIM_SIGMA = 1.5

SSIM_MIN = 2 * SSIM_BORDER + 1
"""Smallest image for SSIM: one window fits."""

GMSD_MIN = 6
"""Smallest image for GMSD: one 3 x 3 Prewitt window fits into the image at half size.

Below it every gradient reaches into the zero padding; one pixel alone would even score a perfect 0.
"""

VIF_MIN = 41
"""Smallest image for VIF's four scales."""


def require_same_shape(name: str, first: Tensor, second: Tensor) -> None:
    """Raise a DataError unless both are (N, C, H, W) of one shape."""
    if first.shape != second.shape or first.ndim != 4:
        raise DataError(
            name,
            found=f"shapes {tuple(first.shape)} and {tuple(second.shape)}",
            expected="two equal shapes (N, C, H, W)",
        )


def require_size(name: str, image: Tensor, least: int) -> None:
    """Raise a DataError if a side of the images is shorter than ``least`` pixels."""
    if min(image.shape[-2:]) < least:
        raise DataError(
            name,
            found=f"an image of {tuple(image.shape[-2:])} pixels",
            expected=f">= {least} x {least}",
        )


def psnr(estimate: Tensor, target: Tensor, data_range: float) -> Tensor:
    """PSNR in dB of each image of a batch, (N, C, H, W) -> (N,) float64; ``inf`` where equal."""
    require_same_shape("psnr", estimate, target)
    # torchmetrics converts ln to log10 in float32, an error of 1e-6 dB
    error = (estimate.double() - target.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(data_range**2 / error)


def ssim(estimate: Tensor, target: Tensor, data_range: float) -> Tensor:
    """SSIM of each image of a batch, (N, C, H, W) -> (N,) float64.

    Gaussian window of 11 taps and sigma 1.5, K = (0.01, 0.03), mean over the region where the
    window fits (Wang et al. 2004).

    Raises:
        DataError: if the shapes differ or an image is smaller than the window.
    """
    full = ssim_map(estimate, target, data_range)
    inner = full[..., SSIM_BORDER:-SSIM_BORDER, SSIM_BORDER:-SSIM_BORDER]
    return inner.flatten(1).mean(1)


def ssim_map(estimate: Tensor, target: Tensor, data_range: float) -> Tensor:
    """SSIM around every pixel, (N, C, H, W) -> (N, C, H, W) float64; see :func:`ssim`.

    The outer 5 pixels are of windows that do not fit; no mean should count them.

    Raises:
        DataError: if the shapes differ or an image is smaller than the window.
    """
    require_same_shape("ssim", estimate, target)
    require_size("ssim", target, SSIM_MIN)
    x, y = (
        functional.pad(image.double(), 4 * [SSIM_BORDER], mode="reflect")
        for image in (estimate, target)
    )
    means = _gaussian_means(torch.stack([x, y, x * x, y * y, x * y]))
    of_x, of_y = means[0], means[1]
    squares = of_x.square() + of_y.square()
    variances = (means[2] - of_x.square()).clamp(min=0) + (means[3] - of_y.square()).clamp(min=0)
    c1, c2 = ((k * data_range) ** 2 for k in (0.01, 0.03))
    means_alike = (2 * of_x * of_y + c1) / (squares + c1)
    return means_alike * (2 * (means[4] - of_x * of_y) + c2) / (variances + c2)


def _gaussian_means(images: Tensor) -> Tensor:
    """Of every whole window, columns before rows: 22 products a pixel instead of 121."""
    offsets = torch.arange(-SSIM_BORDER, SSIM_BORDER + 1, dtype=torch.float64)
    taps = torch.exp(-((offsets / _SSIM_SIGMA) ** 2) / 2)
    for axis in (-1, -2):
        length = images.shape[axis] - 2 * SSIM_BORDER
        total = torch.zeros_like(images.narrow(axis, 0, length))
        for start, tap in enumerate((taps / taps.sum()).tolist()):
            total = total.add(images.narrow(axis, start, length), alpha=tap)
        images = total
    return images


def luma_8bit(image: Tensor, crop: int = 0) -> Tensor:
    """Y of a colour image after rounding to 8 bit.

    Args:
        image: (N, 3, H, W) sRGB in [0, 1]; values outside are clipped.
        crop: border in pixels left out on every side.

    Returns:
        (N, 1, H - 2 crop, W - 2 crop) float64 in [16, 235].
    """
    y = rgb_to_y((image.float().clamp(0, 1) * 255).round())
    return y[..., crop : y.shape[-2] - crop, crop : y.shape[-1] - crop]


def psnr_y(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """PSNR in dB on 8-bit luma, (N, 3, H, W) in [0, 1] -> (N,)."""
    require_same_shape("psnr_y", sr, hr)
    return psnr(luma_8bit(sr, crop), luma_8bit(hr, crop), data_range=255.0)


def ssim_y(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """SSIM on 8-bit luma, (N, 3, H, W) in [0, 1] -> (N,)."""
    require_same_shape("ssim_y", sr, hr)
    return ssim(luma_8bit(sr, crop), luma_8bit(hr, crop), data_range=255.0)


def blur_psnr(estimate: Tensor, blur: Tensor, sigma_max: float) -> Tensor:
    """PSNR in dB of sigma maps over sigma_max, (N, 1, H, W) in HR pixels -> (N,)."""
    require_same_shape("blur_psnr", estimate, blur)
    return psnr(estimate / sigma_max, blur / sigma_max, data_range=1.0)


def blur_ssim(estimate: Tensor, blur: Tensor, sigma_max: float) -> Tensor:
    """SSIM of sigma maps scaled so that sigma_max is 255, (N, 1, H, W) in HR pixels -> (N,)."""
    require_same_shape("blur_ssim", estimate, blur)
    scale = 255.0 / sigma_max
    return ssim(estimate.double() * scale, blur.double() * scale, data_range=255.0)


def blur_rank(estimate: Tensor, blur: Tensor, sigma_max: float) -> Tensor:  # noqa: ARG001 - one form for all
    """Spearman's rank correlation of sigma maps, (N, 1, H, W) in HR pixels -> (N,) float64.

    1 where the estimate orders all pixels as the truth does, 0 for an estimate that is a constant;
    NaN where the truth is one. Ties share their mean rank.

    Args:
        estimate: estimated sigma.
        blur: true sigma.
        sigma_max: has no part in it.
    """
    require_same_shape("blur_rank", estimate, blur)
    pairs = zip(estimate.flatten(1).double(), blur.flatten(1).double(), strict=True)
    return torch.stack([_spearman(one, true) for one, true in pairs])


def _spearman(one: Tensor, true: Tensor) -> Tensor:
    if not one.isfinite().all() or true.min() == true.max():
        return true.new_tensor(torch.nan)
    first, second = (ranks - ranks.mean() for ranks in map(_ranks, (one, true)))
    spread = (first.square().sum() * second.square().sum()).sqrt()
    return torch.where(spread > 0, (first * second).sum() / spread.clamp(min=1e-300), 0.0)


def _ranks(values: Tensor) -> Tensor:
    """Mean ranks of (N,) values, from 1 on."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[place]


def best_constant_blur_psnr(blur: Tensor, sigma_max: float) -> Tensor:
    """PSNR that the best constant sigma of each image would reach, (N, 1, H, W) -> (N,).

    The constant is the mean, which minimises the squared error. ``inf`` for a uniform map.
    """
    constant = blur.mean(dim=(1, 2, 3), keepdim=True).expand_as(blur)
    return blur_psnr(constant, blur, sigma_max)


def gmsd(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """Gradient magnitude similarity deviation on 8-bit luma, lower is better (Xue et al. 2014).

    (N, 3, H, W) in [0, 1] -> (N,). Needs no weights; computed by piq (extra ``metrics``).

    Raises:
        ImportError: without piq.
        DataError: if the shapes differ or an image is smaller than 6 x 6.
    """
    import piq

    require_same_shape("gmsd", sr, hr)
    first, second = (luma_8bit(image, crop).float() / 255 for image in (sr, hr))
    require_size("gmsd", first, GMSD_MIN)
    # piq raises at NaN, which here is the answer for the image that has it
    valid = (first + second).flatten(1).isfinite().all(1)
    scores = piq.gmsd(first.nan_to_num(), second.nan_to_num(), data_range=1.0, reduction="none")
    return scores.double().where(valid, torch.nan)


def vif(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """Visual information fidelity on 8-bit luma, pixel domain (Sheikh and Bovik 2006).

    (N, 3, H, W) in [0, 1] -> (N,); 1 for equal images. Needs no weights.

    Raises:
        DataError: if the shapes differ or an image is smaller than 41 x 41.
    """
    require_same_shape("vif", sr, hr)
    first, second = (luma_8bit(image, crop).float() for image in (sr, hr))
    require_size("vif", first, VIF_MIN)
    return visual_information_fidelity(first, second, reduction="none").double()


def depth_mae(estimate: Tensor, depth: Tensor) -> Tensor:
    """Mean distance of two maps of relative inverse depth (N, 1, H, W) in [0, 1] -> (N,)."""
    require_same_shape("depth_mae", estimate, depth)
    return (estimate.double() - depth.double()).abs().mean(dim=(1, 2, 3))


def psnr_of_lr(degraded: Tensor, lr: Tensor) -> Tensor:
    """PSNR over all colours of two LR images (N, 3, h, w) in [0, 1] -> (N,) dB."""
    error = (degraded.double() - lr.double()).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error)
