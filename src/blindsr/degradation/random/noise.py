"""Noise fields: Gaussian, speckle and Poisson, each reproducible from one seed.

The fields come from PCG64, numpy's default, named here because replaying a recipe depends on it.
All results are clipped to [0, 1].
"""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.files import to_uint8

NoiseKind = Literal["colour", "grey", "correlated"]
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def gaussian_noise(
    image: NDArray[np.float32],
    *,
    kind: NoiseKind,
    level: float,
    seed: int,
    mixing: tuple[float, ...] = (),
) -> NDArray[np.float32]:
    """Add Gaussian noise.

    Args:
        image: (H, W, 3) float32.
        kind: independent in the channels, equal in them, or correlated.
        level: standard deviation in 8 bit levels.
        seed: of the noise field.
        mixing: for ``correlated``: 9 numbers, the covariance of the channels divided by
            ``(level / 255) ** 2``, positive semi-definite.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    field = _gaussian_field(image.shape, kind, level, seed, mixing)
    return _clipped(image + field)


def speckle_noise(
    image: NDArray[np.float32],
    *,
    kind: NoiseKind,
    level: float,
    seed: int,
    mixing: tuple[float, ...] = (),
) -> NDArray[np.float32]:
    """Add Gaussian noise multiplied by the picture; arguments as in :func:`gaussian_noise`."""
    image = _clipped(image)
    return _clipped(image + image * _gaussian_field(image.shape, kind, level, seed, mixing))


def poisson_noise(
    image: NDArray[np.float32], *, photons: float, grey: bool, seed: int
) -> NDArray[np.float32]:
    """Replace the picture, rounded to 8 bit, by photon counts (BSRGAN-plus).

    Args:
        image: (H, W, 3) float32.
        photons: mean count of a white pixel.
        grey: the noise of the luma is added to all channels instead.
        seed: of the noise field.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    rounded = _rounded(image)
    base = _rounded(_luma(rounded)) if grey else rounded
    return _clipped(rounded + _poisson_field(base, photons, seed))


def scaled_poisson_noise(
    image: NDArray[np.float32], *, strength: float, grey: bool, seed: int
) -> NDArray[np.float32]:
    """Add ``strength`` times photon noise (Real-ESRGAN).

    A white pixel counts as many photons as the picture has distinct values after rounding to
    8 bit, rounded up to a power of two: noisier where there are few levels.

    Args:
        image: (H, W, 3) float32.
        strength: factor of the noise.
        grey: noise of the luma for all channels.
        seed: of the noise field.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    base = _rounded(_luma(image) if grey else image)
    levels = np.count_nonzero(np.bincount(to_uint8(base).ravel(), minlength=256))
    photons = 2.0 ** math.ceil(math.log2(levels))
    return _clipped(image + np.float32(strength) * _poisson_field(base, photons, seed))


def _gaussian_field(
    shape: tuple[int, ...], kind: NoiseKind, level: float, seed: int, mixing: tuple[float, ...]
) -> NDArray[np.float32]:
    """Return (H, W, 3), or (H, W, 1) for grey."""
    drawn = (*shape[:2], 1) if kind == "grey" else shape
    field = _generator(seed).standard_normal(drawn, dtype=np.float32)
    field *= np.float32(level / 255)
    if kind == "correlated":
        field = np.asarray(cv2.transform(field, _root(mixing)), dtype=np.float32)
    return field


def _root(mixing: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the symmetric square root: unlike a Cholesky factor it exists for rank 2 and 1."""
    values, vectors = np.linalg.eigh(np.array(mixing, dtype=np.float64).reshape(3, 3))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _poisson_field(base: NDArray[np.float32], photons: float, seed: int) -> NDArray[np.float32]:
    """Return counts / photons - base."""
    counts = _generator(seed).poisson(base * photons)
    return (counts / photons).astype(np.float32) - base


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _luma(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.transform(image, _LUMA[None, :]), dtype=np.float32)[..., None]


def _rounded(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return to_uint8(image).astype(np.float32) / np.float32(255)


def _clipped(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(image, 0.0, 1.0)
