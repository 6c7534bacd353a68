"""TIFF files written strip by strip: no more than one strip is in memory.

Format: Adobe "TIFF Revision 6.0" (1992) with the "Technical Note 2" of 2002 (deflate), and BigTIFF,
whose offsets have 64 bits, for pictures of 4 GB and more. The directory stands at the end of the
file; the header is told where when it is known.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_STRIP_BYTES = 1 << 20
_LEVEL = 4  # of zlib
_CLASSIC_LIMIT = (1 << 32) - (1 << 26)  # incompressible pixels, the directory and the profile fit
_DEFLATE = 8
_DIFFERENCES = 2  # predictor: each sample less the one of the same channel to its left
_SHORT, _LONG, _RATIONAL, _UNDEFINED, _LONG8 = 3, 4, 5, 7, 16
_LETTER = {_SHORT: "H", _LONG: "I", _RATIONAL: "II", _UNDEFINED: "B", _LONG8: "Q"}
LARGEST_SIDE = 2**31 - 1

_Entry = tuple[int, int, Sequence[int] | bytes]  # tag, type, values


class TiffStream:
    """Encode rows as they come.

    Args:
        file: open for writing in binary mode, seekable; it is not closed.
        width: of the picture.
        height: of the picture.
        channels: 1 grey, 3 RGB, 4 RGBA.
        bits: 8 or 16 per sample.
        icc: colour profile.
        dpi: pixels per inch, across and down.
        big: write BigTIFF; by default only where the pixels might not fit into 4 GB.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        width: int,
        height: int,
        channels: int,
        bits: int,
        icc: bytes | None = None,
        dpi: tuple[float, float] | None = None,
        big: bool | None = None,
    ) -> None:
        self._file, self._icc, self._dpi = file, icc, dpi
        self._width, self._height, self._channels, self._bits = width, height, channels, bits
        row_bytes = width * channels * bits // 8
        self._big = row_bytes * height > _CLASSIC_LIMIT if big is None else big
        self._rows_per_strip = min(height, max(1, _STRIP_BYTES // row_bytes))
        self._waiting: list[NDArray[np.integer]] = []
        self._offsets: list[int] = []
        self._lengths: list[int] = []
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if self._big else b"II*\0\0\0\0\0")

    def write(self, rows: NDArray[np.integer]) -> None:
        """Append (n, W, C) rows of uint8 or uint16."""
        size = self._rows_per_strip
        missing = size - sum(map(len, self._waiting))
        while len(rows) >= missing:
            self._strip(np.concatenate([*self._waiting, rows[:missing]]))
            self._waiting, rows, missing = [], rows[missing:], size
        if len(rows):
            self._waiting.append(rows.copy())

    def close(self) -> None:
        """Write the last strip and the directory."""
        if self._waiting:
            self._strip(np.concatenate(self._waiting))
        self._waiting = []
        start = self._file.tell()
        start += start % 2  # directories lie on even bytes
        self._file.seek(start)
        self._file.write(_directory(self._entries(), start, big=self._big))
        self._file.seek(8 if self._big else 4)
        self._file.write(struct.pack("<Q" if self._big else "<I", start))

    def _strip(self, rows: NDArray[np.integer]) -> None:
        samples = np.ascontiguousarray(rows, "<u2" if self._bits == 16 else np.uint8)
        differences = samples.copy()
        differences[:, 1:] -= samples[:, :-1]
        packed = zlib.compress(differences.data, _LEVEL)
        self._offsets.append(self._file.tell())
        self._lengths.append(len(packed))
        self._file.write(packed)

    def _entries(self) -> list[_Entry]:
        """Return the fields in ascending order of their tags."""
        offset_type = _LONG8 if self._big else _LONG
        entries: list[_Entry] = [
            (256, _LONG, [self._width]),
            (257, _LONG, [self._height]),
            (258, _SHORT, [self._bits] * self._channels),
            (259, _SHORT, [_DEFLATE]),
            (262, _SHORT, [1 if self._channels == 1 else 2]),  # zero is black, or RGB
            (273, offset_type, self._offsets),
            (277, _SHORT, [self._channels]),
            (278, _LONG, [self._rows_per_strip]),
            (279, _LONG, self._lengths),
            (282, _RATIONAL, _rational(self._dpi, 0)),
            (283, _RATIONAL, _rational(self._dpi, 1)),
            (284, _SHORT, [1]),  # the channels of a pixel are neighbours
            (296, _SHORT, [1 if self._dpi is None else 2]),  # no size on paper, or inches
            (317, _SHORT, [_DIFFERENCES]),
        ]
        if self._channels == 4:
            entries.append((338, _SHORT, [2]))  # alpha that colours are not multiplied with
        if self._icc is not None:
            entries.append((34675, _UNDEFINED, self._icc))
        return entries


def _rational(dpi: tuple[float, float] | None, axis: int) -> list[int]:
    """Return a resolution as a fraction; without one pixels are square."""
    return [1, 1] if dpi is None else [round(dpi[axis] * 1000), 1000]


def _directory(entries: Sequence[_Entry], start: int, *, big: bool) -> bytes:
    """Return a directory that lies at ``start``, with the values that do not fit into it."""
    number, count_format, place = ("Q", "Q", 8) if big else ("H", "I", 4)
    head = struct.calcsize(f"<{number}")
    entry = 4 + 2 * place
    after = start + head + entry * len(entries) + place
    fields, values = struct.pack(f"<{number}", len(entries)), b""
    for tag, kind, given in entries:
        letter = _LETTER[kind]
        packed = (
            bytes(given) if kind == _UNDEFINED else struct.pack(f"<{len(given)}{letter[0]}", *given)
        )
        fields += struct.pack(f"<HH{count_format}", tag, kind, len(given) // len(letter))
        if len(packed) <= place:
            fields += packed.ljust(place, b"\0")
            continue
        fields += struct.pack("<Q" if big else "<I", after + len(values))
        values += packed + b"\0" * (len(packed) % 2)
    return fields + bytes(place) + values  # no further directory
