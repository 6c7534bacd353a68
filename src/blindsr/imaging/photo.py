"""A photograph: pixels at their depth, transparency, colour profile, EXIF."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.decoding.decode import decode, orient
from blindsr.imaging.decoding.metadata import kept_exif


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
        dpi: pixels per inch, across and down.
        text: of PNG, by keyword.
    """

    color: NDArray[np.integer]
    alpha: NDArray[np.integer] | None
    icc: bytes | None
    exif: bytes | None
    format: str
    notes: tuple[str, ...] = ()
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)

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

    A palette becomes RGB(A), CMYK becomes RGB, of several frames or pages the first is taken, of
    other depths samples are scaled to the full range of 8 or 16 bit.

    Raises:
        FileError: the file is missing, unreadable, truncated, not an image, of a kind that is not
            supported, or larger than memory.
    """
    found = decode(path)
    facts, notes = found.metadata, list(found.notes)
    color = orient(found.color, facts.orientation)
    alpha = None if found.alpha is None else orient(found.alpha, facts.orientation)
    icc = facts.icc
    if found.cmyk:
        notes.append("CMYK converted without its profile")
        icc = None
    elif icc and icc[16:20] != (b"GRAY" if color.ndim == 2 else b"RGB "):
        notes.append("colour profile dropped, as it is one of another kind of picture")
        icc = None
    exif, more = kept_exif(facts.exif)
    lost = (*facts.lost, *more)
    if lost:
        notes.append(f"not kept: {', '.join(lost)}")
    return Photo(color, alpha, icc, exif, found.format, tuple(notes), facts.dpi, facts.text)
