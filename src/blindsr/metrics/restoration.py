"""The scores of a restored image: PSNR, SSIM, and more where asked for."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn

from . import quality
from .modules import MeanOverImages

if TYPE_CHECKING:
    from torch.nn import Module

LOWER_IS_BETTER = ("gmsd", "lpips")


class RestorationScores(nn.Module):
    """Collects scores of SR images over a set, each the mean over its images.

    ``psnr`` [dB] and ``ssim`` are taken on 8-bit luma as in the papers. With ``full`` come ``gmsd``
    (where piq is installed) and ``vif`` (images of at least 41 x 41 pixels), and ``lpips`` where a
    network is given, on 8-bit RGB.

    Args:
        crop: border in pixels left out on every side: 0 as in the papers' tests, or the scale.
        full: more than PSNR and SSIM.
        lpips: from :func:`~blindsr.metrics.lpips.load_lpips`, or ``None``.
    """

    def __init__(self, crop: int = 0, *, full: bool = False, lpips: Module | None = None) -> None:
        super().__init__()
        scores: dict[str, Callable[..., Tensor]] = {
            "psnr": partial(quality.psnr_y, crop=crop),
            "ssim": partial(quality.ssim_y, crop=crop),
        }
        if full:
            if lpips is not None:
                scores["lpips"] = partial(_lpips, network=lpips, crop=crop)
            if importlib.util.find_spec("piq") is not None:
                scores["gmsd"] = partial(quality.gmsd, crop=crop)
            scores["vif"] = partial(_vif, crop=crop)
        self.scores = nn.ModuleDict({name: MeanOverImages(f) for name, f in scores.items()})
        self._lpips = [lpips]  # in a list: the weights are no part of a checkpoint

    def update(self, sr: Tensor, hr: Tensor) -> None:
        """Add a batch, both (N, 3, H, W) in [0, 1]; values outside are clipped."""
        if not len(hr):
            return
        network = self._lpips[0]
        if network is not None:
            network.to(hr.device)
        for score in self.scores.values():
            score.update(sr.float(), hr)  # type: ignore[operator]

    def compute(self) -> dict[str, Tensor]:
        """Scores of all that was added on all ranks; NaN where there was nothing."""
        with warnings.catch_warnings():
            # A rank that has seen nothing of a group must still take part in adding up.
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method.*")
            return {name: score.compute() for name, score in self.scores.items()}  # type: ignore[operator]

    def reset(self) -> None:
        """Forget everything."""
        for score in self.scores.values():
            score.reset()  # type: ignore[operator]


def _vif(sr: Tensor, hr: Tensor, crop: int) -> Tensor:
    """VIF, or NaN (which no mean counts) for images that are too small for it."""
    if min(hr.shape[-2:]) - 2 * crop < quality.VIF_MIN:
        return hr.new_full((len(hr),), float("nan")).double()
    return quality.vif(sr, hr, crop)


def _lpips(sr: Tensor, hr: Tensor, network: Module, crop: int) -> Tensor:
    """LPIPS of 8-bit images, (N,)."""
    height, width = hr.shape[-2:]
    inner = (..., slice(crop, height - crop), slice(crop, width - crop))
    first, second = ((x.clamp(0, 1) * 255).round()[inner] / 255 for x in (sr, hr))
    return network(first, second, normalize=True).flatten().double()
