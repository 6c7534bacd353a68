"""Filters of its own for every pixel, as sums over shifted images: nothing is unfolded."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad, pixel_shuffle


def summing_to_one(weights: Tensor, dim: int = 1) -> Tensor:
    """Shift the taps of filters, along an axis, by a common amount so that they sum to 1.

    They may be negative, unlike after a softmax.
    """
    return weights - weights.mean(dim=dim, keepdim=True) + 1 / weights.shape[dim]


def local_filter(feature: Tensor, weights: Tensor) -> Tensor:
    """Correlate every pixel with its own filter, the same for all channels; zeros outside.

    Args:
        feature: (N, C, h, w).
        weights: (N, k*k, h, w), k odd; channel i*k + j is the tap in row i and column j.

    Returns:
        (N, C, h, w).
    """
    side, (height, width) = round(weights.shape[1] ** 0.5), feature.shape[-2:]
    padded = pad(feature, (side // 2,) * 4)
    total = None
    for tap in range(side * side):
        row, column = divmod(tap, side)
        part = padded[..., row : row + height, column : column + width] * weights[:, tap : tap + 1]
        total = part if total is None else total + part
    assert total is not None
    return total


def local_enlargement(image: Tensor, weights: Tensor, scale: int) -> Tensor:
    """Every HR pixel is a sum over the LR pixels around it, with weights of its own.

    Args:
        image: (N, C, h, w); zeros outside.
        weights: (N, k*k*s*s, h, w), k odd; channel ``tap * s*s + fy * s + fx`` weighs a tap for HR
            pixel (fy, fx) of the s*s of an LR pixel.
        scale: s.

    Returns:
        (N, C, s*h, s*w).
    """
    height, width = image.shape[-2:]
    by_tap = weights.unflatten(1, (-1, scale**2))
    side = round(by_tap.shape[1] ** 0.5)
    padded = pad(image, (side // 2,) * 4)
    total = None
    for tap in range(side * side):
        row, column = divmod(tap, side)
        shifted = padded[..., row : row + height, column : column + width]
        part = shifted[:, :, None] * by_tap[:, tap, None]  # (N, C, s*s, h, w)
        total = part if total is None else total + part
    assert total is not None
    return pixel_shuffle(total.flatten(1, 2), scale)


def depth_to_space(feature: Tensor, factor: int) -> Tensor:
    """As TensorFlow orders channels, (fy * factor + fx) * C + c; torch has c outermost.

    Args:
        feature: (N, C * factor**2, h, w).
        factor: of both sides.

    Returns:
        (N, C, factor*h, factor*w).
    """
    by_place = feature.unflatten(1, (factor**2, -1))
    return pixel_shuffle(by_place.transpose(1, 2).flatten(1, 2), factor)
