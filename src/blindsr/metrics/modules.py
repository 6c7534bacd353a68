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

    An infinite score (an exact match) is left out of the mean and counted in ``exact``, NaN in
    ``undefined``; ``left_out`` has both counts over all ranks after :meth:`compute`.

    Args:
        score: of a batch, (N, C, H, W) twice -> (N,); NaN for an image without a score.
        higher_is_better: ``None`` where no direction is better.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor
    exact: Tensor
    undefined: Tensor

    def __init__(
        self, score: Callable[..., Tensor], *, higher_is_better: bool | None = True
    ) -> None:
        super().__init__()
        self.__dict__["higher_is_better"] = higher_is_better  # torchmetrics has it by class alone
        self.score = score
        self.left_out = (0, 0)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("exact", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("undefined", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, estimate: Tensor, target: Tensor, *more: Tensor) -> None:
        """Score a batch (N, C, H, W) and add its images; ``more`` goes to the score as it is."""
        scores = self.score(estimate, target, *more)
        finite = torch.isfinite(scores)
        self.total += scores[finite].sum()
        self.count += finite.sum()
        self.exact += torch.isposinf(scores).sum()
        self.undefined += torch.isnan(scores).sum()

    def compute(self) -> Tensor:
        """Mean over images with a finite score; ``inf`` if all others match exactly, else NaN."""
        # here, and only here, the states are those of all ranks
        self.left_out = int(self.exact), int(self.undefined)
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


class ConfusionScore(Metric):
    """A score of one confusion matrix over the whole set.

    Args:
        score: (C, C) int64, rows are true classes -> ().
        num_classes: C.
        higher_is_better: ``None`` where no direction is better.
    """

    full_state_update = False
    higher_is_better = True
    confusion: Tensor

    def __init__(
        self,
        score: Callable[[Tensor], Tensor],
        num_classes: int,
        *,
        higher_is_better: bool | None = True,
    ) -> None:
        super().__init__()
        self.__dict__["higher_is_better"] = higher_is_better
        self.score, self.num_classes = score, num_classes
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch of class maps (N, H, W) int64; 255 in ``target`` does not count."""
        self.confusion += confusion_matrix(prediction, target, self.num_classes)

    def compute(self) -> Tensor:
        """The score of all pixels that were added."""
        return self.score(self.confusion)


class MeanIoU(ConfusionScore):
    """MIoU in [0, 1] over the whole set; NaN where nothing was labelled."""

    def __init__(self, num_classes: int, absent: AbsentClasses = "zero") -> None:
        super().__init__(partial(mean_iou, absent=absent), num_classes)
