"""Checks of numbers, arrays and files that come from outside."""

from __future__ import annotations

import math
import stat
from pathlib import Path
from typing import Any

import numpy as np

from blindsr.errors import DataError, FileError, check_ordinary, os_error

LARGEST_SCALE = 64
LARGEST_SIGMA = 100.0
"""HR pixels; kernels of more would be larger than the pictures."""
MOST_WORKERS = 1024
"""Largest number of processes or threads; a larger one is a typing error."""


def ordinary_file(path: str | Path, expected: str, fix: str) -> Path:
    """Return ``path`` if it is an ordinary file with content; it is not opened.

    Args:
        path: looked at, not opened.
        expected: what it should be.
        fix: what to do where it is missing.

    Raises:
        FileError: it is missing, empty, no ordinary file, or cannot be looked at.
    """
    status = check_ordinary(path, expected, fix)
    if stat.S_ISDIR(status.st_mode):
        raise FileError(path, found="a folder", expected=f"a file, {expected}", fix=fix)
    if not status.st_size:
        raise FileError(path, found="an empty file", expected=expected, fix=fix)
    return Path(path)


def existing_folder(path: str | Path, expected: str, fix: str) -> Path:
    """Return ``path`` if it is a folder.

    Raises:
        FileError: it is missing, something else, or cannot be looked at.
    """
    if not stat.S_ISDIR(check_ordinary(path, expected, fix).st_mode):
        raise FileError(path, found="no folder", expected=expected, fix=fix)
    return Path(path)


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name.

    Raises:
        FileError: it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        raise os_error(error, folder, "read") from error


def read_npy(path: Path, expected: str, *, fix: str) -> np.ndarray:
    """Return the array of a ``.npy`` file, mapped into memory and read-only.

    Mapping holds the size that the header promises against that of the file, so that a forged
    header allocates no memory.

    Args:
        path: of the file.
        expected: what it should hold, for errors.
        fix: what to do about a damaged one.

    Raises:
        FileError: the file is missing, damaged, an archive, or needs a pickle.
        DataError: it holds no real numbers.
    """
    ordinary_file(path, expected, fix)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header raises any kind of exception
        if isinstance(error, OSError) and error.errno:
            raise os_error(error, path, "read") from error
        raise FileError(
            path, found=f"cannot be read ({error})", expected=expected, fix=fix
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise FileError(path, found="an archive of arrays", expected=expected, fix=fix)
    real_numbers(array, path, expected=expected, fix=fix)
    return array


def whole_numbers(
    array: np.ndarray, where: object, *, low: int, high: int, what: str = "value", fix: str = ""
) -> np.ndarray:
    """Return integers, or floats that are whole, as int64; nothing is rounded or wrapped.

    Args:
        array: of any shape.
        where: file and variable, for errors.
        low: smallest value allowed.
        high: largest value allowed.
        what: names a value in errors.
        fix: what to do about a wrong one.

    Raises:
        DataError: the array holds no real numbers, or one that is not whole or out of range.
    """
    real_numbers(array, where, expected=f"{low}..{high}, whole numbers", kinds="iuf", fix=fix)
    bad = ~((array >= low) & (array <= high))
    if array.dtype.kind == "f":
        bad |= array != np.floor(array)
    refuse_bad(array, bad, where, expected=f"{low}..{high}, whole numbers", what=what, fix=fix)
    return array.astype(np.int64)


def real_numbers(
    array: Any, where: object, *, expected: str, kinds: str = "iuf", fix: str = ""
) -> None:
    """Refuse an array or HDF5 variable that holds text, cells, structures or complex numbers.

    Raises:
        DataError: its type is none of ``kinds``, letters of ``numpy.dtype.kind``.
    """
    dtype = getattr(array, "dtype", None)
    if dtype is None or dtype.kind not in kinds:
        found = type(array).__name__ if dtype is None else type_name(dtype)
        raise DataError(where, found=found, expected=expected, fix=fix)


def type_name(dtype: np.dtype) -> str:
    """Return the name of the type for a reader of MATLAB files."""
    if dtype.kind == "O":
        return "objects (cells or structures)"
    if dtype.kind == "c" or (dtype.names and set(dtype.names) == {"real", "imag"}):
        return "complex numbers"
    if dtype.names:
        return "a structure"
    return "text" if dtype.kind in "SU" else f"values of type {dtype.name}"


def refuse_bad(
    array: np.ndarray, bad: np.ndarray, where: object, *, expected: str, what: str, fix: str = ""
) -> None:
    """Raise the DataError that names the first value marked in ``bad``, if any is.

    In two dimensions the place is called row and column, from 0.
    """
    if not bad.any():
        return
    first = tuple(int(place) for place in np.argwhere(bad)[0])
    place = f" at row {first[0]}, column {first[1]}" if array.ndim == 2 else ""
    count = int(bad.sum())
    more = f" ({count} such {'pixels' if array.ndim == 2 else 'values'})" if count > 1 else ""
    raise DataError(where, found=f"{what} {array[first]}{place}{more}", expected=expected, fix=fix)


def finite(value: Any, *, above: float, most: float) -> bool:
    """Say whether ``value`` is a real number (no bool) with ``above`` < value <= ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(math.isfinite(value) and above < value <= most)


def whole(value: Any, *, least: int, most: int) -> bool:
    """Say whether ``value`` is an integer (no bool) with ``least`` <= value <= ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return False
    return bool(least <= value <= most)
