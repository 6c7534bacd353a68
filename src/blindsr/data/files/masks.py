"""Masks of intended blur: 1 = sharp, 0 = blurred, no values between.

Files hold 255 for sharp, 0 for blurred and, where an estimate was unsure, 127, which counts as
blurred: there nothing is sharpened. These and other values between (JPEG, smoothed edges) are
thresholded at one half right after reading; resizing takes the nearest pixel. So no operation
makes values between, and no narrow region is averaged away.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.files import read_array, read_png_text, read_rgb

Mask = NDArray[np.uint8]
"""(H, W) of 0 and 1."""

UNSURE = 127
"""In a file: may be sharp or blurred."""
_HALF = 0.5
_FAINT = 0.25  # brightest of a file of 0 and 1, and of no mask
_SIGMA_STEPS = "steps_per_unit"


def mask_from_sigma(
    blur: NDArray[np.floating], *, threshold: float = 1.0, smallest: int = 0
) -> Mask:
    """Return the mask of a sigma map: sharp where sigma is below ``threshold``.

    Args:
        blur: (H, W) nominal sigma in pixels of the picture.
        threshold: in the same pixels; 1 is where softness begins to show.
        smallest: regions of fewer pixels take the value around them, see
            :func:`without_specks`.

    Raises:
        ConfigError: ``threshold`` is not positive.
        DataError: ``blur`` is not (H, W), or holds NaN.
    """
    if not threshold > 0:
        raise ConfigError("threshold", found=repr(threshold), expected="a sigma above 0")
    if blur.ndim != 2 or np.isnan(blur).any():
        raise DataError("blur", found=f"shape {blur.shape}, or NaN", expected="(H, W) numbers")
    return without_specks((blur < threshold).astype(np.uint8), smallest)


def without_specks(mask: Mask, smallest: int) -> Mask:
    """Return the mask without regions of fewer than ``smallest`` pixels, blurred ones first."""
    if smallest <= 1:
        return mask
    result = mask.copy()
    for value in (0, 1):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            (result == value).astype(np.uint8), connectivity=4
        )
        small = stats[:, cv2.CC_STAT_AREA] < smallest
        small[0] = False  # component 0 is everything else
        result[small[labels]] = 1 - value
    return result


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return the mask at ``size`` (height, width): each pixel takes the one its centre falls on."""
    if mask.shape == size:
        return mask
    height, width = size
    return np.asarray(
        cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
    )


def read_mask(path: Path) -> Mask:
    """Read a mask file: at least half of white is sharp.

    Raises:
        FileError: the file is missing or damaged.
        DataError: it is almost and yet not all black, as a file of 0 and 1 instead of 0 and 255.
    """
    values = read_rgb(path)[..., 0]
    mask = (values >= _HALF).astype(np.uint8)
    if 0 < values.max() < _FAINT:
        raise DataError(
            path,
            found=f"values up to {values.max() * 255:.0f} of 255",
            expected="0 (blurred) and 255 (sharp)",
            fix="Multiply the mask so that 255 is sharp",
        )
    return mask


def read_sigma_mask(
    path: Path,
    picture: Path,
    size: tuple[int, int],
    *,
    threshold: float = 1.0,
    smallest: int = 0,
) -> Mask:
    """Make the mask of a picture from its sigma map as ``blindsr estimate`` wrote it.

    The map has ``scale / N`` times the pixels of the picture (N of ``--reduce``) and counts sigma
    in its own pixels; both are undone here. ``--reduce`` drops up to N - 1 rows and columns at the
    end, which repeat the last ones.

    Args:
        path: ``<stem>_sigma.png``, 16 bit with its metadata.
        picture: named in errors.
        size: height and width of the picture.
        threshold: sigma in pixels of the picture.
        smallest: see :func:`without_specks`.

    Raises:
        FileError: the file is missing or damaged.
        DataError: it has no metadata, or a size that does not fit the picture.
    """
    stored = read_array(path)
    text = read_png_text(path)
    try:
        steps, scale, reduced = (
            float(text[key]) for key in (_SIGMA_STEPS, "scale", "input_reduced")
        )
    except (KeyError, ValueError):
        raise DataError(
            path,
            found="no metadata of a sigma map",
            expected=f"{_SIGMA_STEPS}, scale and input_reduced in the PNG",
            fix="Write it with blindsr estimate",
        ) from None
    ratio = scale / reduced
    if stored.ndim != 2 or not all(
        0 <= length - stored_length / ratio < reduced
        for length, stored_length in zip(size, stored.shape, strict=True)
    ):
        raise DataError(
            path,
            found=f"{stored.shape} pixels",
            expected=f"{ratio:g} x {size} as of {picture}",
            fix="Estimate that picture again",
        )
    rows, columns = (
        np.minimum(((np.arange(length) + 0.5) * ratio).astype(int), stored_length - 1)
        for length, stored_length in zip(size, stored.shape, strict=True)
    )
    blur = stored[rows[:, None], columns].astype(np.float32) / np.float32(steps * ratio)
    return mask_from_sigma(blur, threshold=threshold, smallest=smallest)
