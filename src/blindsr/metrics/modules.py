"""Thin torchmetrics classes that add up and average, and mean IoU from one confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from blindsr.metrics import quality
from blindsr.types import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor

AbsentClasses = Literal["zero", "skip"]


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Count pixels by (true class, predicted class) -> (C, C) int64.

    Args:
        prediction: integer tensor of any shape, 0..C-1.
        target: same shape, 0..C-1 or 255 for pixels that do not count.
        num_classes: C.
    """
    valid = target != IGNORE_INDEX
    pairs = target[valid] * num_classes + prediction[valid]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def mean_iou(confusion: Tensor, absent: AbsentClasses = "zero") -> Tensor:
    """MIoU in [0, 1] of a (C, C) confusion matrix; NaN if nothing was labelled.

    Args:
        confusion: rows are true classes, columns predicted ones.
        absent: ``"zero"`` counts classes that the ground truth never shows as 0, as the script
            of the CMOS paper does; ``"skip"`` averages over the classes that it shows.
    """
    true, predicted, hit = confusion.sum(1), confusion.sum(0), confusion.diagonal()
    if int(true.sum()) == 0:
        return torch.tensor(float("nan"), dtype=torch.float64, device=confusion.device)
    union = true + predicted - hit
    iou = hit.double() / union.clamp(min=1)
    return iou[true > 0].mean() if absent == "skip" else iou.mean()


class MeanOverImages(Metric):
    """Mean over all images seen of a score that is given per image; NaN before the first.

    An infinite score (an exact match) is left out of the mean and counted in ``exact``, NaN in
    ``undefined``; ``left_out`` has both counts over all ranks after :meth:`compute`.

    Args:
        score: of a batch, (N, C, H, W) twice -> (N,); NaN for an image without a score.
        higher_is_better: ``None`` where no direction is better.

    Attributes:
        each: scores of the images that this process has seen, in their order, until they are
            cleared; ``reset`` leaves them, as torchmetrics calls it in the middle of ``forward``.
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
        self.each: list[float] = []
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("exact", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("undefined", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, estimate: Tensor, target: Tensor, *more: Tensor) -> None:
        """Score a batch (N, C, H, W) and add its images; ``more`` goes to the score as it is."""
        scores = self.score(estimate, target, *more)
        self.each += scores.tolist()
        finite = torch.isfinite(scores)
        self.total += scores[finite].sum()
        self.count += finite.sum()
        self.exact += torch.isposinf(scores).sum()
        self.undefined += torch.isnan(scores).sum()

    def without(self, images: int) -> None:
        """Say that as many images have no such score, which is no fault of theirs."""
        self.each += [math.nan] * images

    def compute(self) -> Tensor:
        """Mean over images with a finite score; ``inf`` if all others match exactly, else NaN."""
        # here, and only here, the states are those of all ranks
        self.left_out = int(self.exact), int(self.undefined)
        if int(self.count) == 0:
            return torch.full_like(self.total, float("inf") if int(self.exact) else float("nan"))
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

    Attributes:
        each: counts above 0 by their place in the flat matrix, of the images that this process has
            seen, in their order; see :class:`MeanOverImages`.
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
        self.each: list[dict[int, int]] = []
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch of class maps (N, H, W) int64; 255 in ``target`` does not count."""
        for one, true in zip(prediction, target, strict=True):
            counts = confusion_matrix(one, true, self.num_classes)
            self.confusion += counts
            flat = counts.flatten()
            places = flat.nonzero()[:, 0]
            self.each.append(dict(zip(places.tolist(), flat[places].tolist(), strict=True)))

    def compute(self) -> Tensor:
        """The score of all pixels that were added."""
        return self.score(self.confusion)


class MeanIoU(ConfusionScore):
    """MIoU in [0, 1] over the whole set; NaN where nothing was labelled."""

    def __init__(self, num_classes: int, absent: AbsentClasses = "zero") -> None:
        super().__init__(partial(mean_iou, absent=absent), num_classes)
