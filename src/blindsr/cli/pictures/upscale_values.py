"""Values of the options of ``blindsr upscale``, checked as they are read."""

from __future__ import annotations

import argparse
import os
from typing import Literal

SMALLEST_FACTOR, LARGEST_FACTOR = 0.1, 64.0


def tile(text: str) -> int | Literal["auto"]:
    """``auto``, 0, or a number of pixels."""
    if text == "auto":
        return "auto"
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}, expected auto, 0 or a number of pixels")
    return int(text)


def factor(text: str) -> float:
    """How many times larger: ``2``, ``1.5``, ``x3``."""
    try:
        value = float(text.lower().removeprefix("x"))
    except ValueError:
        value = 0.0
    if not SMALLEST_FACTOR <= value <= LARGEST_FACTOR:  # not-a-number included
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a number from {SMALLEST_FACTOR:g} to {LARGEST_FACTOR:g}"
        )
    return value


def suffix(text: str) -> str:
    """A part of a file name."""
    if "/" in text or "\0" in text or os.sep in text:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a part of a file name")
    return text


def whole(text: str) -> int:
    """A whole number, 0 or more."""
    if not text.isdecimal() or len(text) > 10:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # not-a-number included
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number from 0 to 1")
    return value


def quality(text: str) -> int:
    """A whole number from 1 to 100."""
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}, expected 1..100")
    return int(text)


def steps(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1")
    return int(text)
