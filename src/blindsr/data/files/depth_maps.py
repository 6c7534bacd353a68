"""Depth maps of BSR folders: uint16 PNG, whole steps of a length that the data set fixes.

NYUv2-BSR stores millimetres, as most copies of NYUv2 do; Cityscapes-BSR centimetres, up to 655 m.
The largest value stands for everything farther, infinity included.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blindsr.errors import DataError
from blindsr.imaging.files import read_array

MILLIMETRE, CENTIMETRE = 0.001, 0.01
FARTHEST = 65535
"""In steps."""


def encode_depth(depth: np.ndarray, step: float = MILLIMETRE) -> np.ndarray:
    """Return depth (H, W) in metres, infinity for sky, as uint16 steps, 1..65535."""
    with np.errstate(invalid="ignore"):
        steps = np.rint(np.divide(depth, step, dtype=np.float64))
    return np.clip(steps, 1, FARTHEST).astype(np.uint16)


def read_depth(path: Path, step: float = MILLIMETRE) -> np.ndarray:
    """Return depth (H, W) float32 in metres; infinity from the largest value that can be stored.

    Raises:
        FileError: the file is missing or damaged.
        DataError: it is not one channel of 16 bit, or 0 somewhere.
    """
    stored = read_array(path)
    if stored.dtype != np.uint16 or stored.ndim != 2 or not stored.all():
        raise DataError(
            path,
            found=f"{stored.dtype} of shape {stored.shape}, lowest {stored.min()}",
            expected="(H, W) uint16 above 0",
        )
    depth = stored.astype(np.float32) * np.float32(step)
    return np.where(stored == FARTHEST, np.float32(np.inf), depth)
