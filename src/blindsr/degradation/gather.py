"""Blur that varies from pixel to pixel: the gather operator.

    out(p) = sum_q k_sigma(p)(p - q) x(q)

with the truncated, renormalised Gaussian windows of :mod:`blindsr.degradation.kernels` (sigma is
nominal: 5 behaves like 4.5) and symmetric borders (edge pixel repeated). A stack of a few
invariant blurs is blended per pixel, see :mod:`blindsr.degradation.levels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.gather_numpy import gather_numpy
from blindsr.degradation.levels import blur_levels
from blindsr.errors import DataError

if TYPE_CHECKING:
    import torch


@overload
def gather_blur(
    image: NDArray[np.float32],
    sigma: NDArray[np.floating],
    *,
    sigma_max: float,
    levels: int = ...,
) -> NDArray[np.float32]: ...
@overload
def gather_blur(
    image: torch.Tensor, sigma: torch.Tensor, *, sigma_max: float, levels: int = ...
) -> torch.Tensor: ...
def gather_blur(
    image: NDArray[np.float32] | torch.Tensor,
    sigma: NDArray[np.floating] | torch.Tensor,
    *,
    sigma_max: float,
    levels: int = 16,
) -> NDArray[np.float32] | torch.Tensor:
    """Blur every pixel with its own Gaussian window.

    Numpy in, numpy out: OpenCV on the CPU, for data. Tensors in, tensor out: batched, on any
    device, differentiable with respect to image and sigma; for losses and training on the GPU.
    A uniform numpy map is blurred exactly; otherwise 16 levels are 73 dB and more from the exact
    sum at ``sigma_max`` 5 and 68 dB at 15, where rounding to 8 bit is at 59.

    Args:
        image: (H, W) or (H, W, C) float32, or tensor (N, C, H, W).
        sigma: nominal sigma in pixels, (H, W), or tensor (N, 1, H, W). Arrays must lie in
            [0, sigma_max]; tensors are clamped to it (an estimate may be slightly negative).
        sigma_max: fixes the window of ``4 sigma_max + 1`` taps.
        levels: number of invariant blurs, at least 2; their cost is linear.

    Returns:
        The blurred image, same shape and kind.

    Raises:
        DataError: shapes that do not fit; an array of sigma with NaN or out of range.
        ConfigError: ``sigma_max`` not positive or fewer than 2 levels.
    """
    stack = blur_levels(float(sigma_max), int(levels))
    if isinstance(image, np.ndarray) and isinstance(sigma, np.ndarray):
        return gather_numpy(image, sigma, stack)
    import torch

    from blindsr.degradation.gather_torch import gather_torch

    if isinstance(image, torch.Tensor) and isinstance(sigma, torch.Tensor):
        return gather_torch(image, sigma, stack)
    raise DataError(
        "image and sigma",
        found=f"{type(image).__name__} and {type(sigma).__name__}",
        expected="two numpy arrays or two tensors",
    )
