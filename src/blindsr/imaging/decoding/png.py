"""PNG of every depth: its chunks taken apart, pixels for a decoder, text, profile and EXIF for us.

Pillow refuses a picture for what its text holds (more than 1 MB, a wrong checksum). A decoder here
gets the critical chunks alone; text, profile and EXIF are read with care, and are never a reason.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from blindsr.imaging.decoding.decoded import Decoded
from blindsr.imaging.decoding.memory import check_room
from blindsr.imaging.decoding.metadata import (
    ORIENTATION,
    Metadata,
    exif_from_bytes,
    sound_dpi,
    sound_profile,
)
from blindsr.imaging.decoding.pillow import decode_with_opencv, split_modes

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE = 0, 2, 3  # colour types
_GREY_TYPES = {0, 4}
_DEEP = 16
_HEADER_BYTES = 13
_COLOUR_TYPE = 17  # byte of the chunk of the header
_LARGEST_TEXT = 1 << 23  # bytes of all texts together, unpacked
_LARGEST_ICC = 1 << 26
_XMP = "XML:com.adobe.xmp"
_RAW = "Raw profile type "  # ImageMagick hides EXIF, IPTC and XMP in texts of this name
_ORIENTATION_IN_XMP = re.compile(r'tiff:Orientation(?:="|>)([1-8])')
_INCH = 0.0254  # metres


@dataclass(frozen=True)
class PngFile:
    """A PNG, taken apart.

    Attributes:
        pixels: a PNG of its critical chunks; of a palette the transparency is in it too.
        width: of the picture.
        height: of the picture.
        depth: bits per sample.
        colour_type: of the header: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
        key: the sample, or three, that stands for transparent pixels; ``None`` without.
        frames: of an animation; 1 of a still picture.
        extra: the other chunks, in order.
    """

    pixels: bytes
    width: int
    height: int
    depth: int
    colour_type: int
    key: tuple[int, ...] | None
    frames: int
    extra: tuple[tuple[bytes, bytes], ...]


def is_png(head: bytes) -> bool:
    """Whether a file begins as PNG."""
    return head.startswith(SIGNATURE)


def take_apart(file: BinaryIO, *, pixels: bool = True) -> PngFile:
    """Split a PNG into its pixels and the rest.

    Args:
        file: open at its beginning.
        pixels: keep them; otherwise they are skipped unread, and may be missing.

    Raises:
        ValueError: it ends early or has no header.
    """
    size = os.fstat(file.fileno()).st_size
    kept, extra, kind = [file.read(len(SIGNATURE))], [], b""
    while kind != b"IEND":
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or file.tell() + length + 4 > size:
            if not pixels and len(kept) > 1:
                break
            raise ValueError("it ends early")
        if len(kept) == 1 and (kind != b"IHDR" or length != _HEADER_BYTES):
            raise ValueError("no header")
        if kind == b"IDAT" and not pixels:
            file.seek(length + 4, os.SEEK_CUR)
        elif not kind[0] & 0x20:
            body = file.read(length + 4)
            # libpng tells the console of damage that a checksum finds before
            if zlib.crc32(body[:-4], zlib.crc32(kind)) != int.from_bytes(body[-4:], "big"):
                raise ValueError(f"wrong checksum of {kind.decode('latin-1')}")
            kept.append(head + body)
        else:
            body = file.read(length + 4)[:-4]
            if kind == b"tRNS" and kept[1][_COLOUR_TYPE] == _PALETTE:
                kept.append(chunk(kind, body))
            elif kind not in (b"fdAT", b"fcTL"):
                extra.append((kind, body))
    width, height, depth, colour = struct.unpack_from(">IIBB", kept[1], 8)
    animation = next((body for kind, body in extra if kind == b"acTL"), b"")
    frames = int.from_bytes(animation[:4], "big") if len(animation) >= 4 else 1
    key = _key(extra, colour)
    return PngFile(b"".join(kept), width, height, depth, colour, key, frames, tuple(extra))


def _key(extra: list[tuple[bytes, bytes]], colour_type: int) -> tuple[int, ...] | None:
    count = {_GREY: 1, _RGB: 3}.get(colour_type, 0)
    body = next((body for kind, body in extra if kind == b"tRNS"), b"")
    if not count or len(body) < 2 * count:
        return None
    return struct.unpack(f">{count}H", body[: 2 * count])


def png_metadata(png: PngFile) -> Metadata:
    """Return what the other chunks say; what is damaged or too long is left out, and said."""
    icc, exif, dpi = None, Image.Exif(), None
    texts: dict[str, str] = {}
    lost: list[str] = []
    room = _LARGEST_TEXT
    for kind, body in png.extra:
        if kind == b"iCCP":
            icc = sound_profile(_profile(body))
            if icc is None:
                lost.append("a damaged colour profile")
        elif kind == b"eXIf":
            exif = exif_from_bytes(body)
            if not len(exif):
                lost.append("damaged EXIF")
        elif kind == b"pHYs" and len(body) >= 9 and body[8] == 1:
            dpi = sound_dpi([value * _INCH for value in struct.unpack(">II", body[:8])])
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            pair = _text(kind, body, room)
            if pair is None:
                lost.append("a text that is damaged or too long")
                continue
            room -= len(pair[1])
            texts[pair[0]] = f"{texts[pair[0]]}\n{pair[1]}" if pair[0] in texts else pair[1]
    xmp = texts.pop(_XMP, "")
    if xmp:
        lost.append("XMP")
        found = _ORIENTATION_IN_XMP.search(xmp)
        if found and ORIENTATION not in exif:
            exif[ORIENTATION] = int(found[1])
    hidden = {name: texts.pop(name) for name in list(texts) if name.startswith(_RAW)}
    if not len(exif) and f"{_RAW}exif" in hidden:
        with contextlib.suppress(ValueError):
            exif = exif_from_bytes(bytes.fromhex("".join(hidden[f"{_RAW}exif"].split("\n")[3:])))
    lost += [name.removeprefix(_RAW).upper() for name in hidden if name != f"{_RAW}exif"]
    return Metadata(icc, exif, dpi, texts, tuple(dict.fromkeys(lost)))


def _unpacked(packed: bytes, limit: int) -> bytes | None:
    """Inflate at most so many bytes: a kilobyte may promise a gigabyte."""
    try:
        packer = zlib.decompressobj()
        content = packer.decompress(packed, limit + 1)
    except zlib.error:
        return None
    return content if len(content) <= limit and packer.eof else None


def _profile(body: bytes) -> bytes | None:
    return _unpacked(body.partition(b"\0")[2][1:], _LARGEST_ICC)


def _text(kind: bytes, body: bytes, room: int) -> tuple[str, str] | None:
    """Return keyword and text, ``None`` where it is damaged or has no room."""
    keyword, _, rest = body.partition(b"\0")
    packed, encoding, content = False, "latin-1", rest
    if kind == b"zTXt":
        packed, content = True, rest[1:]
    elif kind == b"iTXt":
        packed, encoding = rest[:1] == b"\1", "utf-8"
        content = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    value = _unpacked(content, room) if packed else content
    if not 1 <= len(keyword) <= 79 or value is None or len(value) > room:
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return keyword.decode("latin-1"), value.decode(encoding).replace("\0", "")
    return None


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk: length, four letters, content, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(key: str, value: str) -> bytes:
    """Return one text chunk: tEXt where Latin-1 is enough, else iTXt (UTF-8)."""
    try:
        return chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + value.encode("utf-8"))


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
