"""Find the phase of a network (where LR pixels lie in its HR picture) from its output.

A network learns the phase of the down-sampler of its training. Alpha or a bicubic enlargement that
is combined with its output must have the same phase: a wrong one shifts it by (s - 1) / 2 pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.resize import phase, upsample

_SIDE = 12  # of the random picture that makes the pattern
_SMOOTH = 4
_BORDER = 4  # LR pixels at the edge, where networks pad


def phase_pattern() -> NDArray[np.float32]:
    """Return a smooth picture (48, 48, 3) in [0, 1] on which a shift shows."""
    blocks = np.random.default_rng(0).random((_SIDE, _SIDE, 3), np.float32)
    smooth = upsample(blocks, _SMOOTH, phase=(_SMOOTH - 1) / 2)
    return np.clip(smooth, 0.0, 1.0).astype(np.float32)


def find_phase(lr: NDArray[np.float32], sr: NDArray[np.float32], scale: int) -> float:
    """Return the phase whose bicubic enlargement is nearest to a restored picture.

    Args:
        lr: (h, w, 3), see :func:`phase_pattern`.
        sr: (s*h, s*w, 3), what a network made of it.
        scale: s.

    Returns:
        The phase of ``sfold`` or that of the other down-samplers.
    """
    inner = slice(_BORDER * scale, -_BORDER * scale)
    errors = {
        place: float(np.mean((upsample(lr, scale, phase=place) - sr)[inner, inner] ** 2))
        for place in (phase("bicubic", scale), phase("sfold", scale))
    }
    return min(errors, key=errors.__getitem__)
