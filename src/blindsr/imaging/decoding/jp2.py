"""JPEG 2000 of more than 8 bit, which Pillow cuts to 8 in colour and shifts in grey."""

from __future__ import annotations

import struct
from typing import BinaryIO

import imagecodecs
import numpy as np

from blindsr.imaging.decoding.decoded import Decoded
from blindsr.imaging.decoding.deep import split_channels
from blindsr.imaging.decoding.memory import check_room
from blindsr.imaging.decoding.metadata import metadata_of
from blindsr.imaging.decoding.pillow import decode_pillow, open_with_pillow
from blindsr.imaging.regular_file import UnsupportedPictureError

_SIZE_MARKER = b"\xff\x4f\xff\x51"  # start of the code stream, then the size of the picture
_COUNT = 40  # bytes from there to the number of channels


def is_jp2(head: bytes) -> bool:
    """Whether a file begins as JPEG 2000, boxed or bare."""
    return head.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"))


def decode_jp2(path: str, file: BinaryIO) -> Decoded:
    """Decode a JPEG 2000 picture at its depth."""
    data = file.read()
    file.seek(0)
    start = data.find(_SIZE_MARKER)
    if start < 0 or start + _COUNT + 2 > len(data):
        raise ValueError("it ends early")
    (count,) = struct.unpack_from(">H", data, start + _COUNT)
    depths = set(data[start + _COUNT + 2 : start + _COUNT + 2 + 3 * count : 3])
    if not depths or max(depths) < 8:  # stored less one; the highest bit says signed
        return decode_pillow(path, file)
    if len(depths) > 1 or count > 4 or max(depths) > 15:
        raise UnsupportedPictureError(f"JPEG 2000 of {count} channels of unusual depth")
    with open_with_pillow(path, file) as image:
        check_room(path, *image.size, sample_bytes=2)
        metadata = metadata_of(image)
    array = np.asarray(imagecodecs.jpeg2k_decode(data))
    color, alpha = split_channels(array, (2 << depths.pop()) - 1)
    return Decoded(color, alpha, "JPEG2000", metadata)
