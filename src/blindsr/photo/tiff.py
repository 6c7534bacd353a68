"""TIFF files written strip by strip: no more than one strip is in memory.

Format: Adobe "TIFF Revision 6.0" (1992) with the "Technical Note 2" of 2002 (deflate), and BigTIFF,
whose offsets have 64 bits, for pictures of 4 GB and more. The directory stands at the end of the
file; its offset in the header is patched at close.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from blindsr.photo.stream import Head, StripStream

_STRIP_BYTES = 1 << 20
_LEVEL = 4  # of zlib
_CLASSIC_LIMIT = (1 << 32) - (1 << 26)  # incompressible pixels, the directory and the profile fit
_DEFLATE = 8
_DIFFERENCES = 2  # predictor: each sample less the one of the same channel to its left
_SHORT, _LONG, _RATIONAL, _UNDEFINED, _LONG8 = 3, 4, 5, 7, 16
_LETTER = {_SHORT: "H", _LONG: "I", _RATIONAL: "II", _UNDEFINED: "B", _LONG8: "Q"}

_Entry = tuple[int, int, Sequence[int] | bytes]  # tag, type, values


class TiffStream(StripStream):
    """Encode rows, grey, RGB or RGBA, as they come.

    Args:
        file: open for writing in binary mode, seekable; it is not closed.
        head: of the picture; EXIF and text are left out.
        big: write BigTIFF; by default only where the pixels might not fit into 4 GB.
    """

    def __init__(self, file: BinaryIO, head: Head, *, big: bool | None = None) -> None:
        row_bytes = head.width * head.channels * head.bits // 8
        super().__init__(min(head.height, max(1, _STRIP_BYTES // row_bytes)))
        self._file, self._head = file, head
        self._big = row_bytes * head.height > _CLASSIC_LIMIT if big is None else big
        self._offsets: list[int] = []
        self._lengths: list[int] = []
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if self._big else b"II*\0\0\0\0\0")

    def end(self) -> None:
        """Write the directory, and its offset into the header."""
        start = self._file.tell()
        start += start % 2  # directories lie on even bytes
        self._file.seek(start)
        self._file.write(_directory(self._entries(), start, big=self._big))
        self._file.seek(8 if self._big else 4)
        self._file.write(struct.pack("<Q" if self._big else "<I", start))

    def encode(self, rows: NDArray[np.integer]) -> None:
        """Write one strip: differences of neighbours, deflated."""
        samples = np.ascontiguousarray(rows, "<u2" if self._head.bits == 16 else np.uint8)
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
            (256, _LONG, [self._head.width]),
            (257, _LONG, [self._head.height]),
            (258, _SHORT, [self._head.bits] * self._head.channels),
            (259, _SHORT, [_DEFLATE]),
            (262, _SHORT, [1 if self._head.channels == 1 else 2]),  # zero is black, or RGB
            (273, offset_type, self._offsets),
            (277, _SHORT, [self._head.channels]),
            (278, _LONG, [self.rows_per_strip]),
            (279, _LONG, self._lengths),
            (282, _RATIONAL, _rational(self._head.dpi, 0)),
            (283, _RATIONAL, _rational(self._head.dpi, 1)),
            (284, _SHORT, [1]),  # the channels of a pixel are neighbours
            (296, _SHORT, [1 if self._head.dpi is None else 2]),  # no size on paper, or inches
            (317, _SHORT, [_DIFFERENCES]),
        ]
        if self._head.channels == 4:
            entries.append((338, _SHORT, [2]))  # alpha that colours are not multiplied with
        if self._head.icc is not None:
            entries.append((34675, _UNDEFINED, self._head.icc))
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
