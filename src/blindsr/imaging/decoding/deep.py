"""JPEG, JPEG 2000, AVIF, PGM and PPM of more than 8 bit, which Pillow cannot decode in full."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.decoding.decoded import Decoded, full_range
from blindsr.imaging.decoding.memory import check_room
from blindsr.imaging.decoding.metadata import Metadata, exif_from_bytes, metadata_of
from blindsr.imaging.decoding.pillow import decode_pillow, open_with_pillow
from blindsr.imaging.regular_file import UnsupportedPictureError

_AV1 = b"av1C"  # box whose third byte after the name says how deep
_DEEP, _TWELVE = 0x40, 0x20
_JPEG = b"\xff\xd8\xff"
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers with a size
_SCAN, _END, _EXIF = 0xDA, 0xD9, 0xE1
_JPEG_DEPTH = 12


@dataclass(frozen=True)
class JpegFrame:
    """What the header of a JPEG says."""

    bits: int
    height: int
    width: int
    channels: int
    metadata: Metadata


def is_avif(head: bytes) -> bool:
    """Whether a file begins as AVIF."""
    return head[4:12] in (b"ftypavif", b"ftypavis")


def is_jpeg(head: bytes) -> bool:
    """Whether a file begins as JPEG."""
    return head.startswith(_JPEG)


def decode_avif(path: str, file: BinaryIO) -> Decoded:
    """Decode an AVIF picture at its depth."""
    data = file.read()
    file.seek(0)
    place = data.find(_AV1)
    flags = data[place + 6] if 0 <= place < len(data) - 6 else 0
    if not flags & _DEEP or is_animated(data):
        return decode_pillow(path, file)
    with open_with_pillow(path, file) as image:
        check_room(path, *image.size, sample_bytes=2)
        metadata = metadata_of(image)
    peak = 4095 if flags & _TWELVE else 1023
    color, alpha = split_channels(np.asarray(imagecodecs.avif_decode(data)), peak)
    return Decoded(color, alpha, "AVIF", metadata)


def is_animated(data: bytes) -> bool:
    """Whether an AVIF is a sequence, of which Pillow takes the first picture."""
    return data[8:12] == b"avis"


def split_channels(
    array: NDArray[Any], peak: int
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None]:
    """Return colour and alpha of (H, W) or (H, W, 1..4) samples, at full range."""
    samples = full_range(array if array.ndim == 3 else array[..., None], peak)
    channels = samples.shape[2]
    alpha = np.ascontiguousarray(samples[..., -1]) if channels in (2, 4) else None
    return np.ascontiguousarray(samples[..., 0] if channels < 3 else samples[..., :3]), alpha


def decode_jpeg(path: str, file: BinaryIO) -> Decoded:
    """Decode a JPEG, one of 12 bit too."""
    frame = jpeg_frame(file)
    file.seek(0)
    if frame is None or frame.bits != _JPEG_DEPTH:
        return decode_pillow(path, file)
    check_room(path, frame.width, frame.height, channels=frame.channels, sample_bytes=2)
    if frame.channels not in (1, 3):
        raise UnsupportedPictureError(f"a 12 bit JPEG of {frame.channels} channels")
    color, _ = split_channels(np.asarray(imagecodecs.jpeg8_decode(file.read())), 4095)
    return Decoded(color, None, "JPEG", frame.metadata)


def jpeg_frame(file: BinaryIO) -> JpegFrame | None:
    """Read the header of a JPEG up to its size; ``None`` where there is none."""
    file.seek(2)
    metadata = Metadata(lost=("its profile and comments",))
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        kind, length = head[1], int.from_bytes(head[2:], "big") - 2
        if kind in (_SCAN, _END) or length < 0:
            return None
        if kind in _FRAMES:
            body = file.read(6)
            if len(body) < 6:
                return None
            height, width = (int.from_bytes(body[at : at + 2], "big") for at in (1, 3))
            return JpegFrame(body[0], height, width, body[5], metadata)
        if kind == _EXIF:
            exif = exif_from_bytes(file.read(length))
            metadata = Metadata(exif=exif, lost=metadata.lost)
        else:
            file.seek(length, os.SEEK_CUR)
    return None


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


_HEADER = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)+(\d{1,9})" * 3 + rb"\s")


def is_netpbm(head: bytes) -> bool:
    """Whether a file begins as PGM or PPM, plain or raw."""
    return re.match(rb"P[2356][\s#]", head) is not None


def decode_netpbm(path: str, file: BinaryIO) -> Decoded:
    """Decode PGM or PPM, plain or raw: uint8 up to a maximum of 255, else uint16.

    Raises:
        ValueError: the header is wrong, or pixels are missing.
    """
    data = file.read()
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("no header of PGM or PPM")
    kind, width, height, peak = (int(part) for part in header.groups())
    if not 1 <= peak <= 65535:
        raise ValueError(f"a maximum of {peak}")
    channels = 3 if kind in (3, 6) else 1
    count = width * height * channels
    check_room(path, width, height, sample_bytes=1 if peak < 256 else 2)
    if kind < 4:
        words = data[header.end() :].split(maxsplit=count)[:count]
        samples = np.array(words, dtype=np.int64)
    else:
        samples = np.frombuffer(data, ">u2" if peak > 255 else np.uint8, count, header.end())
    if len(samples) < count:
        raise ValueError("it ends early")
    if samples.min(initial=0) < 0 or samples.max(initial=0) > peak:
        raise ValueError(f"values beyond its maximum {peak}")
    samples = samples.reshape((height, width, channels)[: 2 + (channels > 1)])
    return Decoded(full_range(samples, peak), None, "PPM")
