"""PNG of every depth; transparency by a key colour included."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from blindsr.imaging.decoding.decoded import Decoded
from blindsr.imaging.decoding.memory import check_room
from blindsr.imaging.decoding.pillow import decode_with_opencv, split_modes
from blindsr.imaging.decoding.png_chunks import PngFile, png_metadata, take_apart

_GREY_TYPES = {0, 4}
_DEEP = 16


def open_png(path: str, file: BinaryIO, *, pixels: bool = True) -> PngFile:
    """Return a PNG taken apart, once its pixels are known to fit into memory."""
    png = take_apart(file, pixels=pixels)
    check_room(path, png.width, png.height, sample_bytes=2 if png.depth == _DEEP else 1)
    return png


def decode_png(path: str, file: BinaryIO) -> Decoded:
    """Decode a PNG; of an animation, the picture that viewers of still pictures show."""
    png = open_png(path, file)
    if png.depth == _DEEP:
        # Pillow cuts 16 bit colour to 8 without a word
        array = decode_with_opencv(png.pixels)
        alpha = array[..., 3] if array.ndim == 3 and array.shape[2] == 4 else None
        color = array[..., :3] if array.ndim == 3 else array
        if png.colour_type in _GREY_TYPES and color.ndim == 3:
            color = color[..., 0]
    else:
        with PngImageFile(BytesIO(png.pixels)) as image:
            image.load()
            color, alpha = split_modes(image)
    if png.key is not None and alpha is None:
        alpha = _opaque(color, png)
    notes = (f"the first of {png.frames} frames",) if png.frames > 1 else ()
    return Decoded(
        np.ascontiguousarray(color),
        None if alpha is None else np.ascontiguousarray(alpha),
        "PNG",
        png_metadata(png),
        notes,
    )


def png_samples(png: PngFile) -> NDArray[np.generic]:
    """Return the samples as stored, those of a palette as indices."""
    if png.depth == _DEEP:
        return decode_with_opencv(png.pixels)
    with PngImageFile(BytesIO(png.pixels)) as image:
        array = np.array(image)
    return array.astype(np.uint8) if array.dtype == bool else array


def _opaque(color: NDArray[np.integer], png: PngFile) -> NDArray[np.integer]:
    """Return alpha: 0 where a pixel has the key colour."""
    white = int(np.iinfo(color.dtype).max)
    peak = (1 << png.depth) - 1
    key = np.array([(value & peak) * white // peak for value in png.key or ()], color.dtype)
    hit = color == (key[0] if color.ndim == 2 else key)
    transparent = hit if color.ndim == 2 else hit.all(axis=2)
    return np.where(transparent, 0, white).astype(color.dtype)
