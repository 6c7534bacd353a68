"""Random draws that several degradation models share; all come from the generator passed in."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import numpy as np

from blindsr.degradation.random.noise import NoiseKind
from blindsr.degradation.random.operators import Interpolation
from blindsr.degradation.random.steps import Blur, GaussianNoise, Jpeg, SpeckleNoise

Choice = TypeVar("Choice")
_CORRELATED_LEVEL = 25  # fixed in the reference, whatever level was drawn
_SEEDS = 2**53  # JSON readers keep integers up to here


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a plain float of U(low, high)."""
    return float(rng.uniform(low, high))


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """Return a plain int from low to high, both included."""
    return int(rng.integers(low, high, endpoint=True))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return True with the given probability."""
    return bool(rng.random() < probability)


def choose(
    rng: np.random.Generator,
    options: tuple[Choice, ...],
    probabilities: tuple[float, ...] | None = None,
) -> Choice:
    """Return one of the options, equally likely unless told."""
    return options[int(rng.choice(len(options), p=probabilities))]


def seed(rng: np.random.Generator) -> int:
    """Return the seed of a noise field."""
    return int(rng.integers(_SEEDS))


def interpolation(rng: np.random.Generator) -> Interpolation:
    """Return linear, cubic or area."""
    return choose(rng, get_args(Interpolation))


def jpeg(rng: np.random.Generator) -> Jpeg:
    """Return quality 30 to 95."""
    return Jpeg(integer(rng, 30, 95))


def resize_direction(
    rng: np.random.Generator, up: float, down: float
) -> Literal["up", "down", "keep"]:
    """Return one of the three with the given probabilities, the rest for ``keep``."""
    return choose(rng, ("up", "down", "keep"), (up, down, 1.0 - up - down))


def bsrgan_blur(rng: np.random.Generator, scale: int) -> Blur:
    """Half anisotropic with *variances* U(0, 4 + s), half isotropic with *std* U(0, 2 + 0.2 s)."""
    size = 2 * integer(rng, 2, 11) + 3
    if chance(rng, 0.5):
        variances = rng.uniform(0.0, 4.0 + scale, size=2)
        theta = uniform(rng, 0.0, np.pi)
        return Blur(size, float(np.sqrt(variances[0])), float(np.sqrt(variances[1])), theta)
    sigma = uniform(rng, 0.0, 2.0 + 0.2 * scale)
    return Blur(size, sigma, sigma)


def bsrgan_gaussian(rng: np.random.Generator) -> GaussianNoise:
    """Additive noise of level 2 to 25: 40 % colour, 40 % grey, 20 % correlated."""
    kind, level, mixing = _noise(rng)
    return GaussianNoise(kind, level, seed(rng), mixing)


def bsrgan_speckle(rng: np.random.Generator) -> SpeckleNoise:
    """Multiplicative noise with the parameters of :func:`bsrgan_gaussian`."""
    kind, level, mixing = _noise(rng)
    return SpeckleNoise(kind, level, seed(rng), mixing)


def _noise(rng: np.random.Generator) -> tuple[NoiseKind, float, tuple[float, ...]]:
    kinds: tuple[NoiseKind, ...] = ("colour", "grey", "correlated")
    kind = choose(rng, kinds, (0.4, 0.4, 0.2))
    if kind == "correlated":
        return kind, float(_CORRELATED_LEVEL), _mixing(rng)
    return kind, float(integer(rng, 2, 25)), ()


def _mixing(rng: np.random.Generator) -> tuple[float, ...]:
    """Return ``|U' D U|``, D uniform in [0, 1], U an orthonormal basis of a uniform random matrix.

    The absolute value of a 3 x 3 positive semi-definite matrix, element by element, is one again.
    """
    spread = np.diag(rng.random(3))
    basis = np.linalg.svd(rng.random((3, 3)))[0]
    return tuple(np.abs(basis.T @ spread @ basis).ravel().tolist())
