"""Image files in and out.

Reading keeps what the file holds (16 bit, palette indices); writing is atomic: a reader never
sees half a file.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

from blindsr.errors import DataError, FileError, missing_file

_SIXTEEN_BITS = 16
_BITS_PER_SAMPLE = 258  # TIFF tag
_ORIENTATION = 0x0112  # EXIF tag
_PNG_BIT_DEPTH = 24  # byte of the header
_PNG_HEADER_BYTES = 33  # signature (8) and the IHDR chunk (25): further chunks may follow here


def read_rgb(path: str | Path) -> NDArray[np.float32]:
    """Read an image file as colour.

    Grey becomes three equal channels, a palette its colours, alpha is dropped, and the EXIF
    orientation is applied. Values are divided by 255 or 65535 and stay gamma-encoded sRGB.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        FileError: the file is missing, truncated, not an image, or neither 8 nor 16 bit.
    """
    image, data = _open(path)
    bits = _bits(image, data)
    if bits == _SIXTEEN_BITS:
        array = _orient(_decode_with_opencv(path, data), image.getexif().get(_ORIENTATION, 1))
        return _three_channels(array).astype(np.float32, order="C") / np.float32(65535)
    if bits > _SIXTEEN_BITS or image.mode in {"F", "I"}:
        raise FileError(
            path,
            found=f"{bits} bit pixels of mode {image.mode}",
            expected="an 8 or 16 bit image",
            fix="Convert it to an 8 or 16 bit PNG",
        )
    upright = ImageOps.exif_transpose(image)
    if "transparency" in upright.info:  # a palette with alpha has no direct way to RGB
        upright = upright.convert("RGBA")
    return np.asarray(upright.convert("RGB"), dtype=np.float32) / np.float32(255)


def read_array(path: str | Path) -> NDArray[np.generic]:
    """Read an image file unchanged: label maps, sigma maps, depth in millimetres.

    Returns:
        (H, W) or (H, W, C), the file's own dtype, channels in RGB(A) order. A palette image
        yields its indices; EXIF orientation is not applied.

    Raises:
        FileError: the file is missing, truncated or not an image.
    """
    image, data = _open(path)
    if _bits(image, data) == _SIXTEEN_BITS and not image.mode.startswith("I;16"):
        return _decode_with_opencv(path, data)
    array = np.array(image)
    return array.astype(np.uint8) if array.dtype == bool else array


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
    chunks = b"".join(_text_chunk(key, value) for key, value in (text or {}).items())
    with atomic_path(path) as temporary:
        temporary.write_bytes(data[:_PNG_HEADER_BYTES] + chunks + data[_PNG_HEADER_BYTES:])


def read_png_text(path: str | Path) -> dict[str, str]:
    """Return the text chunks of a PNG; empty for one without any.

    Raises:
        FileError: the file is missing or not a PNG.
    """
    image, _ = _open(path)
    if not isinstance(image, PngImageFile):
        raise FileError(path, found=f"a {image.format} file", expected="a PNG")
    return {str(key): str(value) for key, value in image.text.items()}


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
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _open(path: str | Path) -> tuple[Image.Image, bytes]:
    """Return the decoded image (so that truncation shows here) and the bytes of the file."""
    try:
        data = Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise missing_file(path, "an image file", "Check the path") from None
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except UnidentifiedImageError:
        raise FileError(
            path, found="not an image", expected="PNG, JPEG, WebP or TIFF", fix="Replace the file"
        ) from None
    except (OSError, SyntaxError, struct.error, ValueError) as error:
        raise FileError(
            path, found=f"damaged image ({error})", expected="a complete file", fix="Copy it again"
        ) from error
    return image, data


def _bits(image: Image.Image, data: bytes) -> int:
    """Return the bits per sample the file holds; Pillow cuts 16 bit colour to 8 without a word."""
    if image.format == "PNG":
        return data[_PNG_BIT_DEPTH]
    tags = getattr(image, "tag_v2", None)
    return int(max(tags.get(_BITS_PER_SAMPLE, (8,)))) if tags is not None else 8


def _decode_with_opencv(path: str | Path, data: bytes) -> NDArray[np.generic]:
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise FileError(
            path, found="16 bit image that cannot be decoded", fix="Convert it to a 16 bit PNG"
        )
    if array.ndim == 2:
        return array
    order = [2, 1, 0, 3] if array.shape[2] == 4 else [2, 1, 0]
    return np.ascontiguousarray(array[..., order])


def _three_channels(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Repeat a grey channel and drop alpha."""
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=2)
    return array[..., :3]


def _orient(array: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Apply the EXIF orientation 1..8 to an array, as Pillow does to its images."""
    if orientation in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return array


def _text_chunk(key: str, value: str) -> bytes:
    """Return one PNG text chunk: tEXt where Latin-1 is enough, else iTXt (UTF-8)."""
    try:
        kind, body = b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1")
    except UnicodeEncodeError:
        kind = b"iTXt"
        body = key.encode("latin-1") + b"\0\0\0\0\0" + value.encode("utf-8")
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
