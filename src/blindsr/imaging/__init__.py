"""Pure functions on pictures: files, colour, resizing, tiling."""

from blindsr.imaging.color import rgb_to_y
from blindsr.imaging.files import (
    atomic_path,
    read_array,
    read_png_text,
    read_rgb,
    to_uint8,
    write_png,
)
from blindsr.imaging.resize import DOWNSAMPLERS, downsample, phase, upsample

__all__ = [
    "DOWNSAMPLERS",
    "atomic_path",
    "downsample",
    "phase",
    "read_array",
    "read_png_text",
    "read_rgb",
    "rgb_to_y",
    "to_uint8",
    "upsample",
    "write_png",
]
