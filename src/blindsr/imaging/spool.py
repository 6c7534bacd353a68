"""Arrays on disk for what does not fit into memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from blindsr.imaging.temporary import removed_at_exit, temporary_beside


@contextlib.contextmanager
def spool(beside: str | Path, shape: tuple[int, ...], dtype: DTypeLike) -> Iterator[NDArray]:
    """Yield an array of zeros in a temporary file beside a path; the file is gone afterwards.

    Raises:
        OSError: the disk has no room.
    """
    path = temporary_beside(Path(beside), suffix=".spool")
    path.parent.mkdir(parents=True, exist_ok=True)
    with removed_at_exit(path):
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        with path.open("wb") as file:
            file.truncate(size)
            # A full disk would kill the process when a page is touched; here it is an error.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        yield np.memmap(path, dtype, "r+", shape=shape)
