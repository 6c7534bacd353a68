"""The gather operator on tensors: batched, on any device, differentiable.

Separable windows are applied as shifted additions. That is 20 times faster on the CPU than a
depthwise convolution, and it stays in full float32 where convolutions and matrix products would use
TF32 or, under autocast, bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from blindsr.degradation.kernels import trimmed_window
from blindsr.degradation.levels import Levels
from blindsr.errors import DataError


def gather_torch(image: Tensor, sigma: Tensor, levels: Levels) -> Tensor:
    """Blur (N, C, H, W) with the sigma maps (N, 1, H, W); see ``gather_blur``."""
    if image.ndim != 4 or sigma.shape != (image.shape[0], 1, *image.shape[2:]):
        raise DataError(
            "sigma",
            found=f"shape {tuple(sigma.shape)} for an image of shape {tuple(image.shape)}",
            expected="(N, 1, H, W) for (N, C, H, W)",
        )
    dtype = torch.promote_types(image.dtype, torch.float32)  # half precision would lose the blend
    position = _level_position(sigma.to(dtype), levels)
    windows = [trimmed_window(node, levels.sigma_max) for node in levels.nodes]
    # Reading the range costs a synchronisation and saves levels that are not needed.
    first, last = (int(bound) for bound in torch.aminmax(position.detach()))
    last = min(last + 1, len(windows) - 1)
    pad = max(len(window) for window in windows[first : last + 1]) // 2
    padded = _pad_symmetric(image.to(dtype), pad)
    result = torch.zeros_like(image, dtype=dtype)
    for index in range(first, last + 1):
        weight = (1 - (position - index).abs()).clamp(min=0)  # (N, 1, H, W)
        result = result + weight * _correlate(padded, windows[index], pad)
    return result.to(image.dtype)


def _level_position(sigma: Tensor, levels: Levels) -> Tensor:
    """Interpolate ``levels.positions`` linearly; values outside [0, sigma_max] are clamped."""
    steps = len(levels.grid) - 1
    table = torch.as_tensor(levels.positions, dtype=sigma.dtype, device=sigma.device)
    scaled = sigma.clamp(0.0, levels.sigma_max) * (steps / levels.sigma_max)
    index = scaled.detach().long().clamp(max=steps - 1)
    low = table[index]
    return low + (scaled - index) * (table[index + 1] - low)


def _pad_symmetric(image: Tensor, pad: int) -> Tensor:
    """Repeat the edge pixel and mirror on, as often as a side shorter than the window needs."""
    for axis in (2, 3):
        index = np.pad(np.arange(image.shape[axis]), pad, mode="symmetric")
        image = image.index_select(axis, torch.from_numpy(index).to(image.device))
    return image


def _correlate(padded: Tensor, window: np.ndarray, pad: int) -> Tensor:
    """Return the separable correlation at the pixels inside the padding."""
    spare = pad - len(window) // 2
    height, width = padded.shape[2] - 2 * spare, padded.shape[3] - 2 * spare
    inner = padded.narrow(2, spare, height).narrow(3, spare, width)
    taps = tuple(float(tap) for tap in window)
    result: Tensor = _ShiftedSum.apply(_ShiftedSum.apply(inner, taps, 3), taps, 2)
    return result


class _ShiftedSum(torch.autograd.Function):
    """Valid correlation with constant symmetric taps along one axis.

    Written as one node: autograd over the single additions would keep a graph of hundreds of
    slices. The adjoint of a valid correlation is the full one, so its gradient is itself applied
    to the zero-padded gradient, and derivatives of any order exist.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, taps: tuple[float, ...], axis: int) -> Tensor:
        ctx.taps, ctx.axis = taps, axis
        length = image.shape[axis] - len(taps) + 1
        total = image.narrow(axis, 0, length) * taps[0]
        for shift, tap in enumerate(taps[1:], start=1):
            total.add_(image.narrow(axis, shift, length), alpha=tap)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        margin = len(ctx.taps) - 1
        padding = [0, 0, margin, margin] if ctx.axis == 2 else [margin, margin]
        padded = torch.nn.functional.pad(gradients[0], padding)
        return _ShiftedSum.apply(padded, ctx.taps, ctx.axis), None, None
