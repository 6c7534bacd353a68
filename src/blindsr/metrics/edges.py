"""How far a pixel is from an edge of a map."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def edge_distance(map_: NDArray[np.generic], least: float) -> NDArray[np.float32]:
    """Pixels to the next place where a map jumps.

    Args:
        map_: (H, W) numbers: sigma, logarithm of depth, class indices.
        least: jumps between neighbours that are larger than this are edges.

    Returns:
        (H, W), 0 at the pixel below or right of a jump.
    """
    values = map_.astype(np.float64)
    jumps = np.zeros(values.shape, np.uint8)
    jumps[1:] |= np.abs(np.diff(values, axis=0)) > least
    jumps[:, 1:] |= np.abs(np.diff(values, axis=1)) > least
    return np.asarray(cv2.distanceTransform(1 - jumps, cv2.DIST_L2, 5))
