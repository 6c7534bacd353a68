"""PGM and PPM, whose maximum may be any number up to 65535; Pillow cuts deep colour to 8 bit."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.decoding.samples import full_range

_HEADER = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)+(\d{1,9})" * 3 + rb"\s")


def is_netpbm(head: bytes) -> bool:
    """Whether a file begins as PGM or PPM, plain or raw."""
    return re.match(rb"P[2356][\s#]", head) is not None


def decode_netpbm(data: bytes, check: Callable[[int, int, int], None]) -> NDArray[np.integer]:
    """Return (H, W) or (H, W, 3), uint8 up to a maximum of 255, else uint16.

    Args:
        data: the file.
        check: called with width, height and bytes of a sample before pixels are decoded.

    Raises:
        ValueError: the header is wrong, or pixels are missing.
    """
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("no header of PGM or PPM")
    kind, width, height, peak = (int(part) for part in header.groups())
    if not 1 <= peak <= 65535:
        raise ValueError(f"a maximum of {peak}")
    channels = 3 if kind in (3, 6) else 1
    count = width * height * channels
    check(width, height, 1 if peak < 256 else 2)
    if kind < 4:
        words = data[header.end() :].split(maxsplit=count)[:count]
        samples = np.array(words, dtype=np.int64)
    else:
        samples = np.frombuffer(data, ">u2" if peak > 255 else np.uint8, count, header.end())
    if len(samples) < count:
        raise ValueError("it ends early")
    if samples.min(initial=0) < 0 or samples.max(initial=0) > peak:
        raise ValueError(f"values beyond its maximum {peak}")
    samples = samples.reshape((height, width, channels)[: 2 + (channels > 1)])
    return full_range(samples, peak)
