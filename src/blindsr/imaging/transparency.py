"""Colours where a picture is transparent.

Under alpha 0 files hold anything, mostly black. A network and a bicubic filter look at neighbours,
so invisible black darkens the visible edge, unless it is given the colours of the edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_BAND = 512  # rows done at a time: the distances of a band are small
_REACH = 128  # rows around a band in which its colours are looked for


def bled(color: NDArray[np.integer], alpha: NDArray[np.integer] | None) -> NDArray[np.integer]:
    """Give transparent pixels the colour of the nearest pixel that is not.

    Args:
        color: (H, W) or (H, W, C).
        alpha: (H, W), 0 = transparent; ``None`` without transparency.

    Returns:
        A copy, or ``color`` itself where nothing is to be done. Pixels farther than 128 rows from
        all that is visible stay as they are.
    """
    if alpha is None or alpha.all():
        return color
    result = color.copy()
    for top in range(0, len(color), _BAND):
        low, high = max(0, top - _REACH), top + _BAND + _REACH
        clear = alpha[low:high] == 0
        band = slice(top - low, top - low + _BAND)
        if clear.all() or not clear[band].any():
            continue
        _, labels = cv2.distanceTransformWithLabels(
            clear.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        places = np.zeros(int(labels.max()) + 1, np.int64)  # label -> its visible pixel
        places[labels[~clear]] = np.flatnonzero(~clear)
        near = places[labels[band][clear[band]]]
        nearby = color[low:high].reshape(-1, *color.shape[2:])
        result[top : top + _BAND][clear[band]] = nearby[near]
    return result


def is_neutral(color: NDArray[np.generic]) -> bool:
    """Whether a picture (H, W, 3) is grey, stored as colour."""
    return color.ndim == 3 and all(
        bool((rows[..., :1] == rows).all())
        for rows in (color[top : top + _BAND] for top in range(0, len(color), _BAND))
    )
