"""Scores of networks that must keep intended blur (PBaSR): by region, and over-texturing."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from .collector import ScoreCollector, mean_over_images
from .regions import REGIONS
from .restoration import image_scores, to_device
from .table import metrics_of, split_region


class PreservationScores(ScoreCollector):
    """Scores of the whole image, inside its blurred and sharp regions, and of invented texture.

    The scores of whole images are those of :class:`RestorationScores`. With a mask come
    ``blurred_<score>`` and ``sharp_<score>``. PSNR and SSIM are means over the region's pixels. The
    others compare windows or features of the whole image: outside the region the SR image is
    replaced by HR, so only the region can differ; metrics without a reference are left out. They
    shrink with its share of the image: compare
    them between networks, not between regions. ``texture`` is
    :func:`~blindsr.metrics.texture_ratio`: 1 keeps the blur as it is, more invents texture in it,
    less smooths it; ``blurred_texture_log2`` and ``sharp_texture_log2`` are the logarithms of that
    ratio, 0 for kept.

    Args:
        crop: border in pixels left out on every side.
        full: more than PSNR, SSIM and ``texture``.
        extra: see :class:`RestorationScores`.
        networks: by metric, ``lpips`` from :func:`~blindsr.metrics.lpips.load_lpips`.
    """

    def __init__(
        self,
        crop: int = 0,
        *,
        full: bool = False,
        extra: bool = False,
        **networks: nn.Module | None,
    ) -> None:
        whole, regional, pasted = {}, {}, {}
        chosen = image_scores(crop, full=full, extra=extra, networks=networks)
        for name, (metric, function) in chosen.items():
            whole[name] = mean_over_images(metric, function, crop=crop)
            for region in REGIONS if metric.reference else ():
                if metric.inside is None:
                    score = mean_over_images(metric, function, crop=crop)
                    pasted[f"{region}_{name}"] = score
                else:
                    score = mean_over_images(metric, partial(metric.inside, crop=crop), crop=crop)
                    regional[f"{region}_{name}"] = score
        for name, metric in metrics_of("region").items():
            places = (name,) if metric.only_in else tuple(f"{place}_{name}" for place in REGIONS)
            regional |= {place: mean_over_images(metric, metric.score) for place in places}
        means = {**whole, **regional, **pasted}
        super().__init__(means)
        self._means = means
        self._whole, self._regional, self._pasted = tuple(whole), tuple(regional), tuple(pasted)
        self._networks = networks  # in a dict: the weights are no part of a checkpoint

    def update(self, sr: Tensor, hr: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            sr: (N, 3, H, W), clipped to [0, 1].
            hr: (N, 3, H, W) in [0, 1].
            mask: (N, 1, H, W), 1 = sharp, 0 = blurred; ``None`` scores whole images alone.
        """
        if not len(hr):
            return
        to_device(self._networks, hr)
        sr = sr.float()
        for name in self._whole:
            self._means[name].update(sr, hr)
        if mask is None:
            for name in (*self._regional, *self._pasted):
                self._means[name].without(len(hr))
            return
        inside = {"blurred": mask < 0.5, "sharp": mask >= 0.5}
        for name in self._regional:
            self._means[name].update(sr, hr, inside[split_region(name)[0]])
        held = {r: area.flatten(1).any(1) for r, area in inside.items()}  # others say nothing of it
        images = {r: torch.where(area, sr, hr) for r, area in inside.items()}
        for name in self._pasted:
            region = split_region(name)[0]
            for index, has in enumerate(held[region].tolist()):
                if has:
                    one = slice(index, index + 1)
                    self._means[name].update(images[region][one], hr[one])
                else:
                    self._means[name].without(1)
