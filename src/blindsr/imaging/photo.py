"""Photographs as they are: depth, grey or colour, transparency, colour profile, EXIF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from blindsr.errors import FileError
from blindsr.imaging.decode import (
    ORIENTATION,
    SIXTEEN_BITS,
    bits_per_sample,
    decode_with_opencv,
    open_image,
    orient,
)

_LARGEST = 1 << 30  # pixels, as in OpenCV
_PNG_COLOUR_TYPE = 25  # byte of the header
_PNG_GREY_ALPHA = 4
_PHOTOMETRIC = 262  # TIFF tag
_GREY_MODES = {"1", "L", "LA", "La"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
# EXIF that is still true of an enlarged picture: not its thumbnail, size, layout or orientation.
_KEPT = (
    0x010E,  # description
    0x010F,  # make
    0x0110,  # model
    0x0131,  # software
    0x0132,  # date
    0x013B,  # artist
    0x8298,  # copyright
)
_EXIF, _GPS = 0x8769, 0x8825
_DROPPED = {0x927C, 0xA002, 0xA003, 0xA005}  # maker's notes, width, height, interoperability
_LONGEST_EXIF = 60_000  # bytes; JPEG has room for 65,533


@dataclass(frozen=True)
class Photo:
    """A picture, upright.

    Attributes:
        color: (H, W) grey or (H, W, 3) RGB, uint8 or uint16, gamma-encoded as in the file.
        alpha: (H, W) of the same dtype, 0 = transparent; ``None`` without transparency.
        icc: colour profile that fits ``color``.
        exif: what is known of the picture, orientation 1; from the byte-order mark on.
        format: name of the file format, for instance ``JPEG``.
        notes: what could not be kept, in words.
    """

    color: NDArray[np.integer]
    alpha: NDArray[np.integer] | None
    icc: bytes | None
    exif: bytes | None
    format: str
    notes: tuple[str, ...] = ()

    @property
    def grey(self) -> bool:
        """Whether there is one channel besides alpha."""
        return self.color.ndim == 2

    @property
    def bits(self) -> int:
        """8 or 16 per sample."""
        return self.color.dtype.itemsize * 8

    def rgb(self) -> NDArray[np.float32]:
        """Return (H, W, 3) float32 in [0, 1]; grey as three equal channels."""
        image = self.color.astype(np.float32)
        image /= np.float32(np.iinfo(self.color.dtype).max)
        return np.repeat(image[..., None], 3, axis=2) if self.grey else image


def read_photo(path: str | Path) -> Photo:
    """Read an image file as a photograph; the EXIF orientation is applied to its pixels.

    A palette becomes RGB(A), CMYK becomes RGB, of several frames or pages the first is taken.

    Raises:
        FileError: the file is missing, truncated, not an image, or neither 8 nor 16 bit.
    """
    image, data = open_image(path, largest=_LARGEST)
    bits = bits_per_sample(image, data)
    if bits > SIXTEEN_BITS or image.mode in {"F", "I"}:
        raise FileError(
            path,
            found=f"{bits} bit pixels of mode {image.mode}",
            expected="an 8 or 16 bit image",
            fix="Convert it to an 8 or 16 bit PNG",
        )
    known = _known(image)
    notes = []
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        notes.append(f"the first of {getattr(image, 'n_frames', 1)} frames")
    turn = known.get(ORIENTATION, 1)
    if bits == SIXTEEN_BITS:
        color, alpha = (
            None if part is None else np.ascontiguousarray(orient(part, turn))
            for part in _split_16_bit(image, decode_with_opencv(path, data), data)
        )
        assert color is not None
    else:
        color, alpha = _split_8_bit(ImageOps.exif_transpose(image))
    icc = image.info.get("icc_profile")
    if image.mode == "CMYK":
        notes.append("CMYK converted without its profile")
        icc = None
    elif icc and icc[16:20] != (b"GRAY" if color.ndim == 2 else b"RGB "):
        notes.append("colour profile dropped, as it is one of another kind of picture")
        icc = None
    return Photo(color, alpha, icc or None, _exif(known), image.format or "", tuple(notes))


def _split_16_bit(
    image: Image.Image, array: NDArray[np.generic], data: bytes
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None]:
    """Return colour and alpha of what OpenCV has decoded."""
    pixels = array.astype(np.uint16, copy=False)
    if pixels.ndim == 2:
        tags = getattr(image, "tag_v2", None)
        white_is_zero = tags is not None and tags.get(_PHOTOMETRIC) == 0
        return (65535 - pixels if white_is_zero else pixels), None
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    if image.format == "PNG" and data[_PNG_COLOUR_TYPE] == _PNG_GREY_ALPHA:
        return pixels[..., 0], alpha
    return pixels[..., :3], alpha


def _split_8_bit(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return colour and alpha of a picture of any mode of Pillow."""
    grey = image.mode in _GREY_MODES
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        pixels = np.asarray(image.convert("LA" if grey else "RGBA"))
        color = pixels[..., 0] if grey else pixels[..., :3]
        return np.ascontiguousarray(color), np.ascontiguousarray(pixels[..., -1])
    return np.asarray(image.convert("L" if grey else "RGB")), None


def _known(image: Image.Image) -> Image.Exif:
    """Return the EXIF of a picture, empty where it is damaged: pixels matter more."""
    try:
        return image.getexif()
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return Image.Exif()


def _exif(known: Image.Exif) -> bytes | None:
    """Return the EXIF that an enlarged picture keeps, or ``None`` where there is nothing."""
    kept = Image.Exif()
    try:
        for tag in _KEPT:
            if tag in known:
                kept[tag] = known[tag]
        for block in (_EXIF, _GPS):
            values = {k: v for k, v in known.get_ifd(block).items() if k not in _DROPPED}
            if values:
                kept[block] = values
        if not len(kept):
            return None
        kept[ORIENTATION] = 1
        packed = kept.tobytes().removeprefix(b"Exif\0\0")
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return None
    return packed if len(packed) <= _LONGEST_EXIF else None
