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

_BLOCK = 8  # rows and columns of what is transformed together, as colour is not subsampled
_MOST_BLOCKS = 65535  # between restart markers
_STRIP_BYTES = 1 << 22
_MOST_DPI = 65535
_SIZE, _INTERVAL, _SCAN = 0xC0, 0xDD, 0xDA  # second bytes of markers: SOF0, DRI, SOS
_END = b"\xff\xd9"


class JpegStream:
    """Encode rows as they come; all colour samples are kept (4:4:4).

    Args:
        file: open for writing in binary mode; it is not closed.
        width: of the picture, up to 65,500.
        height: likewise.
        channels: 1 grey or 3 RGB.
        quality: 1..100.
        icc: colour profile.
        exif: EXIF block, from its byte-order mark on.
        dpi: pixels per inch, across and down.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        width: int,
        height: int,
        channels: int,
        quality: int,
        icc: bytes | None = None,
        exif: bytes | None = None,
        dpi: tuple[float, float] | None = None,
    ) -> None:
        self._file, self._height, self._channels = file, height, channels
        across = -(-width // _BLOCK)
        down = min(_MOST_BLOCKS // across, max(1, _STRIP_BYTES // (across * _BLOCK * _BLOCK * 3)))
        self._rows_per_strip = down * _BLOCK
        self._interval = across * down
        self._options: dict[str, Any] = {"format": "JPEG", "quality": quality, "subsampling": 0}
        self._head: dict[str, Any] = {"icc_profile": icc}
        if dpi is not None:
            self._head["dpi"] = tuple(min(value, _MOST_DPI) for value in dpi)
        if exif is not None:
            self._head["exif"] = b"Exif\0\0" + exif
        self._waiting: list[NDArray[np.integer]] = []
        self._strips = 0

    def write(self, rows: NDArray[np.integer]) -> None:
        """Append (n, W, C) rows of uint8."""
        size = self._rows_per_strip
        missing = size - sum(map(len, self._waiting))
        while len(rows) >= missing:
            self._strip(np.concatenate([*self._waiting, rows[:missing]]))
            self._waiting, rows, missing = [], rows[missing:], size
        if len(rows):
            self._waiting.append(rows.copy())

    def close(self) -> None:
        """Write the last strip and the end of the file."""
        if self._waiting:
            self._strip(np.concatenate(self._waiting))
        self._waiting = []
        self._file.write(_END)

    def _strip(self, rows: NDArray[np.integer]) -> None:
        pixels = np.ascontiguousarray(rows[..., 0] if self._channels == 1 else rows, np.uint8)
        buffer = io.BytesIO()
        head = {} if self._strips else self._head
        Image.fromarray(pixels).save(buffer, **self._options, **head)
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
