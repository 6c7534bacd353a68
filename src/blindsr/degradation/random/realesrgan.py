"""Real-ESRGAN: blur, resize, noise and JPEG, twice, with ringing at the end.

Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
ICCVW 2021, with the parameters of the published x4 training. Three things differ from the
authors' code: JPEG is libjpeg's on 8 bit instead of a differentiable one on floats, so its quality
is an integer; one image is treated at a time; the flip, the crop to 400 and 256 pixels and the
pool of 180 pairs belong to the training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random import draws
from blindsr.degradation.random.operators import TorchMode
from blindsr.degradation.random.recipe import Degraded, Recipe, apply_recipe, checked_scale
from blindsr.degradation.random.steps import (
    Blur,
    GaussianNoise,
    Quantise,
    ScaledPoissonNoise,
    Sharpen,
    Sinc,
    Step,
    TorchResize,
)

Shape = Literal["gaussian", "generalised", "plateau"]
_KERNELS: tuple[tuple[Shape, bool], ...] = (
    ("gaussian", True),
    ("gaussian", False),
    ("generalised", True),
    ("generalised", False),
    ("plateau", True),
    ("plateau", False),
)
"""Shape, and whether it is isotropic."""
_KERNEL_SHARES = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
_BETA_RANGES = {"generalised": (0.5, 4.0), "plateau": (1.0, 2.0)}
_SINC = 0.1
_FINAL_SINC = 0.8
_SECOND_BLUR = 0.8
_GAUSSIAN = 0.5
_GREY = 0.4


@dataclass(frozen=True)
class _Order:
    """Ranges of one of the two passes."""

    sigma: tuple[float, float]
    up: float
    down: float
    factor: tuple[float, float]
    relative_to: Literal["image", "lr"]
    gaussian: tuple[float, float]
    poisson: tuple[float, float]


_FIRST = _Order((0.2, 3.0), 0.2, 0.7, (0.15, 1.5), "image", (1.0, 30.0), (0.05, 3.0))
_SECOND = _Order((0.2, 1.5), 0.3, 0.4, (0.3, 1.2), "lr", (1.0, 25.0), (0.05, 2.5))


def sample_realesrgan(
    rng: np.random.Generator, *, scale: int = 4, use_sharp: bool = True
) -> Recipe:
    """Draw a recipe.

    Args:
        rng: the only source of randomness.
        scale: LR is this many times smaller.
        use_sharp: sharpen HR first, as the authors do; the sharpened HR is the target.

    Raises:
        ConfigError: ``scale`` is not an integer of at least 1.
    """
    scale = checked_scale(scale)
    steps: list[Step] = [_blur(rng, _FIRST), _resize(rng, _FIRST), _noise(rng, _FIRST)]
    steps.append(draws.jpeg(rng))
    if draws.chance(rng, _SECOND_BLUR):
        steps.append(_blur(rng, _SECOND))
    steps += [_resize(rng, _SECOND), _noise(rng, _SECOND)]
    ending: list[Step] = [TorchResize(1.0, "lr", _mode(rng))]
    if draws.chance(rng, _FINAL_SINC):
        ending.append(Sinc(_kernel_size(rng), draws.uniform(rng, math.pi / 3, math.pi)))
    compress = draws.jpeg(rng)
    steps += [*ending, compress] if draws.chance(rng, 0.5) else [compress, *ending]
    steps.append(Quantise())
    return Recipe("realesrgan", scale, tuple(steps), Sharpen() if use_sharp else None)


def degrade_realesrgan(
    hr: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    scale: int = 4,
    use_sharp: bool = True,
) -> Degraded:
    """Draw a recipe and apply it, see :func:`sample_realesrgan` and ``apply_recipe``.

    Returns:
        LR of 8 bit (H // scale, W // scale, 3), HR cropped and sharpened, the recipe.
    """
    return apply_recipe(hr, sample_realesrgan(rng, scale=scale, use_sharp=use_sharp))


def _kernel_size(rng: np.random.Generator) -> int:
    return 2 * draws.integer(rng, 3, 10) + 1


def _blur(rng: np.random.Generator, order: _Order) -> Blur | Sinc:
    size = _kernel_size(rng)
    if draws.chance(rng, _SINC):
        lowest = math.pi / 3 if size < 13 else math.pi / 5
        return Sinc(size, draws.uniform(rng, lowest, math.pi))
    shape, isotropic = draws.choose(rng, _KERNELS, _KERNEL_SHARES)
    sigma_x = sigma_y = draws.uniform(rng, *order.sigma)
    theta = 0.0
    if not isotropic:
        sigma_y = draws.uniform(rng, *order.sigma)
        theta = draws.uniform(rng, -math.pi, math.pi)
    return Blur(size, sigma_x, sigma_y, theta, shape, _beta(rng, shape))


def _beta(rng: np.random.Generator, shape: Shape) -> float:
    """Return U(low, 1) or U(1, high), equally likely: half of all plateaus have exactly 1."""
    if shape == "gaussian":
        return 1.0
    low, high = _BETA_RANGES[shape]
    return draws.uniform(rng, low, 1.0) if draws.chance(rng, 0.5) else draws.uniform(rng, 1.0, high)


def _resize(rng: np.random.Generator, order: _Order) -> TorchResize:
    direction = draws.resize_direction(rng, order.up, order.down)
    factor = 1.0
    if direction == "up":
        factor = draws.uniform(rng, 1.0, order.factor[1])
    elif direction == "down":
        factor = draws.uniform(rng, order.factor[0], 1.0)
    return TorchResize(factor, order.relative_to, _mode(rng))


def _mode(rng: np.random.Generator) -> TorchMode:
    return draws.choose(rng, get_args(TorchMode))


def _noise(rng: np.random.Generator, order: _Order) -> GaussianNoise | ScaledPoissonNoise:
    gaussian, grey = draws.chance(rng, _GAUSSIAN), draws.chance(rng, _GREY)
    if gaussian:
        level = draws.uniform(rng, *order.gaussian)
        return GaussianNoise("grey" if grey else "colour", level, draws.seed(rng))
    return ScaledPoissonNoise(draws.uniform(rng, *order.poisson), grey, draws.seed(rng))
