"""Scores of networks that must keep intended blur (PBaSR): by region, and over-texturing."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from . import quality
from .modules import MeanOverImages
from .restoration import RestorationScores

if TYPE_CHECKING:
    from collections.abc import Callable

REGIONS = ("blurred", "sharp")
TEXTURE = "texture"
_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_BORDER = 4  # HR pixels inside a region that may still see across its edge


class PreservationScores(nn.Module):
    """Scores of the whole image, inside its blurred and sharp regions, and of invented texture.

    ``psnr``, ``ssim``, ``gmsd``, ``vif`` and ``lpips`` are those of :class:`RestorationScores`.
    With a mask come ``blurred_<score>`` and ``sharp_<score>``. PSNR and SSIM are means over the
    region's pixels. The others compare windows or features of the whole image: outside the region
    the SR image is replaced by HR, so only the region can differ. They shrink with its share of
    the image: compare them between networks, not between regions. ``texture`` is
    :func:`texture_ratio`: 1 keeps the blur as it is, more invents texture in it, less smooths it.

    Args:
        crop: border in pixels left out on every side.
        full: more than PSNR, SSIM and ``texture``.
        lpips: from :func:`~blindsr.metrics.lpips.load_lpips`, or ``None``.
    """

    def __init__(
        self, crop: int = 0, *, full: bool = False, lpips: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.whole = RestorationScores(crop, full=full, lpips=lpips)
        regional: dict[str, Callable[..., Tensor]] = {
            "psnr": partial(psnr_y_inside, crop=crop),
            "ssim": partial(ssim_y_inside, crop=crop),
        }
        pasted = [name for name in self.whole.scores if name not in regional]
        self.regional = nn.ModuleDict(
            {
                f"{region}_{name}": MeanOverImages(f)
                for region in REGIONS
                for name, f in regional.items()
            }
        )
        self.pasted = nn.ModuleDict(
            {region: RestorationScores(crop, full=full, lpips=lpips) for region in REGIONS}
            if pasted
            else {}
        )
        self._pasted = pasted
        self.texture = MeanOverImages(texture_ratio)

    def update(self, sr: Tensor, hr: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            sr: (N, 3, H, W), clipped to [0, 1].
            hr: (N, 3, H, W) in [0, 1].
            mask: (N, 1, H, W), 1 = sharp, 0 = blurred; ``None`` scores whole images alone.
        """
        self.whole.update(sr, hr)
        if mask is None or not len(hr):
            return
        inside = {"blurred": mask < 0.5, "sharp": mask >= 0.5}
        for name, score in self.regional.items():
            score.update(sr.float(), hr, inside[name.partition("_")[0]])  # type: ignore[operator]
        for region, scores in self.pasted.items():
            held = inside[region].flatten(1).any(1)  # images without the region say nothing of it
            if held.any():
                image = torch.where(inside[region], sr.float(), hr)
                scores.update(image[held], hr[held])  # type: ignore[operator]
        self.texture.update(sr.float(), hr, inside["blurred"])

    def compute(self) -> dict[str, Tensor]:
        """Scores of all that was added on all ranks; NaN where there was nothing."""
        values = dict(self.whole.compute())
        with warnings.catch_warnings():
            # A rank that has seen no mask must still take part in adding up.
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method.*")
            found = {name: score.compute() for name, score in self.regional.items()}  # type: ignore[operator]
            found[TEXTURE] = self.texture.compute()
        for region, scores in self.pasted.items():
            computed = scores.compute()  # type: ignore[operator]
            found.update({f"{region}_{name}": computed[name] for name in self._pasted})
        return values | found

    def reset(self) -> None:
        """Forget everything."""
        for scores in (self.whole, *self.regional.values(), *self.pasted.values(), self.texture):
            scores.reset()  # type: ignore[operator]


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


def _mean_inside(values: Tensor, inside: Tensor) -> Tensor:
    """Mean over the true pixels of each image, (N,); NaN without any."""
    weight = inside.to(values.dtype)
    return (values * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))


def _cropped(inside: Tensor, crop: int) -> Tensor:
    height, width = inside.shape[-2:]
    return inside[..., crop : height - crop, crop : width - crop]
