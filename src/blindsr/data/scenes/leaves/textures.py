"""Surfaces of the leaves: patterns with power spectra of nature, waves, flat areas, photographs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.data.scenes.photographs import HELD_OUT, TRAIN, photograph

_SPECTRUM = (0.5, 1.6)  # exponents a of the amplitude 1/f^a
_WAVE = (0.008, 0.22)  # cycles per pixel at the size of drawing
_CONTRAST = (0.05, 0.6)


def photograph_cut(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    held_out: bool = False,
    names: Sequence[str] = TRAIN,
) -> NDArray[np.float32]:
    """Cut a part of a public-domain photograph, mirrored at its rims where it is too small.

    Args:
        rng: draws the photograph, the place, the flip and the colours.
        height: of the part.
        width: of the part.
        held_out: from the photographs that no training sees.
        names: of the photographs to draw from otherwise.

    Returns:
        (height, width, 3) float32 in [0, 1].
    """
    names = HELD_OUT if held_out else names
    picture = photograph(names[int(rng.integers(len(names)))])
    rows, columns = picture.shape[:2]
    top = int(rng.integers(max(rows - height, 0) + 1))
    left = int(rng.integers(max(columns - width, 0) + 1))
    part = picture[top : top + height, left : left + width]
    below, right = height - part.shape[0], width - part.shape[1]
    if below or right:
        part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return _other_colours(part.astype(np.float32) / np.float32(255), rng)


def _other_colours(part: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Permute and weigh the channels; a grey picture runs from one colour to another."""
    if part.ndim == 2:
        dark, light = rng.uniform(0, 0.4, 3), rng.uniform(0.55, 1, 3)
        part = (dark + part[..., None] * (light - dark)).astype(np.float32)
    gain = rng.uniform(0.5, 1.15, 3).astype(np.float32)
    return np.clip(part[..., rng.permutation(3)] * gain, 0, 1)


def palette(rng: np.random.Generator, *, held_out: bool = False) -> NDArray[np.float32]:
    """Draw six colours that occur together: pixels of one photograph, or any colours.

    Returns:
        (6, 3) float32 in [0, 1].
    """
    if rng.random() < 0.3:
        return rng.uniform(0, 1, (6, 3)).astype(np.float32)
    part = photograph_cut(rng, 200, 200, held_out=held_out)
    return part[rng.integers(200, size=6), rng.integers(200, size=6)]


def power_noise(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Noise whose amplitude falls as 1/f^a, a drawn anew; mean 0, standard deviation 0.4."""
    exponent = rng.uniform(*_SPECTRUM)
    white = np.fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    across = np.fft.rfftfreq(width)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], across)
    frequency[0, 0] = np.inf  # no mean
    field = np.fft.irfft2(white * frequency**-exponent, s=(height, width))
    return (field * (0.4 / max(float(field.std()), 1e-9))).astype(np.float32)


def wave(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Stripes in a random direction, soft or hard, in [-1, 1]."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    cycles = np.exp(rng.uniform(*np.log(_WAVE)))
    phase = 2 * np.pi * (cycles * (np.cos(angle) * columns + np.sin(angle) * rows) + rng.random())
    steepness = np.exp(rng.uniform(np.log(0.5), np.log(20)))
    return np.tanh(steepness * np.sin(phase)).astype(np.float32)


def surface(
    rng: np.random.Generator, height: int, width: int, colours: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Paint a plain, noisy or striped surface between the colours of a palette, shaded by a slope.

    Args:
        rng: draws everything.
        height: of the surface.
        width: of the surface.
        colours: (n, 3) in [0, 1].

    Returns:
        (height, width, 3) float32 in [0, 1].
    """
    first, second = colours[rng.integers(len(colours), size=2)]
    first = first * rng.uniform(0.6, 1.3) + rng.normal(0, 0.06, 3)
    kind = rng.random()
    if kind < 0.15:
        weight = np.zeros((height, width), np.float32)
    elif kind < 0.75:
        weight = power_noise(rng, height, width)
    else:
        weight = 0.5 * wave(rng, height, width)
    contrast = np.exp(rng.uniform(*np.log(_CONTRAST)))
    # towards another colour of the palette, or only brighter and darker
    target = second - first if rng.random() < 0.4 else np.ones(3)
    painted = first + contrast * weight[..., None] * target
    return np.clip(painted * _slope(rng, height, width), 0, 1).astype(np.float32)


def _slope(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Light that falls off along a direction."""
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    fall = rng.normal(0, 0.15, 2)
    return np.clip(1 + fall[0] * down + fall[1] * across, 0.4, 1.6)[..., None].astype(np.float32)
