"""Profile, EXIF, resolution and text of picture files; damaged ones are dropped."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

ORIENTATION = 0x0112  # EXIF tag
# EXIF that is still true of an enlarged picture: not its thumbnail, size, layout or orientation.
_KEPT = (
    0x010E,  # description
    0x010F,  # make
    0x0110,  # model
    0x0131,  # software
    0x0132,  # date
    0x013B,  # artist
    0x8298,  # copyright
)
_EXIF, _GPS, _MAKER = 0x8769, 0x8825, 0x927C
_DROPPED = {_MAKER, 0xA002, 0xA003, 0xA005}  # maker's notes, width, height, interoperability
_LONGEST_EXIF = 60_000  # bytes; JPEG has room for 65,533
_IPTC = 0x0404  # resource of Photoshop
_ICC_HEADER = 128  # bytes; a profile has more


@dataclass(frozen=True)
class Metadata:
    """What is known of a picture.

    Attributes:
        icc: colour profile.
        exif: all of it; empty where there is none or it is damaged.
        dpi: pixels per inch, across and down.
        text: of PNG, by keyword.
        lost: what is there and not kept, in words.
    """

    icc: bytes | None = None
    exif: Image.Exif = field(default_factory=Image.Exif)
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    @property
    def orientation(self) -> int:
        """How the pixels are to be turned, 1..8 of EXIF."""
        value = self.exif.get(ORIENTATION, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1


def metadata_of(image: Image.Image) -> Metadata:
    """Return what Pillow has found."""
    info, lost = image.info, []
    if info.get("xmp") or info.get("XML:com.adobe.xmp"):
        lost.append("XMP")
    resources = info.get("photoshop")
    if isinstance(resources, dict) and resources.get(_IPTC):
        lost.append("IPTC")
    if info.get("comment") and image.format in {"JPEG", "GIF", "MPO"}:
        lost.append("its comment")
    return Metadata(
        sound_profile(info.get("icc_profile")),
        _known(image),
        sound_dpi(info.get("dpi")),
        lost=tuple(lost),
    )


def exif_from_bytes(block: bytes) -> Image.Exif:
    """Return an EXIF block, with or without its ``Exif`` in front; empty if it is damaged."""
    exif = Image.Exif()
    try:
        exif.load(b"Exif\0\0" + block.removeprefix(b"Exif\0\0"))
        exif.get(ORIENTATION)
    except Exception:  # parsers of damaged files raise anything
        return Image.Exif()
    return exif


def sound_profile(icc: object) -> bytes | None:
    """Return a colour profile that has at least its header and its signature, else ``None``."""
    if isinstance(icc, bytes) and len(icc) > _ICC_HEADER and icc[36:40] == b"acsp":
        return icc
    return None


def sound_dpi(dpi: Any) -> tuple[float, float] | None:
    """Return a resolution in pixels per inch, ``None`` where it cannot be one."""
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    sound = all(math.isfinite(value) and 1 < value < 1e6 for value in (across, down))
    return (across, down) if sound else None


def kept_exif(known: Image.Exif) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the EXIF that an enlarged picture keeps, or ``None``, and what is lost in words."""
    kept, lost = Image.Exif(), []
    try:
        for tag in _KEPT:
            if tag in known and not _is_shape(known[tag]):
                kept[tag] = known[tag]
        for block in (_EXIF, _GPS):
            found = known.get_ifd(block)
            if block == _EXIF and _MAKER in found:
                lost.append("maker's notes")
            values = {key: value for key, value in found.items() if key not in _DROPPED}
            if values:
                kept[block] = values
        if not len(kept):
            return None, tuple(lost)
        kept[ORIENTATION] = 1
        packed = kept.tobytes().removeprefix(b"Exif\0\0")
    except Exception:  # Pillow reads more than it can write
        return None, ("damaged EXIF",)
    return (packed, tuple(lost)) if len(packed) <= _LONGEST_EXIF else (None, ("long EXIF",))


def _is_shape(value: object) -> bool:
    """Whether a description is tifffile's note of the size, which is no longer true."""
    return isinstance(value, str) and value.startswith('{"shape":')


def _known(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # parsers of damaged files raise anything
        return Image.Exif()
