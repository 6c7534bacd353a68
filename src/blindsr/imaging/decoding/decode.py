"""Decode an image file at its own depth; training and upscaling read files the same way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.decoding.decoded import Decoded
from blindsr.imaging.decoding.deep import (
    decode_avif,
    decode_jp2,
    decode_jpeg,
    decode_netpbm,
    is_avif,
    is_jp2,
    is_jpeg,
    is_netpbm,
    jpeg_frame,
)
from blindsr.imaging.decoding.metadata import metadata_of
from blindsr.imaging.decoding.pillow import decode_pillow, open_with_pillow
from blindsr.imaging.decoding.png import decode_png, is_png, open_png, png_metadata, png_samples
from blindsr.imaging.decoding.tiff import decode_tiff, is_tiff, page_size, read_first_page
from blindsr.imaging.regular_file import UnsupportedPictureError, open_regular, reading

_HEAD = 32  # bytes by which a kind is known
_EIGHT = 8
_TURNED = {5, 6, 7, 8}
_UNSUPPORTED = (
    (b"\xff\x0a", 0, "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", 0, "a JPEG XL picture"),
    (b"ftyphei", 4, "a HEIC picture"),
    (b"ftyphev", 4, "a HEIC picture"),
    (b"ftypmif1", 4, "a HEIC picture"),
    (b"v/1\x01", 0, "an OpenEXR picture"),
    (b"#?RADIANCE", 0, "a Radiance picture"),
    (b"#?RGBE", 0, "a Radiance picture"),
    (b"P7\n", 0, "a PAM picture"),
    (b"PF\n", 0, "a picture of 32 bit floats"),
    (b"Pf\n", 0, "a picture of 32 bit floats"),
    (b"%PDF", 0, "a PDF document"),
    (b"%!PS", 0, "a PostScript document"),
    (b"<svg", 0, "an SVG drawing"),
    (b"FUJIFILMCCD-RAW", 0, "a raw camera picture"),
    (b"ftypcrx", 4, "a raw camera picture"),
)
"""Beginnings of whole pictures that are not read: bytes, where they stand, what they are."""


_DECODERS = (
    (is_tiff, decode_tiff),
    (is_png, decode_png),
    (is_netpbm, decode_netpbm),
    (is_jpeg, decode_jpeg),
    (is_jp2, decode_jp2),
    (is_avif, decode_avif),
)


def decode(path: str | Path) -> Decoded:
    """Decode a picture; of several frames or pages the first that is no thumbnail.

    Raises:
        FileError: the file is missing, unreadable, truncated, not an image, of a kind that is not
            supported, or larger than memory.
    """
    with _opened(path) as (name, file, head):
        for fits, decoder in _DECODERS:
            if fits(head):
                return decoder(name, file)
        return decode_pillow(name, file)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return height and width of the upright picture from its header; no pixel is decoded.

    Raises:
        FileError: as :func:`decode`, as far as the header tells.
    """
    with _opened(path) as (name, file, head):
        if is_tiff(head):
            height, width, turn = page_size(file)
        elif is_png(head):
            png = open_png(name, file, pixels=False)
            height, width, turn = png.height, png.width, png_metadata(png).orientation
        elif is_jpeg(head) and (frame := jpeg_frame(file)) is not None and frame.bits != _EIGHT:
            height, width, turn = frame.height, frame.width, frame.metadata.orientation
        else:
            file.seek(0)
            with open_with_pillow(name, file) as image:
                (width, height), turn = image.size, metadata_of(image).orientation
    return (width, height) if turn in _TURNED else (height, width)


def decode_unchanged(path: str | Path) -> NDArray[np.generic]:
    """Return the samples (H, W) or (H, W, C) as stored: indices of a palette, floats, all channels.

    Raises:
        FileError: as :func:`decode`.
    """
    with _opened(path) as (name, file, head):
        if is_tiff(head):
            return read_first_page(name, file)
        if is_png(head):
            return png_samples(open_png(name, file))
        if is_netpbm(head):
            return decode_netpbm(name, file).color
        with open_with_pillow(name, file) as image:
            array = np.array(image)
        return array.astype(np.uint8) if array.dtype == bool else array


def orient(array: NDArray[np.integer], orientation: int) -> NDArray[np.integer]:
    """Apply the EXIF orientation 1..8 to an array, as Pillow does to its images."""
    if orientation in _TURNED:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[str, BinaryIO, bytes]]:
    """Yield name, file and its first bytes; every failure is one line."""
    with open_regular(path) as file, reading(path):
        head = file.read(_HEAD)
        _refuse_unsupported(head)
        file.seek(0)
        yield str(path), file, head


def _refuse_unsupported(head: bytes) -> None:
    for mark, place, what in _UNSUPPORTED:
        if head[place : place + len(mark)] == mark:
            raise UnsupportedPictureError(what)
