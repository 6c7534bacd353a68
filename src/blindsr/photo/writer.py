"""Write photographs in strips, whatever the format.

PNG, TIFF and JPEG are encoded as rows come, in a thread beside what computes them. The encoder of
WebP wants the whole picture: it waits in a temporary file on disk. Memory does not grow with the
picture, but for WebP.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blindsr.errors import DataError, os_error
from blindsr.imaging.files import atomic_path
from blindsr.imaging.temporary import spool
from blindsr.photo.background import BackgroundStream
from blindsr.photo.formats import (
    JPEG,
    PNG,
    TIFF,
    WEBP,
    Layout,
    check_size,
    format_of,
    profile_for,
)
from blindsr.photo.jpeg import JpegStream
from blindsr.photo.png import PngStream
from blindsr.photo.stream import Head, Stream
from blindsr.photo.tiff import TiffStream

QUALITY = 95
"""Of JPEG and WebP."""
_STREAMS: dict[str, Callable[[BinaryIO, Head], Stream]] = {
    PNG.name: PngStream,
    TIFF.name: TiffStream,
    JPEG.name: JpegStream,
}
_BLOCK_BYTES = 1 << 22  # rows are handed on in blocks of about this size


class PhotoWriter:
    """Takes the rows of one picture from the top; made by :func:`open_writer`."""

    def __init__(self, path: Path, stream: Stream, width: int, height: int, layout: Layout) -> None:
        self._path, self._stream, self._layout = path, stream, layout
        self._shape = (width, layout.channels)
        self._height, self._written = height, 0

    def write(self, rows: NDArray[np.integer]) -> None:
        """Append rows.

        Args:
            rows: (n, W, C) of uint8 or uint16, or (n, W) for one channel.

        Raises:
            DataError: another shape or dtype, or more rows than the picture has.
        """
        if rows.ndim == 2:
            rows = rows[..., None]
        left = self._height - self._written
        if rows.shape[1:] != self._shape or rows.dtype.itemsize * 8 != self._layout.bits:
            raise self._unfit(f"rows of shape {rows.shape}, {rows.dtype}")
        if len(rows) > left:
            raise self._unfit(f"{self._written + len(rows)} rows")
        step = max(1, _BLOCK_BYTES // (rows[:1].nbytes or 1))
        for start in range(0, len(rows), step):
            self._stream.write(rows[start : start + step])
        self._written += len(rows)

    def finish(self) -> None:
        """Complete the file.

        Raises:
            DataError: rows are missing.
        """
        if self._written < self._height:
            raise self._unfit(f"{self._written} rows")
        self._stream.close()

    def _unfit(self, found: str) -> DataError:
        width, channels = self._shape
        return DataError(
            self._path,
            found=found,
            expected=f"{self._height} rows of ({width}, {channels}), {self._layout.bits} bit",
        )


@contextlib.contextmanager
def open_writer(
    path: str | Path,
    *,
    width: int,
    height: int,
    layout: Layout,
    icc: bytes | None = None,
    exif: bytes | None = None,
    text: dict[str, str] | None = None,
    dpi: tuple[float, float] | None = None,
    quality: int = QUALITY,
) -> Iterator[PhotoWriter]:
    """Write a picture in strips, atomically: after a failure there is no file, nor a part of one.

    Args:
        path: its suffix chooses the format; parent folders are made.
        width: of the picture.
        height: of the picture.
        layout: a layout that the format holds, see :func:`blindsr.photo.formats.fit`.
        icc: colour profile; left out where it does not fit the channels or the format.
        exif: EXIF block, from its byte-order mark on; left out of TIFF.
        text: text chunks of a PNG.
        dpi: pixels per inch, across and down; left out of WebP.
        quality: 1..100 of JPEG and WebP.

    Yields:
        A writer that wants exactly ``height`` rows.

    Raises:
        ConfigError: the suffix stands for no known format.
        DataError: a side is too long for the format, or rows do not fit.
        FileError: the file cannot be written.
    """
    path = Path(path)
    check_size(path, width, height)
    form = format_of(path)
    head = Head(
        width=width,
        height=height,
        channels=layout.channels,
        bits=layout.bits,
        icc=profile_for(layout, icc, form),
        exif=exif,
        text=text or {},
        dpi=dpi,
        quality=quality,
    )
    try:
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(path))
            stream: Stream
            if form is WEBP:
                # Pillow maps pictures of four channels without a copy.
                array = stack.enter_context(spool(path, (height, width, 4), np.uint8))
                stream = _Spooled(array, temporary, head)
            else:
                file = stack.enter_context(temporary.open("wb"))
                stream = _STREAMS[form.name](file, head)
                stream = stack.enter_context(BackgroundStream(stream))
            writer = PhotoWriter(path, stream, width, height, layout)
            yield writer
            writer.finish()
    except OSError as error:
        raise os_error(error, path, "written") from error


class _Spooled(Stream):
    """Rows that wait on disk until the encoder of WebP can have all of them.

    Args:
        array: (H, W, 4) uint8.
        path: where to write.
        head: of the picture.
    """

    def __init__(self, array: NDArray[np.uint8], path: Path, head: Head) -> None:
        self._array, self._path = array, path
        self._mode = {3: "RGBX", 4: "RGBA"}[head.channels]
        self._options: dict[str, Any] = {"quality": head.quality, "icc_profile": head.icc}
        if head.exif is not None:
            self._options["exif"] = b"Exif\0\0" + head.exif
        self._next = 0

    def write(self, rows: NDArray[np.integer]) -> None:
        """Keep rows."""
        place = self._array[self._next : self._next + len(rows)]
        place[..., : rows.shape[2]] = rows
        self._next += len(rows)

    def close(self) -> None:
        """Encode all of them."""
        height, width = self._array.shape[:2]
        image = Image.frombuffer(self._mode, (width, height), self._array, "raw", self._mode, 0, 1)
        image.save(self._path, format=WEBP.name, **self._options)
