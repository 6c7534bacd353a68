"""TIFF of every layout, through tifffile: planes, tiles, predictors, odd depths, BigTIFF."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from blindsr.imaging.decoding.decoded import (
    Decoded,
    from_cmyk,
    from_ycbcr,
    full_range,
    unmultiplied,
)
from blindsr.imaging.decoding.memory import check_room
from blindsr.imaging.decoding.metadata import Metadata, sound_dpi, sound_profile
from blindsr.imaging.decoding.pillow import decode_pillow
from blindsr.imaging.regular_file import UnsupportedPictureError

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it tells what we raise or say
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK_PAGE, _CMYK, _YCBCR = range(7)
_NAMES = {8: "Lab", 9: "Lab", 10: "Lab", 32803: "raw camera", 32844: "LogLuv", 32845: "LogLuv"}
_NAMES[34892] = "raw camera"
_FLOATS, _INTEGERS = 3, 2  # sample formats
_OLD_JPEG, _JPEG = 6, 7
_ASSOCIATED, _UNASSOCIATED = 1, 2
_INK_IS_CMYK = 1
_TO_INCH = {2: 1.0, 3: 2.54}
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_SUBSAMPLING = 530


def is_tiff(head: bytes) -> bool:
    """Whether a file begins as TIFF or BigTIFF of either byte order."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode_tiff(path: str, file: BinaryIO) -> Decoded:
    """Decode the first page that is no thumbnail."""
    with tifffile.TiffFile(file) as tiff:
        page, notes = _first_full(tiff)
        kind, bits = int(page.photometric), page.bitspersample
        if page.compression == _OLD_JPEG or (_is_stored_ycbcr(page) and not _is_plain(page)):
            file.seek(0)
            return decode_pillow(path, file)  # libtiff knows what tifffile does not
        _check_kind(page, kind)
        samples = read_page(path, page)
        color, alpha, more = _split(page, kind, bits, samples)
        metadata = _metadata(page, file, tiff)
    return Decoded(color, alpha, "TIFF", metadata, (*notes, *more), cmyk=kind == _CMYK)


def read_first_page(path: str, file: BinaryIO) -> NDArray[np.generic]:
    """Return (H, W) or (H, W, C) as stored, of any dtype."""
    with tifffile.TiffFile(file) as tiff:
        page, _ = _first_full(tiff)
        array = read_page(path, page)
        array = array[..., 0] if array.shape[2] == 1 else array
    return array.astype(np.uint8) if array.dtype == bool else array


def read_page(path: str, page: tifffile.TiffPage) -> NDArray[np.generic]:
    """Return (H, W, C) as stored.

    Raises:
        FileError: it needs more memory than there is.
        UnsupportedPictureError: a volume, or samples without a type.
        ValueError: parts are missing.
    """
    separate, depth, height, width, together = page.shaped
    if depth != 1:
        raise UnsupportedPictureError("a volume")
    if page.dtype is None:
        raise UnsupportedPictureError(f"a TIFF of {page.bitspersample} bits per sample")
    channels = separate * together
    check_room(path, width, height, channels=channels, sample_bytes=page.dtype.itemsize)
    size = page.parent.filehandle.size
    places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if any(not count or place + count > size for place, count in places):
        raise ValueError("parts are missing")
    array = page.asarray(maxworkers=1).reshape(page.shaped)
    array = array[0, 0] if separate == 1 else np.moveaxis(array[:, 0, ..., 0], 0, -1)
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="), copy=False)


def page_size(file: BinaryIO) -> tuple[int, int, int]:
    """Return height, width and orientation of the page that is decoded, from its header."""
    with tifffile.TiffFile(file) as tiff:
        page, _ = _first_full(tiff)
        turn = page.tags.valueof(274, 1)
        return page.imagelength, page.imagewidth, int(turn) if isinstance(turn, int) else 1


def _first_full(tiff: tifffile.TiffFile) -> tuple[tifffile.TiffPage, list[str]]:
    """Return the first page that is neither thumbnail nor mask, and what is said of the others."""
    pages = list(_readable(tiff))
    if not pages:
        raise ValueError("no page that can be read")
    full = [page for page in pages if not page.subfiletype & (_REDUCED | _MASK)]
    if not full:
        inner = [sub.aspage() for page in pages for sub in page.pages or ()]
        full = [sub for sub in inner if not sub.subfiletype & (_REDUCED | _MASK)]
    page = (full or pages)[0]
    if not _is_last(tiff, pages[-1]):
        return page, ["the first of several pages; the others are damaged"]
    return page, [f"the first of {len(full)} frames"] if len(full) > 1 else []


