"""Reads HR pictures and masks, with a cache of decoded ones.

A crop of a PNG or JPEG requires decoding the whole picture: 45 ms for 2040 x 1356 pixels of PNG.
To save time pictures stay in 8 bit, sizes are read from headers, and with a cache folder each file
is decoded once and then mapped into memory, where a crop reads its own pages only.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.data.files.disk import free_space
from blindsr.data.files.masks import Mask, read_mask, read_sigma_mask
from blindsr.data.files.notes import say_once
from blindsr.errors import DataError, FileError, os_error
from blindsr.imaging.decoding.decode import picture_size
from blindsr.imaging.files import atomic_path, to_uint8
from blindsr.imaging.photo import read_photo


class PictureFiles(NamedTuple):
    """The files of one picture; None where there is no such thing."""

    name: str
    hr: Path
    mask: Path | None = None
    blur: Path | None = None
    """``<stem>_sigma.png`` of ``blindsr estimate``; ``mask`` takes precedence."""
    lr: Path | None = None


class PictureStore:
    """Reads pictures and masks, from the cache where they have been decoded before.

    Args:
        cache: folder for decoded pictures as ``.npy`` of 8 bit: 3 bytes per pixel on the disk
            (DIV2K 6.6 GB), a crop in 0.3 ms. None decodes every time. A file that changes is
            decoded anew. May be shared between processes and data sets.
        sigma_threshold: masks from sigma maps: sharp below, in pixels of the picture.
        smallest: regions of fewer pixels vanish from masks made of sigma maps.
    """

    def __init__(
        self,
        cache: str | Path | None = None,
        *,
        sigma_threshold: float = 1.0,
        smallest: int = 0,
    ) -> None:
        self.cache = None if cache is None else Path(cache)
        self.sigma_threshold, self.smallest = sigma_threshold, smallest

    def picture(self, path: Path) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8, read-only where it comes from the cache.

        Raises:
            FileError: the file is missing or damaged, or the cache cannot be written.
        """
        return self._kept(path, "picture", lambda: read_picture(path))

    def mask(self, files: PictureFiles, size: tuple[int, int]) -> Mask | None:
        """Return the mask (H, W) of 0 and 1, or None where there is none.

        Args:
            files: of the picture.
            size: height and width of the picture.

        Raises:
            FileError: the file is missing or damaged.
            DataError: its size is not that of the picture.
        """
        if files.mask is not None:
            path = files.mask
            mask = self._kept(path, "mask", lambda: read_mask(path))
            _check_pair(files, mask.shape, size)
            return mask
        if files.blur is None:
            return None
        blur = files.blur
        threshold, smallest = self.sigma_threshold, self.smallest
        return self._kept(
            blur,
            f"sigma {threshold} {smallest} {size}",
            lambda: read_sigma_mask(blur, files.hr, size, threshold=threshold, smallest=smallest),
        )

    def _kept(
        self, path: Path, kind: str, make: Callable[[], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        if self.cache is None:
            return make()
        try:
            status = path.stat()
        except OSError:
            return make()  # raises the error of the file
        key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{kind}"
        kept = self.cache / f"{path.stem}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:16]}.npy"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return _mapped(kept)
        self._write(kept, make())
        return _mapped(kept)

    def _write(self, path: Path, array: NDArray[np.uint8]) -> None:
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, array)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.EFBIG):  # no other folder helps
                raise os_error(error, path.parent, "written") from error
            raise FileError(
                path.parent,
                found=f"cannot be written ({error.strerror}, {free_space(path.parent)} free)",
                expected="room for decoded pictures",
                fix="Give another cache folder, or set cache to null",
            ) from error


def _mapped(path: Path) -> NDArray[np.uint8]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise os_error(error, path, "read") from error
    except (ValueError, EOFError) as error:
        raise FileError(
            path, found=f"damaged ({error})", expected="a decoded picture", fix="Delete it"
        ) from error


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return the picture as :func:`~blindsr.imaging.files.read_rgb` does, in 8 bit.

    An 8 bit picture, which nearly all HR pictures are, never becomes float: half the time.

    Raises:
        FileError: the file is missing, damaged or no image.
    """
    photo = read_photo(path)
    if photo.bits != 8:
        return to_uint8(photo.rgb())
    color = photo.color.astype(np.uint8, copy=False)
    return np.repeat(color[..., None], 3, axis=2) if photo.grey else color


def checked_pictures(
    files: Sequence[PictureFiles], *, smallest: int, skip_small: bool = False
) -> list[PictureFiles]:
    """Look at the headers: leave out or refuse small pictures, refuse masks of another size.

    Args:
        files: not changed.
        smallest: shortest side in pixels.
        skip_small: leave small pictures out instead of refusing them.

    Returns:
        The files, without those left out.

    Raises:
        FileError: a file is missing or no image.
        DataError: a picture is too small, a mask has another size, or nothing is left.
    """
    kept, small = [], 0
    for item in files:
        size = picture_size(item.hr)
        if min(size) < smallest:
            if skip_small:
                small += 1
                continue
            raise DataError(
                item.hr,
                found=f"{size[1]} x {size[0]} pixels",
                expected=f"sides of {smallest} or more",
                fix="Remove it, or, for training, set a smaller crop or skip_small: true",
            )
        if item.mask is not None:
            _check_pair(item, picture_size(item.mask), size)
        kept.append(item)
    if small:
        say_once(
            f"{files[0].hr.parent}: {small} of {len(files)} pictures left out, smaller than "
            f"{smallest} pixels"
        )
    if files and not kept:
        raise DataError(
            files[0].hr.parent,
            found=f"no picture with sides of {smallest} pixels",
            expected="at least one",
            fix="Set a smaller crop",
        )
    return kept


def _check_pair(files: PictureFiles, found: tuple[int, ...], size: tuple[int, int]) -> None:
    if found != size:
        raise DataError(
            files.mask or files.hr,
            found=f"{found[1]} x {found[0]} pixels",
            expected=f"{size[1]} x {size[0]} as {files.hr}",
            fix="A mask belongs to the picture of its name, pixel by pixel",
        )
