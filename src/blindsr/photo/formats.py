"""What each photo format can hold, and the layout nearest to that of the original."""

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
        dpi: the resolution is.
        text: texts by keyword are.
        icc: the longest colour profile that others read from it, bytes.
    """

    name: str
    bits: int
    largest: int
    grey: bool = True
    alpha: bool = True
    grey_alpha: bool = False
    exif: bool = True
    dpi: bool = True
    text: bool = False
    icc: int = 1 << 26


# Pillow refuses a whole PNG for a profile of more than 1 MB.
PNG = PhotoFormat("PNG", 16, 2**31 - 1, grey_alpha=True, text=True, icc=1_000_000)
# 65,500 is the limit of libjpeg; a profile is cut into 255 segments at most.
JPEG = PhotoFormat("JPEG", 8, 65_500, alpha=False, icc=255 * 65_519)
WEBP = PhotoFormat("WebP", 8, 16_383, grey=False, dpi=False)
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
    layout = Layout((1 if grey else 3) + alpha, min(photo.bits, form.bits))
    if photo.icc is not None and profile_for(layout, photo.icc, form) is None:
        reason = "of grey"
        if len(photo.icc) > form.icc:
            reason = f"of {len(photo.icc) / 1e6:.1f} MB, which few programs read from {form.name}"
        notes.append(f"colour profile dropped, as it is one {reason}")
    extras = (
        (photo.exif, form.exif, "EXIF"),
        (photo.dpi, form.dpi, "resolution"),
        (photo.text, form.text, "text"),
    )
    notes += [
        f"{name} dropped, as {form.name} gets none"
        for value, can, name in extras
        if value and not can
    ]
    return layout, notes


def profile_for(layout: Layout, icc: bytes | None, form: PhotoFormat) -> bytes | None:
    """Return a colour profile where it fits the channels and the format, else ``None``."""
    space = b"GRAY" if layout.channels < 3 else b"RGB "
    fits = icc is not None and icc[16:20] == space and len(icc) <= form.icc
    return icc if fits else None


def luma(sr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, W, 1), the grey of (n, W, 3)."""
    return sr @ _LUMA[:, None]


def to_samples(
    sr: NDArray[np.float32],
    alpha: NDArray[np.floating] | None,
    layout: Layout,
    *,
    neutral: bool = False,
) -> NDArray[np.integer]:
    """Return rows of a file: clipped, rounded to the nearest level, grey by luma.

    Args:
        sr: (n, W, 3), nominally in [0, 1].
        alpha: (n, W), nominally in [0, 1]; needed where the layout has it.
        layout: of the file.
        neutral: the picture is grey: whatever the layout, its channels are equal.

    Returns:
        (n, W, channels) uint8 or uint16.
    """
    color = luma(sr) if neutral or layout.channels < 3 else sr
    parts = [color] * 3 if neutral and layout.channels >= 3 else [color]
    if layout.channels in (2, 4):
        assert alpha is not None
        parts.append(alpha[..., None])
    kind = np.uint8 if layout.bits == 8 else np.uint16
    values = np.concatenate(parts, axis=-1, dtype=np.float32)
    np.clip(values, 0.0, 1.0, out=values)
    values *= np.float32(np.iinfo(kind).max)
    return np.rint(values, out=values).astype(kind)
