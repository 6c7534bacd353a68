"""Temporary files named after their process, so that those of killed processes can be removed.

Their names carry the machine, the process and when it started. They are short whatever the name of
the result is, which may be as long as the file system allows.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

_NAME = re.compile(
    r"\.blindsr\.(?P<host>[^.]*)\.(?P<pid>\d+)\.(?P<start>\d+)\.[0-9a-f]{12}(\.[^.]*)?"
)
_LONGEST_SUFFIX = 10
_living: set[Path] = set()
"""Of this process: what is to be removed where it ends without unwinding."""


def temporary_beside(path: Path, *, suffix: str | None = None) -> Path:
    """Return a hidden, unused name in the same folder.

    Args:
        path: of the result; the suffix is kept, because writers choose the format by it.
        suffix: another one.
    """
    ending = path.suffix if suffix is None else suffix
    if len(ending) > _LONGEST_SUFFIX:
        ending = ""
    owner = f"{host_name()}.{os.getpid()}.{start_of(os.getpid())}"
    return path.with_name(f".blindsr.{owner}.{secrets.token_hex(6)}{ending}")


@contextlib.contextmanager
def removed_at_exit(path: Path) -> Iterator[None]:
    """Remove a temporary file or folder when the block is left, however that happens."""
    _living.add(path)
    try:
        yield
    finally:
        _remove(path)
        _living.discard(path)


def remove_living() -> None:
    """Remove the temporary files of this process; it is about to end without unwinding."""
    for path in list(_living):
        _remove(path)


def sweep(folder: Path) -> None:
    """Remove what processes of this machine that are gone left directly in a folder."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            match = _NAME.fullmatch(entry.name)
            if match and match["host"] == host_name() and start_of(int(match["pid"])) != match[3]:
                _remove(Path(entry.path))


def is_temporary(name: str) -> bool:
    """Whether a file's name is one of these."""
    return _NAME.fullmatch(name) is not None


def host_name() -> str:
    """Name of the machine, without what a file's name must not have or uses otherwise."""
    return re.sub(r"[^\w-]", "-", socket.gethostname())[:40]


def start_of(pid: int) -> str:
    """When a process started, in ticks; "0" if it runs but no start is known; "" if gone.

    Numbers of processes are given out again: the start tells whether it is still the same.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "0"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


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
