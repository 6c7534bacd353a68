"""Depth of a batch as networks learn it."""

from __future__ import annotations

from torch import Tensor


def relative_inverse_depth(depth: Tensor) -> Tensor:
    """Depth (N, 1, H, W), ``inf`` allowed -> inverse depth in [0, 1], 1 = nearest, each picture.

    Defocus is affine in it, whatever the unit. A picture of one single depth is 0.5 everywhere.
    """
    inverse = 1 / depth.double()
    low, high = inverse.amin(dim=(1, 2, 3), keepdim=True), inverse.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    flat = span <= 1e-9 * high
    scaled = (inverse - low) / span.masked_fill(flat, 1)
    return scaled.masked_fill(flat, 0.5).to(depth.dtype)
