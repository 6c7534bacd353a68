"""Disparity of a stereo pair: decoded, matched with OpenCV, or read from somebody's maps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from blindsr.data.files.source_values import ordinary_file, read_npy
from blindsr.errors import DataError, FileError
from blindsr.imaging.files import read_array

MAP_SUFFIXES = (".npy", ".png", ".pfm")
_FIX = "Download or compute it again"
_MATCHED_WIDTH = 1024
"""Width at which pairs are matched; disparity is given for the full width."""
_RANGE = 0.125  # largest disparity over the width
_WINDOW = 5  # pixels that are compared, at the width of matching


def decode_cityscapes(stored: np.ndarray, path: Path) -> np.ndarray:
    """Return the official 16-bit form as pixels of disparity: ``(p - 1) / 256``, NaN for p = 0.

    Raises:
        DataError: it is not one channel of 16 bit.
    """
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise DataError(
            path,
            found=f"{stored.dtype} of shape {stored.shape}",
            expected="(H, W) uint16, 0 where unknown, else 256 * disparity + 1",
            fix=_FIX,
        )
    disparity = (stored.astype(np.float32) - 1) / 256
    return np.where(stored == 0, np.float32(np.nan), disparity)


def read_disparity(path: Path) -> np.ndarray:
    """Read a map: PNG in the official form, ``.npy`` or ``.pfm`` in pixels.

    Returns:
        (H, W) float32, NaN where it is unknown (stored as NaN, infinity or below 0).

    Raises:
        FileError: it is missing or damaged.
        DataError: it is no map.
    """
    if path.suffix.lower() == ".png":
        return decode_cityscapes(read_array(path), path)
    if path.suffix.lower() == ".pfm":
        found = read_pfm(path)
    else:
        found = read_npy(path, "a map of disparity", fix=_FIX)
    if found.ndim != 2 or found.dtype.kind not in "fui":
        raise DataError(
            path,
            found=f"{found.dtype} of shape {found.shape}",
            expected="(H, W) disparity in pixels",
            fix=_FIX,
        )
    known = np.isfinite(found) & (found >= 0)
    return np.where(known, found, np.nan).astype(np.float32)


def match(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Disparity by semi-global matching (Hirschmueller 2008, OpenCV), no weights needed.

    Args:
        left: (H, W, 3) uint8.
        right: the same from the right.

    Returns:
        (H, W) float32 in pixels, NaN where the match is unsure.
    """
    height, width = left.shape[:2]
    size = (min(width, _MATCHED_WIDTH), round(height * min(1, _MATCHED_WIDTH / width)))
    pair = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (left, right)]
    steps = max(16, 16 * round(_RANGE * size[0] / 16))
    padded = [cv2.copyMakeBorder(p, 0, 0, steps, 0, cv2.BORDER_REPLICATE) for p in pair]
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=steps,
        blockSize=_WINDOW,
        P1=8 * 3 * _WINDOW**2,
        P2=32 * 3 * _WINDOW**2,
        disp12MaxDiff=1,
        uniquenessRatio=10,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM,  # one thread: equal bytes whatever the number of workers
    )
    found = matcher.compute(*padded)[:, steps:].astype(np.float32) / 16
    found = np.where(found > 0, found, np.nan) * np.float32(width / size[0])
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def read_pfm(path: Path) -> np.ndarray:
    """Read a PFM map.

    Raises:
        FileError: it is missing or damaged.
    """
    ordinary_file(path, "a PFM map of disparity", _FIX)
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise FileError(path, found="cannot be read", expected="a PFM map", fix=_FIX)
    return found
