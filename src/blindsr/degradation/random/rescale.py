"""Resizing by any factor, without anti-aliasing, as the practical degradations do."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Interpolation = Literal["linear", "cubic", "area"]
TorchMode = Literal["bilinear", "bicubic", "area"]
Size = tuple[int, int]
"""Rows and columns."""

_FLAGS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}


def scaled_size(size: Size, factor: float) -> Size:
    """Return ``size`` times ``factor``, rounded down, at least one pixel."""
    return max(1, int(factor * size[0])), max(1, int(factor * size[1]))


def resize_opencv(
    image: NDArray[np.float32], size: Size, interpolation: Interpolation
) -> NDArray[np.float32]:
    """Resize (H, W, 3) with OpenCV and clip to [0, 1], for the cubic of a = -0.75 overshoots."""
    resized = cv2.resize(image, (size[1], size[0]), interpolation=_FLAGS[interpolation])
    return np.clip(resized, 0.0, 1.0)


def resize_torch(
    image: NDArray[np.float32], mode: TorchMode, *, factor: float = 1.0, size: Size | None = None
) -> NDArray[np.float32]:
    """Resize (H, W, 3) as PyTorch does; not clipped.

    Two ways, because the pixel grids differ: to ``size``, or by ``factor``, which keeps the
    factor as the step between pixels although the size is rounded down.
    """
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]  # (1, 3, H, W)
    if size is not None:
        resized = functional.interpolate(tensor, size=size, mode=mode)
    else:
        resized = functional.interpolate(tensor, scale_factor=factor, mode=mode)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())