def _readable(tiff: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    """Yield pages up to the first that is damaged."""
    number = 0
    while True:
        try:
            page = tiff.pages[number]
        except Exception:  # IndexError at the end; anything where the file is damaged
            return
        yield page.aspage() if isinstance(page, tifffile.TiffFrame) else page
        number += 1


def _is_last(tiff: tifffile.TiffFile, last: tifffile.TiffPage) -> bool:
    """Whether a page says that no other follows; tifffile passes over what it cannot read."""
    handle, form = tiff.filehandle, tiff.tiff
    handle.seek(last.offset)
    count = int.from_bytes(handle.read(form.tagnosize), _order(tiff))
    handle.seek(last.offset + form.tagnosize + count * form.tagsize)
    return not any(handle.read(form.offsetsize))


def _order(tiff: tifffile.TiffFile) -> Literal["little", "big"]:
    return "little" if tiff.byteorder == "<" else "big"


def _check_kind(page: tifffile.TiffPage, kind: int) -> None:
    """Refuse what has no direct way to grey or RGB."""
    known = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK_PAGE, _CMYK, _YCBCR)
    bits = page.bitspersample
    if kind not in known:
        raise UnsupportedPictureError(
            f"a {_NAMES.get(kind, f'TIFF of photometric {kind}')} picture"
        )
    if page.sampleformat in (_FLOATS, _INTEGERS) or bits > 16:
        types = {_FLOATS: "floats", _INTEGERS: "signed integers"}
        name = types.get(page.sampleformat, "integers")
        raise UnsupportedPictureError(f"a picture of {bits} bit {name}")
    ink = page.tags.valueof(332, _INK_IS_CMYK)
    if kind == _CMYK and (bits != 8 or ink != _INK_IS_CMYK or page.samplesperpixel < 4):
        raise UnsupportedPictureError(f"a picture of {page.samplesperpixel} inks of {bits} bit")


def _is_stored_ycbcr(page: tifffile.TiffPage) -> bool:
    """Whether its samples are YCbCr; those of JPEG are RGB when tifffile has decoded them."""
    return int(page.photometric) == _YCBCR and page.compression != _JPEG


def _is_plain(page: tifffile.TiffPage) -> bool:
    """Whether every pixel has its own YCbCr of 8 bit."""
    subsampling = page.tags.valueof(_SUBSAMPLING, (2, 2))
    return subsampling == (1, 1) and page.bitspersample == 8


def _split(
    page: tifffile.TiffPage, kind: int, bits: int, samples: NDArray[np.generic]
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None, list[str]]:
    """Return colour, alpha and notes of the samples (H, W, C) of a page."""
    used = {_RGB: 3, _YCBCR: 3, _CMYK: 4}.get(kind, 1)
    if samples.shape[2] < used:
        raise ValueError(f"{samples.shape[2]} channels where {used} are needed")
    peak = (1 << bits) - 1
    color: NDArray[np.integer] = _contiguous(samples, slice(0, used))
    if kind == _PALETTE:
        color = _coloured(page, color)
    elif kind == _CMYK:
        color = from_cmyk(full_range(color, peak).astype(np.uint8, copy=False))
    elif _is_stored_ycbcr(page):
        color = from_ycbcr(color)
    else:
        color = full_range(color, peak)
        if kind == _WHITE_IS_ZERO:
            color = np.subtract(np.iinfo(color.dtype).max, color, dtype=color.dtype)
    extra = [int(value) for value in page.extrasamples]
    extra += [0] * (samples.shape[2] - used - len(extra))
    place = next((i for i, value in enumerate(extra) if value in (1, 2)), None)
    notes = []
    others = len(extra) - (place is not None)
    if others:
        what = "a channel" if others == 1 else f"{others} channels"
        notes.append(f"{what} of unspecified meaning left out")
    if place is None or kind in (_PALETTE, _CMYK):
        return color, None, notes
    alpha = full_range(_contiguous(samples, slice(used + place, used + place + 1)), peak)
    if extra[place] == _ASSOCIATED:
        color = unmultiplied(color, alpha)
    return color, alpha, notes


def _contiguous(samples: NDArray[np.generic], channels: slice) -> NDArray[np.integer]:
    part = samples[..., channels]
    return np.ascontiguousarray(part[..., 0] if part.shape[2] == 1 else part)


def _coloured(page: tifffile.TiffPage, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Look up a palette; some writers store it in 8 of its 16 bits."""
    palette = np.asarray(page.colormap)
    palette = (palette >> 8 if palette.max() > 255 else palette).astype(np.uint8).T
    if int(indices.max()) >= len(palette):
        raise ValueError("indices beyond its palette")
    return palette[indices.astype(np.intp) if indices.dtype == bool else indices]


def _metadata(page: tifffile.TiffPage, file: BinaryIO, tiff: tifffile.TiffFile) -> Metadata:
    lost = [
        name
        for tag, name in ((_XMP, "XMP"), (_IPTC, "IPTC"), (_PHOTOSHOP, "Photoshop's data"))
        if tag in page.tags
    ]
    unit = _TO_INCH.get(int(page.tags.valueof(296, 2)))
    dpi = None
    if unit is not None:
        sides = (page.tags.valueof(tag) for tag in (282, 283))
        dpi = sound_dpi([_quotient(side) * unit for side in sides])
    icc = sound_profile(page.tags.valueof(34675))
    return Metadata(icc, _exif(page, file, tiff), dpi, lost=tuple(lost))


def _quotient(value: object) -> float:
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return float(value[0]) / float(value[1])
    return 0.0


def _exif(page: tifffile.TiffPage, file: BinaryIO, tiff: tifffile.TiffFile) -> Image.Exif:
    """Return the tags of a page as EXIF, which they are; without pixels Pillow knows them all."""
    exif = Image.Exif()
    try:
        exif.bigtiff, exif.endian = tiff.is_bigtiff, tiff.byteorder
        exif.load_from_fp(file, page.offset)
    except Exception:  # parsers of damaged files raise anything
        return Image.Exif()
    return exif
