"""JPEG compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.files import to_uint8


def compress_jpeg(image: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    """Encode and decode as JPEG with half-resolution chroma (4:2:0).

    Args:
        image: (H, W, 3) RGB; clipped to [0, 1] and rounded to 8 bit first.
        quality: 1..100 of libjpeg.

    Returns:
        (H, W, 3) float32, multiples of 1/255 in [0, 1].
    """
    bgr = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.float32) / np.float32(255)
