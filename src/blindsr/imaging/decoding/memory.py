"""Check that a picture fits into memory before it is decoded."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from blindsr.errors import FileError

_LARGEST = 1 << 30  # pixels, as in OpenCV
_COPIES = 2  # what a decoder makes, and what is made of it
_CGROUP = Path("/sys/fs/cgroup")


def check_room(
    path: str | Path, width: int, height: int, *, channels: int = 4, sample_bytes: int = 1
) -> None:
    """Refuse a picture whose header promises more pixels than memory holds.

    Args:
        path: for the message.
        width: in pixels.
        height: in pixels.
        channels: that are decoded.
        sample_bytes: of one channel of a pixel.

    Raises:
        FileError: it has no pixels, or too many.
    """
    if width < 1 or height < 1:
        raise FileError(path, found=f"{width} x {height} pixels", fix="Replace the file")
    size = f"{width} x {height} pixels"
    if width * height > _LARGEST:
        raise FileError(
            path,
            found=f"too many pixels ({size})",
            expected=f"at most {_LARGEST:,}",
            fix="Cut it into parts",
        )
    needed, free = width * height * channels * sample_bytes * _COPIES, free_memory()
    if free is not None and needed > free:
        raise FileError(
            path,
            found=f"{size}, which need {needed / 1e9:.1f} GB of memory",
            expected=f"at most the {free / 1e9:.1f} GB that are free",
            fix="Cut it into parts, or close other programs",
        )


def free_memory() -> int | None:
    """Return the bytes that this process may still take, ``None`` where that is unknown."""
    known = [value for value in (_machine(), _container(), _limit()) if value is not None]
    return min(known) if known else None


def _machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _container() -> int | None:
    """What is left of the limit of a container (cgroup v2); file caches are given back."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))  # or "max"
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
        caches = int(dict(line.split() for line in lines)["inactive_file"])
        return max(0, limit - used + caches)
    return None


def _limit() -> int | None:
    """What is left of the address space of this process (``ulimit -v``)."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft == resource.RLIM_INFINITY:
        return None
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return max(0, soft - pages * resource.getpagesize())
    return None
