"""JPEG files written strip by strip: no more than a few rows are in memory.

Format: ITU-T T.81. The encoder of Pillow wants a whole picture, but restart markers make strips
independent: each is encoded alone, with the tables that all share, and what it encodes to follows
the one before behind a marker. Readers see one ordinary baseline file whose pixels are those that
encoding it at once would give.
"""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blindsr.photo.stream import Head, StripStream

_BLOCK = 8  # rows and columns of what is transformed together, as colour is not subsampled
_MOST_BLOCKS = 65535  # between restart markers
_STRIP_BYTES = 1 << 22
_MOST_DPI = 65535
_SIZE, _INTERVAL, _SCAN = 0xC0, 0xDD, 0xDA  # second bytes of markers: SOF0, DRI, SOS
_END = b"\xff\xd9"


class JpegStream(StripStream):
    """Encode rows of 8 bit, grey or RGB, as they come; all colour samples are kept (4:4:4).

    Args:
        file: open for writing in binary mode; it is not closed.
        head: of a picture of up to 65,500 pixels a side.
    """

    def __init__(self, file: BinaryIO, head: Head) -> None:
        across = -(-head.width // _BLOCK)
        down = min(_MOST_BLOCKS // across, max(1, _STRIP_BYTES // (across * _BLOCK * _BLOCK * 3)))
        super().__init__(down * _BLOCK)
        self._file, self._height, self._channels = file, head.height, head.channels
        self._interval = across * down
        self._options: dict[str, Any] = {
            "format": "JPEG",
            "quality": head.quality,
            "subsampling": 0,
        }
        self._first: dict[str, Any] = {"icc_profile": head.icc}
        if head.dpi is not None:
            self._first["dpi"] = tuple(min(value, _MOST_DPI) for value in head.dpi)
        if head.exif is not None:
            self._first["exif"] = b"Exif\0\0" + head.exif
        self._strips = 0

    def end(self) -> None:
        """Write the marker of the end."""
        self._file.write(_END)

    def encode(self, rows: NDArray[np.integer]) -> None:
        """Write one strip behind a restart marker, the first behind the tables."""
        pixels = np.ascontiguousarray(rows[..., 0] if self._channels == 1 else rows, np.uint8)
        buffer = io.BytesIO()
        first = {} if self._strips else self._first
        Image.fromarray(pixels).save(buffer, **self._options, **first)
        data = buffer.getvalue()
        start, size_at, scan_at = _find(data)
        if self._strips:
            self._file.write(bytes([0xFF, 0xD0 + (self._strips - 1) % 8]))  # RST0..RST7
        else:
            self._file.write(data[: size_at + 5])
            self._file.write(struct.pack(">H", self._height))
            self._file.write(data[size_at + 7 : scan_at])
            self._file.write(struct.pack(">BBHH", 0xFF, _INTERVAL, 4, self._interval))
            self._file.write(data[scan_at:start])
        self._file.write(memoryview(data)[start : -len(_END)])
        self._strips += 1


def _find(data: bytes) -> tuple[int, int, int]:
    """Return where the encoded pixels begin, where the size stands, and where the scan begins."""
    place, size_at = 2, 0
    while True:
        kind, length = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        if kind == _SIZE:
            size_at = place
        if kind == _SCAN:
            return place + 2 + length, size_at, place
        place += 2 + length
