"""Decoding by Pillow, without its size limit for the whole process, and by OpenCV for 16 bit."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from blindsr.imaging.decoding.decoded import Decoded
from blindsr.imaging.decoding.memory import check_room
from blindsr.imaging.decoding.metadata import metadata_of
from blindsr.imaging.regular_file import UnsupportedPictureError

_GREY_MODES = {"1", "L", "LA", "La"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
_REFUSED = {"LAB": "a Lab picture", "HSV": "an HSV picture", "F": "a picture of 32 bit floats"}
_REFUSED["I"] = "a picture of 32 bit integers"
_CLOSED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS"}
"""Formats that run another program, or that Pillow only names."""
_SILENT = 0  # level of OpenCV's log
_HEAD = 16  # bytes by which a format is known


def open_with_pillow(path: str, file: BinaryIO) -> Image.Image:
    """Open a picture as ``Image.open`` does, but for its limit of pixels.

    That limit is one for the whole process, and other threads may count on it.

    Args:
        path: for messages.
        file: open at its beginning; it must stay open while the picture is used.

    Raises:
        UnidentifiedImageError: no format fits.
    """
    Image.init()
    head = file.read(_HEAD)
    reason: Exception | None = None
    for name in list(Image.ID):
        factory, accept = Image.OPEN[name]
        if name in _CLOSED or (accept is not None and accept(head) is not True):
            continue
        file.seek(0)
        try:
            image = factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            reason = error if accept is not None else reason
            continue
        check_room(path, *image.size, sample_bytes=2 if image.mode.startswith("I") else 1)
        return image
    if reason is not None:
        raise ValueError(str(reason)) from reason
    raise UnidentifiedImageError


def decode_pillow(path: str, file: BinaryIO) -> Decoded:
    """Decode a picture of at most 8 bit, or of 16 bit grey; of several frames the first."""
    with open_with_pillow(path, file) as image:
        image.load()
        color, alpha = split_modes(image)
        notes = []
        count = _frames(image)
        if image.format != "MPO" and count != 1:
            some = f"{count} frames" if count else "several frames; the others are damaged"
            notes.append(f"the first of {some}")
        return Decoded(
            color,
            alpha,
            image.format or "",
            metadata_of(image),
            tuple(notes),
            cmyk=image.mode == "CMYK",
        )


def split_modes(
    image: Image.Image,
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None]:
    """Return colour and alpha of a picture of any mode of Pillow.

    Raises:
        UnsupportedPictureError: Lab, floats and other modes without a direct way.
    """
    if image.mode in _REFUSED:
        raise UnsupportedPictureError(_REFUSED[image.mode])
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16, copy=False), None
    grey = image.mode in _GREY_MODES
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        pixels = _as(image, "LA" if grey else "RGBA")
        color = pixels[..., 0] if grey else pixels[..., :3]
        return np.ascontiguousarray(color), np.ascontiguousarray(pixels[..., -1])
    return _as(image, "L" if grey else "RGB"), None


def _as(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _frames(image: Image.Image) -> int:
    """Return how many frames there are, 0 where a damaged file does not say."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # it looks for them through the whole file
        return 0


def decode_with_opencv(data: bytes) -> NDArray[Any]:
    """Return (H, W) or (H, W, C) in RGB(A) order and the dtype of the file.

    Raises:
        ValueError: OpenCV cannot read it.
    """
    log: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 5 and 4 have it in different places
    level = log.getLogLevel()
    log.setLogLevel(_SILENT)  # it tells the console what we raise
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(level)
    if array is None:
        raise ValueError("its pixels cannot be decoded")
    if array.ndim == 3:
        cv2.cvtColor(
            array, cv2.COLOR_BGRA2RGBA if array.shape[2] == 4 else cv2.COLOR_BGR2RGB, array
        )
    return array
