"""Memory of a process that makes the same large tensors again and again."""

from __future__ import annotations

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
SLACK = 2**30
"""Bytes at the end of the heap that are kept when freed."""
LARGE = 2**30
"""Bytes of a piece that is given back all the same."""


def keep_freed_memory() -> None:
    """Let the C library keep what a tile or a training step has freed for the next one.

    Else it gives tensors back to the system at once and fetches them again page by page, which
    takes up to a third of the time. Only glibc can be asked. Not for restoring with SSR, whose
    steps need pieces of many sizes: what one has freed does not fit the next, and adds up to
    0.3 GB and more.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_TRIM_THRESHOLD, SLACK)
        library.mallopt(_MMAP_THRESHOLD, LARGE)
