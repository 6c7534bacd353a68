"""Result of every decoder, and scaling of samples to the full range of 8 or 16 bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blindsr.imaging.decoding.metadata import Metadata


@dataclass(frozen=True)
class Decoded:
    """A picture as it lies in the file: its orientation is not applied.

    Attributes:
        color: (H, W) grey or (H, W, 3) RGB, uint8 or uint16 over their full range, black is 0.
        alpha: (H, W) of the same dtype, 0 = transparent, not multiplied into the colours; or None.
        format: name of the file format, for instance ``JPEG``.
        metadata: what the file says beside.
        notes: what could not be kept, in words.
        cmyk: it was converted from ink, so a profile of it is void.
    """

    color: NDArray[np.integer]
    alpha: NDArray[np.integer] | None
    format: str
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()
    cmyk: bool = False


_ROWS = 256  # converted at a time: what is made on the way is small


def full_range(samples: NDArray[np.generic], peak: int) -> NDArray[np.integer]:
    """Scale 0..peak to 0..255 (peak up to 255) or 0..65535, rounded to the nearest level.

    Args:
        samples: integers or booleans, rows first.
        peak: value of white, 1..65535.

    Returns:
        uint8 or uint16 in the order of this machine; no copy where nothing is to be done.
    """
    kind = np.uint8 if peak < 256 else np.uint16
    white = int(np.iinfo(kind).max)
    if peak == white:
        return samples.astype(kind, copy=False)
    result = np.empty(samples.shape, kind)
    for top in range(0, len(samples), _ROWS):
        part = samples[top : top + _ROWS].astype(np.uint32)
        result[top : top + _ROWS] = np.minimum((part * white + peak // 2) // peak, white)
    return result


def unmultiplied(color: NDArray[np.integer], alpha: NDArray[np.integer]) -> NDArray[np.integer]:
    """Divide colours by the alpha that they were multiplied with; under alpha 0 they are 0.

    Args:
        color: (H, W) or (H, W, 3), uint8 or uint16.
        alpha: (H, W) of the same dtype.
    """
    white = int(np.iinfo(color.dtype).max)
    result = np.empty_like(color)
    for top in range(0, len(color), _ROWS):
        part = color[top : top + _ROWS].astype(np.uint64)
        by = alpha[top : top + _ROWS].astype(np.uint64)
        by = by[..., None] if part.ndim == 3 else by
        divided = (part * white + by // 2) // np.maximum(by, 1)
        result[top : top + _ROWS] = np.where(by > 0, np.minimum(divided, white), 0)
    return result


def from_cmyk(cmyk: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert (H, W, 4) ink without a profile: (1 - ink) times (1 - black)."""
    result = np.empty((*cmyk.shape[:2], 3), np.uint8)
    for top in range(0, len(cmyk), _ROWS):
        light = 255 - cmyk[top : top + _ROWS].astype(np.uint32)
        result[top : top + _ROWS] = (light[..., :3] * light[..., 3:] + 127) // 255
    return result


def from_ycbcr(image: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB of 8-bit YCbCr of full range (JFIF)."""
    height, width = image.shape[:2]
    picture = Image.frombytes("YCbCr", (width, height), np.ascontiguousarray(image).tobytes())
    return np.asarray(picture.convert("RGB"))
