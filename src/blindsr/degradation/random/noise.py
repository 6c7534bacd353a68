"""Steps that add noise: Gaussian, speckle and Poisson, each reproducible from one seed.

The fields come from PCG64, numpy's default, named here because replaying a recipe depends on it.
All results are clipped to [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random.operators import Size
from blindsr.imaging.files import to_uint8

Image = NDArray[np.float32]

NoiseKind = Literal["colour", "grey", "correlated"]
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class GaussianNoise:
    """Additive noise of standard deviation ``level`` in 8 bit levels.

    ``kind``: independent in the channels, equal in them, or correlated with ``mixing``: 9 numbers,
    the covariance of the channels divided by ``(level / 255) ** 2``, positive semi-definite.
    """

    kind: NoiseKind
    level: float
    seed: int
    mixing: tuple[float, ...] = ()

    def __call__(self, image: Image, _lr_size: Size = (0, 0), /) -> Image:
        """Return the noisy image (H, W, 3) in [0, 1]."""
        return _clipped(image + self.field(image.shape))

    def field(self, shape: tuple[int, ...]) -> Image:
        """Return the noise, (H, W, 3), or (H, W, 1) for grey."""
        drawn = (*shape[:2], 1) if self.kind == "grey" else shape
        field = _generator(self.seed).standard_normal(drawn, dtype=np.float32)
        field *= np.float32(self.level / 255)
        if self.kind == "correlated":
            field = np.asarray(cv2.transform(field, _root(self.mixing)), dtype=np.float32)
        return field


@dataclass(frozen=True)
class SpeckleNoise(GaussianNoise):
    """:class:`GaussianNoise` multiplied by the image."""

    def __call__(self, image: Image, _lr_size: Size = (0, 0), /) -> Image:
        """Return the noisy image (H, W, 3) in [0, 1]."""
        image = _clipped(image)
        return _clipped(image + image * self.field(image.shape))


@dataclass(frozen=True)
class PoissonNoise:
    """The image, rounded to 8 bit, as photon counts with a mean of ``photons`` at white.

    (BSRGAN-plus.) ``grey`` adds the noise of the luma to all channels instead.
    """

    photons: float
    grey: bool
    seed: int

    def __call__(self, image: Image, _lr_size: Size = (0, 0), /) -> Image:
        """Return the noisy image (H, W, 3) in [0, 1]."""
        rounded = _rounded(image)
        base = _rounded(_luma(rounded)) if self.grey else rounded
        return _clipped(rounded + _poisson_field(base, self.photons, self.seed))


@dataclass(frozen=True)
class ScaledPoissonNoise:
    """Photon noise times ``strength`` (Real-ESRGAN); ``grey``: that of the luma for all channels.

    A white pixel counts as many photons as the picture has distinct values after rounding to
    8 bit, rounded up to a power of two: noisier where there are few levels.
    """

    strength: float
    grey: bool
    seed: int

    def __call__(self, image: Image, _lr_size: Size = (0, 0), /) -> Image:
        """Return the noisy image (H, W, 3) in [0, 1]."""
        base = _rounded(_luma(image) if self.grey else image)
        levels = np.count_nonzero(np.bincount(to_uint8(base).ravel(), minlength=256))
        photons = 2.0 ** math.ceil(math.log2(levels))
        return _clipped(
            image + np.float32(self.strength) * _poisson_field(base, photons, self.seed)
        )


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
