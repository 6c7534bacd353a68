"""Errors of the disk, free space, and removal of temporary files."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from blindsr.errors import FileError, os_error
from blindsr.imaging.temporary import is_temporary, sweep

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.(png|npy|json)")  # of earlier versions


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError into one line that names ``folder`` and what to do.

    For a full disk it also says how much is free.

    Raises:
        FileError: instead of the OSError; other errors pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FileError(
                folder,
                found=f"the disk is full ({free_space(folder)} free)",
                expected="room for the data set",
                fix="Make room and run the same line again: it goes on where it stopped",
            ) from error
        if error.errno in _FORBIDDEN:
            raise FileError(
                folder,
                found=f"cannot be written ({error.strerror})",
                expected="a folder where files can be made",
                fix="Give another --out, or change its permissions",
            ) from error
        raise os_error(error, folder, "written") from error


def free_space(folder: Path) -> str:
    """Return the free space of the disk that holds ``folder``, which need not exist yet."""
    try:
        places = (folder, *folder.absolute().parents)
        existing = next((path for path in places if path.exists()), None)
        free = float(shutil.disk_usage(existing or Path.cwd()).free)
    except (OSError, ValueError):
        return "an unknown number of bytes"
    for unit in ("bytes", "kB", "MB"):
        if free < 1000:
            return f"{free:.0f} {unit}"
        free /= 1000
    return f"{free:.1f} GB"


def remove_temporary(folder: Path) -> None:
    """Remove half-written files that a killed preparation left below ``folder``."""
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sweep(place)
    for path in folder.rglob(".*"):
        # not those of today, which may be of processes that are alive
        if _TEMPORARY.fullmatch(path.name) and not is_temporary(path.name) and path.is_file():
            path.unlink(missing_ok=True)
