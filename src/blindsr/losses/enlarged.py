"""Cross-entropy of logits that are enlarged to the size of the labels, a band of rows at a time.

Whole, the enlarged logits of one NYUv2 crop with 40 classes take 49 MB, and the usual operations
write that much six times over. A band fits into a processor's cache, and gradients are kept in the
size of the logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, interpolate

from blindsr.types import IGNORE_INDEX

BAND = 2**19
"""Enlarged values that are in work at a time on a CPU, 2 MB in float32."""


def enlarged_cross_entropy(logits: Tensor, seg: Tensor) -> Tensor:
    """Sum over the labelled pixels of the cross-entropy of bilinearly enlarged logits.

    Equal to enlarging (``align_corners=False``) and cross-entropy one after the other; computed in
    float32 at least.

    Args:
        logits: (N, C, h, w) class logits.
        seg: (N, H, W) int64, class index 0..C-1 or 255 for no label.
    """
    size = seg.shape[1:]
    if logits.shape[2:] != size:
        if not any(large % small for large, small in zip(size, logits.shape[2:], strict=True)):
            total: Tensor = _InBands.apply(logits, seg)
            return total
        logits = interpolate(logits, size, mode="bilinear")
    # with the classes innermost, channels-last logits are read where they lie
    by_pixel = logits.to(_computed(logits)).permute(0, 2, 3, 1).flatten(0, 2)
    return cross_entropy(by_pixel, seg.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")


def _computed(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)


class _InBands(torch.autograd.Function):
    """The sum for sizes that are whole multiples; its gradient is found along with it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, seg: Tensor) -> Tensor:
        learns = ctx.needs_input_grad[0]
        with torch.autocast(logits.device.type, enabled=False):
            given = logits.to(_computed(logits), memory_format=torch.channels_last)
            gradient = torch.zeros_like(given) if learns else None
            slopes = [None] * len(seg) if gradient is None else gradient.split(1)
            parts = zip(given.split(1), seg, slopes, strict=True)
            total = sum(_picture(*one) for one in parts)
        if gradient is not None:
            ctx.save_for_backward(gradient.to(logits.dtype))
        return torch.as_tensor(total).to(given.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * scale.to(gradient.dtype), None


def _picture(logits: Tensor, seg: Tensor, gradient: Tensor | None) -> Tensor:
    """Sum over one picture; adds its gradient to ``gradient``, both (1, C, h, w)."""
    rows, scale = logits.shape[2], seg.shape[0] // logits.shape[2]
    values = scale * seg.shape[1] * logits.shape[1]  # of one row of logits, enlarged
    step = rows if logits.is_cuda else max(1, BAND // values)
    total = logits.new_zeros(())
    for first in range(0, rows, step):
        last = min(first + step, rows)
        seen = slice(max(first - 1, 0), min(last + 1, rows))  # the rows that its pixels lie between
        own = slice(scale * (first - seen.start), scale * (last - seen.start))
        part = logits[:, :, seen]
        enlarged = interpolate(part, (scale * part.shape[2], seg.shape[1]), mode="bilinear")
        found, slope = _band(enlarged[:, :, own], seg[scale * first : scale * last], gradient)
        total += found
        if gradient is not None and slope is not None:
            below = torch.zeros_like(enlarged)
            below[:, :, own] = slope
            gradient[:, :, seen] += torch.ops.aten.upsample_bilinear2d_backward(
                below, list(below.shape[2:]), list(part.shape), False, None, None
            )
    return total


def _band(enlarged: Tensor, seg: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """(1, C, H, W), (H, W) -> sum of cross-entropies, and its gradient where one is wanted."""
    by_pixel = enlarged[0].permute(1, 2, 0).flatten(0, 1)
    logarithms = torch.log_softmax(by_pixel, dim=1)
    labelled = (seg != IGNORE_INDEX).flatten()
    classes = torch.where(labelled, seg.flatten(), 0)[:, None]
    total = -(logarithms.gather(1, classes)[:, 0] * labelled).sum()
    if gradient is None:
        return total, None
    slope = logarithms.exp_()
    slope.scatter_add_(1, classes, slope.new_full(classes.shape, -1))
    slope *= labelled[:, None]
    return total, slope.view(*seg.shape, -1).permute(2, 0, 1)[None]
