"""Losses of estimated blur kernels, and the kernel that DCLS is taught."""

from __future__ import annotations

from torch import Tensor

from blindsr.errors import DataError


def kernel_l1(estimate: Tensor, target: Tensor, *, weight: float = 1.0) -> Tensor:
    """Mean absolute difference of kernels over taps and pixels (loss of MANet).

    MANet's code compares kernels times 1e4 at HR size and divides by the number of HR pixels. Its
    estimate is constant over the s x s pixels of an LR pixel, so this is that loss with a weight of
    1e4 / (s*h * s*w), without the tensor at HR size.

    Args:
        estimate: (N, k*k, h, w).
        target: of the same shape, or (N, k*k, 1, 1) where an image has one kernel.
        weight: factor; Adam makes it irrelevant but for the range of half precision.

    Returns:
        A scalar.

    Raises:
        DataError: if the shapes do not fit.
    """
    allowed = (estimate.shape, (*estimate.shape[:2], 1, 1))
    if target.shape not in allowed:
        raise DataError(
            "kernels",
            found=f"shape {tuple(target.shape)}",
            expected=f"{tuple(estimate.shape)} as the estimate, or one for each image",
        )
    return weight * (estimate - target).abs().mean()
