"""Thin torchmetrics classes around the pure functions: they only add up and average."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torchmetrics import Metric

from . import quality
from .segmentation import AbsentClasses, confusion_matrix, mean_iou


class MeanOverImages(Metric):
    """Mean over all images seen of a score that is given per image; NaN before the first.

    An infinite score (an exact match) is left out of the mean and counted in ``exact``.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor
    exact: Tensor

    def __init__(self, score: Callable[..., Tensor]) -> None:
        super().__init__()
        self.score = score
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("exact", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, estimate: Tensor, target: Tensor, *more: Tensor) -> None:
        """Score a batch (N, C, H, W) and add its images; ``more`` goes to the score as it is."""
        scores = self.score(estimate, target, *more)
        finite = torch.isfinite(scores)
        self.total += scores[finite].sum()
        self.count += finite.sum()
        self.exact += torch.isposinf(scores).sum()

    def compute(self) -> Tensor:
        """Mean over the images with a finite score, NaN without any."""
        if int(self.count) == 0:
            return torch.full((), float("inf") if int(self.exact) else float("nan"))
        return self.total / self.count


class BlurPSNR(MeanOverImages):
    """Mean over images of :func:`~blindsr.metrics.quality.blur_psnr`, in dB."""

    def __init__(self, sigma_max: float) -> None:
        super().__init__(partial(quality.blur_psnr, sigma_max=sigma_max))


class BlurSSIM(MeanOverImages):
    """Mean over images of :func:`~blindsr.metrics.quality.blur_ssim`."""

    def __init__(self, sigma_max: float) -> None:
        super().__init__(partial(quality.blur_ssim, sigma_max=sigma_max))


class PSNRY(MeanOverImages):
    """Mean over images of :func:`~blindsr.metrics.quality.psnr_y`, in dB."""

    def __init__(self, crop: int = 0) -> None:
        super().__init__(partial(quality.psnr_y, crop=crop))


class SSIMY(MeanOverImages):
    """Mean over images of :func:`~blindsr.metrics.quality.ssim_y`."""

    def __init__(self, crop: int = 0) -> None:
        super().__init__(partial(quality.ssim_y, crop=crop))


class MeanIoU(Metric):
    """MIoU of one confusion matrix over the whole set; NaN where nothing was labelled."""

    full_state_update = False
    higher_is_better = True
    confusion: Tensor

    def __init__(self, num_classes: int, absent: AbsentClasses = "zero") -> None:
        super().__init__()
        self.num_classes, self.absent = num_classes, absent
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch of class maps (N, H, W) int64; 255 in ``target`` does not count."""
        self.confusion += confusion_matrix(prediction, target, self.num_classes)

    def compute(self) -> Tensor:
        """MIoU in [0, 1]."""
        return mean_iou(self.confusion, self.absent)
