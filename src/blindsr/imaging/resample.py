"""Reading a picture on a finer, shifted grid: exact positions, one axis after the other.

``cv2.warpAffine`` and ``cv2.remap`` round cubic positions to 1/32 pixel, which for LR is an eighth
of an HR pixel; whole positions are kept here.
"""

from __future__ import annotations

import numpy as np

_KEYS = -0.5  # the third-order cubic of Keys (1981), as in imaging.resize


def zoom_positions(length: int, factor: float, centre: float) -> np.ndarray:
    """Return where each of ``length`` output pixels reads: ``centre + (i - centre) / factor``."""
    return centre + (np.arange(length) - centre) / factor


def sample_cubic(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (H, W, C) float32 read at ``rows`` x ``columns`` by a cubic; edges are repeated.

    The cubic overshoots; nothing is clipped.
    """
    return _along(_along(image.astype(np.float32, copy=False), rows, 0), columns, 1)


def sample_nearest(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (H, W[, C]) of the same dtype: the pixels nearest to ``rows`` x ``columns``."""
    indices = [
        np.clip(np.rint(positions), 0, length - 1).astype(np.intp)
        for positions, length in zip((rows, columns), image.shape[:2], strict=True)
    ]
    return image[indices[0][:, None], indices[1]]


def _along(image: np.ndarray, positions: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate one axis: four neighbours, weighted."""
    first = np.floor(positions)
    weights = _cubic_weights((positions - first).astype(np.float32))
    shape = [1] * image.ndim
    shape[axis] = -1
    out = None
    for tap, weight in enumerate(weights):
        index = np.clip(first.astype(np.intp) + tap - 1, 0, image.shape[axis] - 1)
        term = np.take(image, index, axis=axis)
        term *= weight.reshape(shape)
        out = term if out is None else np.add(out, term, out=out)
    assert out is not None
    return out


def _cubic_weights(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the weights of the pixels at -1, 0, 1 and 2 for a position ``t`` in [0, 1)."""
    a, u = _KEYS, 1 - t
    near, far = ((a + 2) * x**3 - (a + 3) * x**2 + 1 for x in (t, u))
    before, after = (a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a for x in (1 + t, 1 + u))
    return before, near, far, after
