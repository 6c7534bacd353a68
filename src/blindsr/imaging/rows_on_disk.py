"""Pictures too large for the memory: made row by row as they are asked for, or kept on disk.

What is written for tensors (1, C, H, W) works on both by three functions: :func:`mapped` computes
pixel by pixel, :func:`stored` keeps what is costly to make again, :func:`rows_of` reads. Given
tensors alone they do what torch does, at once.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blindsr.errors import os_error

_BAND = 1 << 21  # pixels handled at a time
_STEP = 64  # rows of a band are a multiple of this, which scales divide


class Rows:
    """A picture (1, C, H, W) in float32 of which rows are read.

    Args:
        shape: of the picture.
        read: rows -> (1, C, n, W).
    """

    ndim = 4

    def __init__(self, shape: tuple[int, ...], read: Callable[[slice], Tensor]) -> None:
        self.shape, self._made = tuple(shape), read

    def rows(self, rows: slice) -> Tensor:
        """(1, C, n, W) of rows ``start`` to ``stop``."""
        step = max(_STEP, 2 * _BAND // self.shape[3])
        if rows.stop - rows.start <= step:
            return self._some(rows)
        whole: Tensor | None = None
        for top in range(rows.start, rows.stop, step):  # what making them takes stays small
            part = self._some(slice(top, min(top + step, rows.stop)))
            if whole is None:
                shape = (*part.shape[:2], rows.stop - rows.start, part.shape[3])
                whole = part.new_empty(shape)
            whole[:, :, top - rows.start : top - rows.start + part.shape[2]] = part
        assert whole is not None
        return whole

    def _some(self, rows: slice) -> Tensor:
        return self._made(rows)


class RowsOnDisk(Rows):
    """Rows that are written and read again; the file has no name and vanishes with its process.

    Args:
        shape: (1, C, H, W).
        device: of the rows that are read.

    Raises:
        FileError: the folder of :func:`scratch_folder` cannot be written to.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        self.shape = tuple(shape)
        self._device, self._folder = device, scratch_folder()
        self._row = shape[1] * shape[3]  # values of a row: all channels of it lie together
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise os_error(error, self._folder, "written") from error
        weakref.finalize(self, self._file.close)

    def write(self, rows: slice, part: Tensor) -> None:
        """Keep (1, C, n, W) as rows ``start`` to ``stop``.

        Raises:
            FileError: the disk is full.
        """
        values = part.detach()[0].transpose(0, 1).to("cpu", torch.float32).contiguous().numpy()
        left = values.reshape(-1).view(np.uint8)
        try:
            self._file.seek(4 * self._row * rows.start)
            while left.size:
                left = left[self._file.write(left.data) :]
        except OSError as error:
            raise os_error(error, self._folder, "written") from error

    def _some(self, rows: slice) -> Tensor:
        _, channels, _, width = self.shape
        values = np.empty((rows.stop - rows.start, channels, width), np.float32)
        left = values.reshape(-1).view(np.uint8)
        self._file.seek(4 * self._row * rows.start)
        while left.size:
            count = self._file.readinto(left.data)
            if not count:
                raise EOFError(f"rows {rows.start} to {rows.stop} were not written")
            left = left[count:]
        return torch.from_numpy(values).transpose(0, 1)[None].contiguous().to(self._device)


Picture = Any
"""A tensor (N, C, H, W), or :class:`Rows`."""


def rows_of(picture: Picture, rows: slice) -> Tensor:
    """(N, C, n, W) of rows ``start`` to ``stop``."""
    return picture.rows(rows) if isinstance(picture, Rows) else picture[:, :, rows]


def mapped(function: Callable[..., Tensor], *pictures: Picture) -> Picture:
    """A function of pixels at the same place: of tensors at once, else as rows are asked for.

    Args:
        function: (N, C, n, W) of every picture -> (N, C', n, W); it looks at no other row.
        pictures: of one height and width.
    """
    if not any(isinstance(picture, Rows) for picture in pictures):
        return function(*pictures)

    def read(rows: slice) -> Tensor:
        return function(*(rows_of(picture, rows) for picture in pictures))

    _, _, height, width = pictures[0].shape
    return Rows((1, read(slice(0, 1)).shape[1], height, width), read)


def stored(picture: Picture, device: torch.device | None = None) -> Picture:
    """The same picture on disk; a tensor, and what is there already, stays as it is.

    Args:
        picture: a tensor or rows.
        device: of the rows that are read; ``None`` for that of the first rows.
    """
    if isinstance(picture, RowsOnDisk) or not isinstance(picture, Rows):
        return picture
    kept: RowsOnDisk | None = None
    for rows in bands(picture):
        part = picture.rows(rows)
        kept = kept or RowsOnDisk(picture.shape, device or part.device)
        kept.write(rows, part)
    return kept


def bands(picture: Picture) -> Iterator[slice]:
    """Rows that are handled at a time, from the top to the bottom."""
    height, width = picture.shape[2:]
    count = max(_STEP, _BAND // width // _STEP * _STEP)
    return (slice(top, min(top + count, height)) for top in range(0, height, count))


def scratch_folder() -> Path:
    """Where large temporary files lie: ``TMPDIR``, else ``/var/tmp``, which is no memory.

    ``/tmp`` is kept in memory on many systems.
    """
    own = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if name in os.environ), "")
    return Path(own or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir()))
