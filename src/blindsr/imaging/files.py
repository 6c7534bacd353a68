"""Image files in and out.

Reading keeps what the file holds (16 bit, palette indices); writing is atomic: a reader never
sees half a file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.errors import DataError, FileError
from blindsr.imaging.decoding.decode import decode_unchanged
from blindsr.imaging.decoding.png import SIGNATURE, png_metadata, take_apart, text_chunk
from blindsr.imaging.photo import read_photo
from blindsr.imaging.regular_file import open_regular, reading
from blindsr.imaging.temporary import removed_at_exit, temporary_beside

_PNG_HEADER_BYTES = 33  # signature (8) and the IHDR chunk (25): further chunks may follow here


def read_rgb(path: str | Path) -> NDArray[np.float32]:
    """Read an image file as colour.

    Grey becomes three equal channels, a palette its colours, alpha is dropped, and the EXIF
    orientation is applied. Values are divided by 255 or 65535 and stay gamma-encoded sRGB. It is
    what :func:`blindsr.imaging.photo.read_photo` reads: training sees what upscaling sees.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        FileError: the file is missing, truncated, not an image, or neither 8 nor 16 bit.
    """
    return read_photo(path).rgb()


def read_array(path: str | Path) -> NDArray[np.generic]:
    """Read an image file unchanged: class maps, sigma maps, depth in millimetres.

    Returns:
        (H, W) or (H, W, C), the file's own dtype, channels in RGB(A) order. A palette image
        yields its indices; EXIF orientation is not applied.

    Raises:
        FileError: the file is missing, truncated or not an image.
    """
    return decode_unchanged(path)


def write_png(
    path: str | Path, array: NDArray[np.generic], *, text: dict[str, str] | None = None
) -> None:
    """Write a PNG atomically; parent folders are made.

    Args:
        array: uint8 or uint16, (H, W) or (H, W, 3) in RGB order.
        text: metadata stored as PNG text chunks before the pixels.

    Raises:
        DataError: another dtype or shape.
    """
    if array.dtype not in (np.uint8, np.uint16) or not (
        array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    ):
        raise DataError(
            path,
            found=f"array of shape {array.shape}, {array.dtype}",
            expected="(H, W) or (H, W, 3) of uint8 or uint16",
            fix="Convert floats with to_uint8",
        )
    in_file_order = array if array.ndim == 2 else array[..., ::-1]
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(in_file_order))
    data = encoded.tobytes()
    chunks = b"".join(text_chunk(key, value) for key, value in (text or {}).items())
    with atomic_path(path) as temporary:
        temporary.write_bytes(data[:_PNG_HEADER_BYTES] + chunks + data[_PNG_HEADER_BYTES:])


def read_png_text(path: str | Path) -> dict[str, str]:
    """Return the text chunks of a PNG; empty for one without any.

    Raises:
        FileError: the file is missing or not a PNG.
    """
    with open_regular(path) as file, reading(path):
        if file.read(len(SIGNATURE)) != SIGNATURE:
            raise FileError(path, found="another kind of file", expected="a PNG")
        file.seek(0)
        return png_metadata(take_apart(file, pixels=False)).text


def white_of(image: NDArray[Any]) -> np.float32:
    """Return the value of white: the largest of unsigned integers, 1 of floats."""
    return np.float32(np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1)


def to_uint8(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return [0, 1] floats as 0..255, clipped and rounded to the nearest level."""
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it on success and vanishes on failure.

    The suffix is kept, because writers choose the format by it. Parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    with removed_at_exit(temporary):
        yield temporary
        temporary.replace(path)
