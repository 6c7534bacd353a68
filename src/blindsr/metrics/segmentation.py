"""Mean intersection over union from one confusion matrix over the whole set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

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
