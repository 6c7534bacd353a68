"""Scores inside a region of the image, and the measure of invented texture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from . import quality

REGIONS = ("blurred", "sharp")
"""Scores named ``<region>_<score>`` hold inside that region of the images."""
_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_BORDER = 4  # HR pixels inside a region that may still see across its edge


def psnr_y_inside(sr: Tensor, hr: Tensor, inside: Tensor, crop: int = 0) -> Tensor:
    """PSNR in dB on 8-bit luma over the pixels of a region.

    Args:
        sr: (N, 3, H, W); values outside [0, 1] are clipped.
        hr: (N, 3, H, W) in [0, 1].
        inside: (N, 1, H, W) bool, the region.
        crop: border in pixels left out on every side.

    Returns:
        (N,) float64; NaN for an image without such pixels, ``inf`` where all are equal.
    """
    error = (quality.luma_8bit(sr, crop) - quality.luma_8bit(hr, crop)).square()
    return 10 * torch.log10(255.0**2 / _mean_inside(error, _cropped(inside, crop)))


def psnr_y_by_sigma(
    pictures: Iterable[tuple[Tensor, Tensor, Tensor]],
    edges: Sequence[float] = (0, 1, 2, 3, 4, 5, 6, 7, 8),
) -> dict[float, float]:
    """PSNR in dB on 8-bit luma over the pixels of a set that are blurred alike.

    Args:
        pictures: SR and HR (N, 3, H, W) in [0, 1] and true sigma (N, 1, H, W), of any sizes.
        edges: of the ranges of sigma, rising; the last range holds its end too.

    Returns:
        The PSNR by the middle of its range; ranges without pixels are left out.
    """
    edge = torch.as_tensor(edges, dtype=torch.float64)
    total = torch.zeros(len(edges) - 1, dtype=torch.float64)
    count = torch.zeros_like(total)
    for sr, hr, blur in pictures:
        error = (quality.luma_8bit(sr) - quality.luma_8bit(hr)).square().flatten()
        sigma = blur.double().flatten()
        place = (torch.bucketize(sigma, edge, right=True) - 1) - (sigma == edge[-1]).long()
        inside = (place >= 0) & (place < len(total))
        total.index_add_(0, place[inside], error[inside])
        count.index_add_(0, place[inside], torch.ones_like(error[inside]))
    middle = (edge[1:] + edge[:-1]) / 2
    decibels = 10 * torch.log10(255.0**2 * count / total)
    return {float(m): float(d) for m, d, n in zip(middle, decibels, count, strict=True) if n}


def ssim_y_inside(sr: Tensor, hr: Tensor, inside: Tensor, crop: int = 0) -> Tensor:
    """SSIM on 8-bit luma, its map averaged over a region; arguments as `psnr_y_inside`.

    Windows at the region's edge reach across it.
    """
    full = quality.ssim_map(quality.luma_8bit(sr, crop), quality.luma_8bit(hr, crop), 255.0)
    edge = quality.SSIM_BORDER
    return _mean_inside(
        full[..., edge:-edge, edge:-edge], _cropped(inside, crop)[..., edge:-edge, edge:-edge]
    )


def texture_ratio(sr: Tensor, hr: Tensor, blurred: Tensor) -> Tensor:
    """Laplacian energy of SR over that of HR inside the blurred region, on 8-bit luma.

    A measure of texture that a network invents where blur was intended; it needs no weights. Four
    pixels along the region's edge are left out: sharp neighbours would decide the number there.

    Args:
        sr: (N, 3, H, W); values outside [0, 1] are clipped.
        hr: (N, 3, H, W) in [0, 1].
        blurred: (N, 1, H, W) bool.

    Returns:
        (N,) float64 >= 0; NaN for an image without blurred pixels or with no energy there at all.
    """
    outside = (~blurred).float()
    inner = max_pool2d(outside, 2 * _BORDER + 1, stride=1, padding=_BORDER) == 0
    kernel = torch.tensor(_LAPLACIAN, dtype=torch.float64, device=sr.device)[None, None]
    first, second = (
        conv2d(quality.luma_8bit(image), kernel, padding=1).square() for image in (sr, hr)
    )
    inner[..., [0, -1], :] = False  # the Laplacian knows nothing beyond the border
    inner[..., :, [0, -1]] = False
    # 0 / 0 is NaN, x / 0 infinite: neither says anything, and no mean counts them
    ratio = _mean_inside(first, inner) / _mean_inside(second, inner)
    return ratio.where(ratio.isfinite(), torch.nan)


def texture_log2(sr: Tensor, hr: Tensor, inside: Tensor) -> Tensor:
    """log2 of :func:`texture_ratio`, whose mean no single picture decides; NaN for none left.

    Twice and half the texture of HR are +1 and -1, where the mean of their ratios would be 1.25.
    """
    found = texture_ratio(sr, hr, inside).log2()
    return found.where(found.isfinite(), torch.nan)


def _mean_inside(values: Tensor, inside: Tensor) -> Tensor:
    """Mean over the true pixels of each image, (N,); NaN without any."""
    weight = inside.to(values.dtype)
    return (values * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))


def _cropped(inside: Tensor, crop: int) -> Tensor:
    height, width = inside.shape[-2:]
    return inside[..., crop : height - crop, crop : width - crop]
