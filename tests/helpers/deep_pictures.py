"""Arrays of 8 and 16 bit with noise in all channels, and a writer of PNG by the byte."""

import struct
import zlib

import numpy as np

from blindsr.imaging.decoding.png import chunk

RNG = np.random.default_rng(0)


DEEP = RNG.integers(0, 65536, (40, 56, 4), dtype=np.uint16)


EIGHT = (DEEP >> 8).astype(np.uint8)


def save_png(path, array, depth, colour_type, *extra):
    height, width = array.shape[:2]
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in array]
    elif depth < 8:
        bits = (array[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = [np.packbits(row.ravel()).tobytes() for row in bits]
    else:
        rows = [row.tobytes() for row in array]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )
