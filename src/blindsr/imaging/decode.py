"""From the bytes of an image file to pixels, at the depth that the file holds."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from blindsr.errors import FileError, missing_file

SIXTEEN_BITS = 16
ORIENTATION = 0x0112  # EXIF tag
_BITS_PER_SAMPLE = 258  # TIFF tag
_PNG_BIT_DEPTH = 24  # byte of the header


def open_image(path: str | Path, *, largest: int | None = None) -> tuple[Image.Image, bytes]:
    """Return the decoded image (so that truncation shows here) and the bytes of the file.

    Args:
        largest: pixels to accept instead of the 180 million at which Pillow refuses.

    Raises:
        FileError: the file is missing, unreadable, truncated, not an image or absurdly large.
    """
    try:
        data = Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise missing_file(path, "an image file", "Check the path") from None
    except OSError as error:
        raise FileError(path, found=f"cannot be read ({error.strerror})") from error
    try:
        with contextlib.nullcontext() if largest is None else _size_limit(largest):
            image = Image.open(io.BytesIO(data))
            image.load()
    except UnidentifiedImageError:
        raise FileError(
            path, found="not an image", expected="PNG, JPEG, WebP or TIFF", fix="Replace the file"
        ) from None
    except Image.DecompressionBombError:
        raise FileError(path, found="too many pixels", fix="Cut it into parts") from None
    except (OSError, SyntaxError, struct.error, ValueError) as error:
        raise FileError(
            path, found=f"damaged image ({error})", expected="a complete file", fix="Copy it again"
        ) from error
    return image, data


@contextlib.contextmanager
def _size_limit(pixels: int) -> Iterator[None]:
    """Pillow has one limit for the whole process: it warns there and refuses at its double."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def bits_per_sample(image: Image.Image, data: bytes) -> int:
    """Return the bits per sample the file holds; Pillow cuts 16 bit colour to 8 without a word."""
    if image.format == "PNG":
        return data[_PNG_BIT_DEPTH]
    tags = getattr(image, "tag_v2", None)
    return int(max(tags.get(_BITS_PER_SAMPLE, (8,)))) if tags is not None else 8


def decode_with_opencv(path: str | Path, data: bytes) -> NDArray[np.generic]:
    """Return (H, W) or (H, W, C) in RGB(A) order and the dtype of the file.

    Raises:
        FileError: OpenCV cannot read it.
    """
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # it tells the console what we raise
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if array is None:
        raise FileError(
            path, found="16 bit image that cannot be decoded", fix="Convert it to a 16 bit PNG"
        )
    if array.ndim == 2:
        return array
    order = [2, 1, 0, 3] if array.shape[2] == 4 else [2, 1, 0]
    return np.ascontiguousarray(array[..., order])


def orient(array: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Apply the EXIF orientation 1..8 to an array, as Pillow does to its images."""
    if orientation in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return array
