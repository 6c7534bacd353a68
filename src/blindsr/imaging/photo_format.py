"""What the formats of photographs can hold, and an enlarged picture in the form of its original."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.photo import Photo

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of Rec. ITU-R BT.601


@dataclass(frozen=True)
class PhotoFormat:
    """One file format.

    Attributes:
        name: for people and for Pillow.
        bits: the most it can hold per sample.
        largest: longest side in pixels.
        grey: it has pictures of one channel.
        alpha: it has transparency.
        grey_alpha: it has both at once, in a form that other programs read.
        exif: EXIF is written into it.
    """

    name: str
    bits: int
    largest: int
    grey: bool = True
    alpha: bool = True
    grey_alpha: bool = False
    exif: bool = True


PNG = PhotoFormat("PNG", 16, 2**31 - 1, grey_alpha=True)
JPEG = PhotoFormat("JPEG", 8, 65_500, alpha=False)  # the limit of libjpeg
WEBP = PhotoFormat("WebP", 8, 16_383, grey=False)
TIFF = PhotoFormat("TIFF", 16, 2**31 - 1, exif=False)
FORMATS = {
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
    ".tif": TIFF,
    ".tiff": TIFF,
}
"""By suffix, in lower case."""


@dataclass(frozen=True)
class Layout:
    """Pixels as a file holds them: 1 grey, 2 grey and alpha, 3 RGB or 4 RGBA channels."""

    channels: int
    bits: int

    def __str__(self) -> str:
        """For people, such as ``16 bit RGB``."""
        return f"{self.bits} bit {('grey', 'grey + alpha', 'RGB', 'RGBA')[self.channels - 1]}"


def format_of(path: str | Path) -> PhotoFormat:
    """Return the format that a suffix stands for.

    Raises:
        ConfigError: none of :data:`FORMATS`.
    """
    found = FORMATS.get(Path(path).suffix.lower())
    if found is None:
        raise ConfigError(
            path, found="a suffix of no known format", expected=f"one of {' '.join(FORMATS)}"
        )
    return found


def check_size(path: str | Path, width: int, height: int) -> None:
    """Refuse a picture that its format has no room for.

    Raises:
        DataError: a side is too long.
    """
    form = format_of(path)
    if max(width, height) > form.largest:
        raise DataError(
            path,
            found=f"{width} x {height} pixels",
            expected=f"at most {form.largest} a side in {form.name}",
            fix="Choose PNG or TIFF",
        )


def fit(photo: Photo, form: PhotoFormat) -> tuple[Layout, list[str]]:
    """Return the layout nearest to a photograph that a format holds, and what is lost in words."""
    notes = []
    if photo.bits > form.bits:
        notes.append(f"{form.bits} bit, as {form.name} has no more")
    alpha = photo.alpha is not None and form.alpha
    if photo.alpha is not None and not alpha:
        notes.append(f"alpha dropped, as {form.name} has none")
    grey = photo.grey and form.grey and (form.grey_alpha or not alpha)
    return Layout((1 if grey else 3) + alpha, min(photo.bits, form.bits)), notes


def profile_for(layout: Layout, icc: bytes | None) -> bytes | None:
    """Return a colour profile where it fits the channels, else ``None``."""
    space = b"GRAY" if layout.channels < 3 else b"RGB "
    return icc if icc is not None and icc[16:20] == space else None


def to_samples(
    sr: NDArray[np.float32], alpha: NDArray[np.floating] | None, layout: Layout
) -> NDArray[np.integer]:
    """Return rows of a file: clipped, rounded to the nearest level, grey by luma.

    Args:
        sr: (n, W, 3), nominally in [0, 1].
        alpha: (n, W), nominally in [0, 1]; needed where the layout has it.
        layout: of the file.

    Returns:
        (n, W, channels) uint8 or uint16.
    """
    parts = [sr @ _LUMA[:, None] if layout.channels < 3 else sr]
    if layout.channels in (2, 4):
        assert alpha is not None
        parts.append(alpha[..., None])
    kind = np.uint8 if layout.bits == 8 else np.uint16
    values = np.concatenate(parts, axis=-1, dtype=np.float32)
    np.clip(values, 0.0, 1.0, out=values)
    values *= np.float32(np.iinfo(kind).max)
    return np.rint(values, out=values).astype(kind)
