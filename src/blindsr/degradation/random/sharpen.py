"""Unsharp masking of the HR image before it is degraded."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def unsharp_mask(
    image: NDArray[np.float32], *, weight: float = 0.5, radius: int = 51, threshold: float = 10.0
) -> NDArray[np.float32]:
    """Sharpen where the picture differs from its blur: ``m clip(x + weight r) + (1 - m) x``.

    r is the picture minus its Gaussian blur, m the equally blurred indicator of
    ``255 |r| > threshold``, so that noise in flat regions is not sharpened (Real-ESRGAN, Wang et
    al. 2021, section 3.5).

    Args:
        image: (H, W, C) float32 in [0, 1].
        weight: strength.
        radius: odd number of taps of the Gaussian, whose sigma OpenCV derives (51 taps: 8).
        threshold: in 8 bit levels.

    Returns:
        (H, W, C) float32 in [0, 1].
    """
    residual = image - cv2.GaussianBlur(image, (radius, radius), 0)
    edges = (np.abs(residual) * np.float32(255) > threshold).astype(np.float32)
    soft = cv2.GaussianBlur(edges, (radius, radius), 0).reshape(image.shape)
    sharp = np.clip(image + np.float32(weight) * residual, 0.0, 1.0)
    return np.clip(soft * sharp + (np.float32(1) - soft) * image, 0.0, 1.0).astype(np.float32)
