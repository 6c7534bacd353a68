"""Sigma map and class map as inputs of the first convolutions of a restorer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

ConditionSize = Literal["hr", "lr"]
Embed = Literal["index", "onehot"]


def class_channels(embed: Embed, num_classes: int) -> int:
    """Channels of a class map: the index is one, one-hot has one per class."""
    return 1 if embed == "index" else num_classes


def blur_input(blur: Tensor, step: int) -> Tensor:
    """(N, 1, H, W) sigma in HR pixels -> (N, 1, H/step, W/step), unscaled.

    Every ``step``-th pixel is taken, as from the HR condition. A mean would give pixels at the edge
    between two depths a sigma that neither side has.
    """
    return blur[:, :, ::step, ::step]


def class_input(
    seg: Tensor, embed: Embed, num_classes: int, step: int, dtype: torch.dtype
) -> Tensor:
    """(N, H, W) class indices -> (N, 1 or num_classes, H/step, W/step) of ``dtype``.

    ``"index"`` is the number itself, void (255) included, at every ``step``-th pixel: class
    indices must not be averaged. ``"onehot"`` is the share of each class in the ``step`` x ``step``
    pixels that belong to an LR pixel; void counts for no class.
    """
    if embed == "index":
        return seg[:, None, ::step, ::step].to(dtype)
    classes = torch.arange(num_classes, device=seg.device).view(1, -1, 1, 1)
    shares = (seg.unsqueeze(1) == classes).to(dtype)  # (N, K, H, W)
    return avg_pool2d(shares, step) if step > 1 else shares
