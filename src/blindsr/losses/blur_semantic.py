"""Losses of the blur and semantic estimator (CMOS, eq. 12-14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from blindsr.types import IGNORE_INDEX, Estimate

from .enlarged import enlarged_cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


def semantic_cross_entropy(logits: Tensor, seg: Tensor) -> Tensor:
    """Cross-entropy averaged over the labelled pixels of the batch; 0 where none is labelled.

    A mean over no pixel would be NaN and would poison training on data sets of which only some
    frames carry labels; the zero keeps its graph, so that ``backward`` still runs.

    Args:
        logits: (N, C, H, W) class logits, or smaller ones (N, C, h, w), which are enlarged
            bilinearly: see :func:`blindsr.losses.enlarged_cross_entropy`.
        seg: (N, H, W) int64, class index 0..C-1 or 255 for no label.
    """
    total = enlarged_cross_entropy(logits, seg)
    return total / (seg != IGNORE_INDEX).sum().clamp(min=1)


def blur_semantic_losses(
    estimate: Estimate, blur: Tensor | None, seg: Tensor | None
) -> dict[str, Tensor]:
    """Return the unweighted losses ``blur``, ``seg``, ``aux_blur``, ``aux_seg``.

    Blur maps are compared by L1, the mean over the HR map, in HR pixels of sigma; class maps by
    :func:`semantic_cross_entropy`. A loss is left out where the network has no such output or the
    batch no such target.

    Args:
        estimate: outputs at HR size; class logits may be smaller.
        blur: (N, 1, H, W) true sigma in HR pixels, or ``None``.
        seg: (N, H, W) int64 true classes with 255 for no label, or ``None``.
    """
    losses = {}
    if blur is not None and estimate.blur is not None:
        losses["blur"] = F.l1_loss(estimate.blur.float(), blur)
    if seg is not None and estimate.seg_logits is not None:
        losses["seg"] = semantic_cross_entropy(estimate.seg_logits, seg)
    if blur is not None and estimate.aux_blur is not None:
        losses["aux_blur"] = F.l1_loss(estimate.aux_blur.float(), blur)
    if seg is not None and estimate.aux_seg_logits is not None:
        losses["aux_seg"] = semantic_cross_entropy(estimate.aux_seg_logits, seg)
    return losses
