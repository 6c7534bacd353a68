"""What a camera does to the picture that its lens made: tone, noise, sharpening, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random.noise import GaussianNoise, NoiseKind
from blindsr.degradation.random.operators import compress_jpeg
from blindsr.imaging.files import to_uint8

_OPTICS = (0.2, 0.5)  # sigma of a lens in focus with its sensor, pixels
_GAMMA = (0.55, 1.5)
_CLEAN = 0.4  # share of pictures that a restorer gets without noise and JPEG
_WORN = 0.65  # share of the others with noise, and of those with JPEG
_NOISE_SEEN = (0.0, 8.0)  # 8 bit levels, for a restorer
_QUALITY_SEEN = (50, 98)
_NOISE = (0.3, 6.0)  # 8 bit levels
_HALO_SIGMA = (0.5, 1.3)  # pixels
_HALO = (0.1, 0.9)
_QUALITY = (60, 98)


def photographed(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change tone and contrast, add noise, sharpen and compress; each but the first only at times.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: draws everything.

    Returns:
        (H, W, 3) uint8.
    """
    if rng.random() < 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(*_OPTICS)), np.float32)
    gamma = np.exp(rng.uniform(*np.log(_GAMMA)))
    shown = np.clip(picture, 0, 1) ** np.float32(gamma)
    black, white = rng.uniform(0, 0.12), rng.uniform(0.75, 1.1)
    shown = np.asarray(black + (white - black) * shown, np.float32)
    if rng.random() < 0.5:
        shown = _noisy(shown, rng, float(np.exp(rng.uniform(*np.log(_NOISE)))))
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(shown, (0, 0), rng.uniform(*_HALO_SIGMA))
        shown = shown + np.float32(rng.uniform(*_HALO)) * (shown - soft)
    shown = np.clip(shown, 0, 1)
    if rng.random() < 0.4:
        shown = compress_jpeg(shown, int(rng.integers(_QUALITY[0], _QUALITY[1] + 1)))
    return to_uint8(shown)


def recorded(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add noise and compress, each at times; tone and sharpness stay, as a restorer wants them.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: draws everything.

    Returns:
        (H, W, 3) uint8.
    """
    shown = np.clip(picture, 0, 1)
    if rng.random() < _CLEAN:
        return to_uint8(shown)
    if rng.random() < _WORN:
        shown = _noisy(shown, rng, rng.uniform(*_NOISE_SEEN))
    if rng.random() < _WORN:
        quality = int(rng.integers(_QUALITY_SEEN[0], _QUALITY_SEEN[1] + 1))
        shown = compress_jpeg(np.clip(shown, 0, 1), quality)
    return to_uint8(np.clip(shown, 0, 1))


def _noisy(
    picture: NDArray[np.float32], rng: np.random.Generator, level: float
) -> NDArray[np.float32]:
    kind: NoiseKind = "grey" if rng.random() < 0.4 else "colour"
    return GaussianNoise(kind, level, seed=int(rng.integers(2**31)))(picture)
