"""Arrays of numbers in ``.npy`` files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blindsr.data.files.source_values import ordinary_file, real_numbers
from blindsr.errors import FileError, os_error


def read_npy(path: Path, expected: str, *, fix: str) -> np.ndarray:
    """Return the array of a ``.npy`` file, mapped into memory and read-only.

    Mapping holds the size that the header promises against that of the file, so that a forged
    header asks for no memory.

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
    except Exception as error:  # the header is Python text: damage shows as every kind
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
