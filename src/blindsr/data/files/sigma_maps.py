"""Reads and writes blur maps: sigma of every pixel, as PNG and float16.

``blur/0007.png`` is the released format: three equal channels of round(10 sigma), read back as
channel 1 divided by 10. ``blur16/0007.npy`` beside it holds float16 sigma without that rounding
(steps of 0.025 survive) and is preferred where it exists.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blindsr.data.files.source_values import read_npy, refuse_bad
from blindsr.errors import DataError
from blindsr.imaging.files import atomic_path, read_array, write_png

_NPY = "a float16 .npy"
_COPY = "Copy it again, or prepare it again"
_LARGEST = 65504.0  # of float16; more is damage


def write_blur(folder: Path, name: str, blur: np.ndarray) -> None:
    """Write sigma (H, W) in HR pixels as ``blur/<name>.png`` and ``blur16/<name>.npy``."""
    write_png(folder / "blur" / f"{name}.png", encode_blur(blur))
    exact = folder / "blur16" / f"{name}.npy"
    with atomic_path(exact) as temporary, temporary.open("wb") as file:
        np.save(file, blur.astype(np.float16))


def read_blur(png: Path, exact: Path | None = None) -> np.ndarray:
    """Return sigma (H, W) float32 in HR pixels from ``exact`` if given, else from the PNG.

    Raises:
        FileError: the file is missing or damaged.
        DataError: the array is not two-dimensional, or not finite and >= 0.
    """
    path = png if exact is None else exact
    blur = decode_blur(read_array(png)) if exact is None else read_npy(exact, _NPY, fix=_COPY)
    if blur.ndim != 2:
        raise DataError(path, found=f"{blur.shape}", expected="(H, W) sigma", fix=_COPY)
    refuse_bad(
        blur,
        ~((blur >= 0) & (blur <= _LARGEST)),
        path,
        what="sigma",
        expected="finite and >= 0",
        fix=_COPY,
    )
    return np.array(blur, np.float32)


def encode_blur(blur: np.ndarray) -> np.ndarray:
    """Return sigma (H, W) as (H, W, 3) uint16, each channel round(10 sigma), halves upwards."""
    # sigma has steps of 0.025: float32 must not push an exact half (0.05) below it
    tenths = np.floor(blur * 10 + (0.5 + 1e-4)).astype(np.uint16)
    return np.repeat(tenths[..., None], 3, axis=2)


def decode_blur(stored: np.ndarray) -> np.ndarray:
    """Return sigma float32 of a stored map: channel 1 (or the only one), divided by 10."""
    tenths = stored if stored.ndim == 2 else stored[:, :, 1]
    return tenths.astype(np.float32) / np.float32(10)
