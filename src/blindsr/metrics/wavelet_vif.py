"""Visual information fidelity of wavelet bands (Sheikh and Bovik 2006): the form of the paper.

The reference is a Gaussian scale mixture in each band of a steerable pyramid, the other image the
same after an attenuation and noise. Both lose information in a visual system with noise of its own;
the score is the share that is left. Follows the published MATLAB form in all that it leaves to an
implementer: which bands, how large the windows are, and what their borders leave out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float64]

LEAST_SIZE = 72
"""Smallest image in pixels: below it there are not four levels of the pyramid."""
_LEVELS = 4
_BANDS = (0, 3)  # of the six of a level: horizontal and vertical detail
_BLOCK = 3  # side of the blocks of coefficients that the mixture is a vector of
_NOISE = 0.4  # variance of the visual system's noise
_TINY = 1e-15


def wavelet_vif(image: Plane, reference: Plane) -> float:
    """VIF of one image, 1 where both are equal.

    Args:
        image: (H, W) luma in [0, 255], at least 72 pixels a side.
        reference: the same shape.

    Returns:
        The share; NaN where the reference holds no information at all.
    """
    kept, held = 0.0, 0.0
    for window, seen, true in _bands(image, reference):
        gain, noise = _channel(seen, true, window)
        scale, eigenvalues = _mixture(true)
        edge = -(-(window // 2) // _BLOCK)  # blocks whose windows reach over the border
        inner = (slice(edge, -edge), slice(edge, -edge))
        gain, noise, scale = gain[inner], noise[inner], scale[inner]
        for value in eigenvalues:
            kept += float(np.log2(1 + gain**2 * scale * value / (noise + _NOISE)).sum())
            held += float(np.log2(1 + scale * value / _NOISE).sum())
    return kept / held if held else float("nan")


def _bands(image: Plane, reference: Plane) -> list[tuple[int, Plane, Plane]]:
    """Side of the window, largest where detail is finest, and a band of both, in whole blocks."""
    from pyrtools.pyramids import SteerablePyramidSpace

    pyramids = [
        SteerablePyramidSpace(each, height=_LEVELS, order=5).pyr_coeffs
        for each in (image, reference)
    ]
    result = []
    for level in range(_LEVELS):
        for band in _BANDS:
            seen, true = (np.asarray(one[level, band], np.float64) for one in pyramids)
            rows, columns = (size // _BLOCK * _BLOCK for size in true.shape)
            window = 2 ** (_LEVELS - level) + 1
            result.append((window, seen[:rows, :columns], true[:rows, :columns]))
    return result


def _channel(seen: Plane, true: Plane, window: int) -> tuple[Plane, Plane]:
    """Gain and noise variance of the distortion around each block, by regression in a window."""

    def mean(values: Plane) -> Plane:
        whole = cv2.blur(values, (window, window), borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(whole[_BLOCK // 2 :: _BLOCK, _BLOCK // 2 :: _BLOCK], np.float64)

    first, second = mean(true), mean(seen)
    # sums over the window, as the limits below are of sums
    count = window**2
    covariance = count * (mean(true * seen) - first * second)
    energy = np.maximum(count * (mean(true**2) - first**2), 0)
    other = np.maximum(count * (mean(seen**2) - second**2), 0)
    gain = covariance / (energy + _TINY)
    noise = (other - gain * covariance) / count
    flat, empty = energy < _TINY, other < _TINY
    gain = np.where(flat | empty, 0, gain)
    noise = np.where(flat, other, noise)
    noise = np.where(empty, 0, noise)
    noise = np.where(gain < 0, other, noise)  # the opposite of the reference is noise
    gain, noise = np.maximum(gain, 0), np.maximum(noise, _TINY)
    return np.asarray(gain, np.float64), np.asarray(noise, np.float64)


def _mixture(true: Plane) -> tuple[Plane, Plane]:
    """Variance multiplier of each block, and the eigenvalues of the covariance of all."""
    neighbours = np.lib.stride_tricks.sliding_window_view(true, (_BLOCK, _BLOCK))
    every = neighbours.reshape(-1, _BLOCK**2)
    covariance = np.cov(every, rowvar=False, bias=True)
    blocks = neighbours[::_BLOCK, ::_BLOCK]
    vectors = blocks.reshape(-1, _BLOCK**2)
    scale = ((vectors @ np.linalg.pinv(covariance)) * vectors).sum(1) / _BLOCK**2
    eigenvalues = np.asarray(np.linalg.eigvalsh(covariance), np.float64)
    return scale.reshape(blocks.shape[:2]), eigenvalues
