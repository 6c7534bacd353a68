"""Base of the encoders of photographs: facts about a picture, rows gathered into strips."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a file says of its picture.

    Attributes:
        width: in pixels.
        height: in pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        bits: 8 or 16 per sample.
        icc: colour profile.
        exif: EXIF block, from its byte-order mark on.
        text: text chunks of a PNG.
        dpi: pixels per inch, across and down.
        quality: 1..100 of lossy formats.
    """

    width: int
    height: int
    channels: int
    bits: int
    icc: bytes | None = None
    exif: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    quality: int = 95


class Stream(abc.ABC):
    """What takes rows (n, W, C) of uint8 or uint16 and ends a file, which it does not close."""

    @abc.abstractmethod
    def write(self, rows: NDArray[np.integer]) -> None:
        """Append rows."""

    @abc.abstractmethod
    def close(self) -> None:
        """Complete the file."""


class StripStream(Stream):
    """Encodes strips of equal height, whatever the heights of the rows that come.

    Args:
        rows_per_strip: of all strips but the last.
    """

    def __init__(self, rows_per_strip: int) -> None:
        self.rows_per_strip = rows_per_strip
        self._waiting: list[NDArray[np.integer]] = []

    @abc.abstractmethod
    def encode(self, rows: NDArray[np.integer]) -> None:
        """Write one strip."""

    @abc.abstractmethod
    def end(self) -> None:
        """Write what follows the last strip."""

    def write(self, rows: NDArray[np.integer]) -> None:
        """Append rows."""
        missing = self.rows_per_strip - sum(map(len, self._waiting))
        while len(rows) >= missing:
            self.encode(np.concatenate([*self._waiting, rows[:missing]]))
            self._waiting, rows, missing = [], rows[missing:], self.rows_per_strip
        if len(rows):
            self._waiting.append(rows.copy())

    def close(self) -> None:
        """Write the last strip and the end of the file."""
        if self._waiting:
            self.encode(np.concatenate(self._waiting))
        self._waiting = []
        self.end()
