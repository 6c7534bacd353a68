"""BSRGAN-plus: the operations of BSRGAN twice, with the noises and the sharpening of Real-ESRGAN.

As ``degradation_bsrgan_plus`` of the BSRGAN authors, the code behind "BSRGAN + Real-ESRGAN" in
FeMaSR and PBaSR. The camera pipeline (probability 0.1, twice) is left out: its model was never
released and it did nothing there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random import draws
from blindsr.degradation.random.recipe import (
    Degraded,
    Recipe,
    apply_recipe,
    checked_scale,
    shuffled,
)
from blindsr.degradation.random.steps import PoissonNoise, Resize, Sharpen, Step
from blindsr.errors import ConfigError

_POISSON = 0.1
_SPECKLE = 0.1
Draws = list[Callable[[], list[Step]]]


def sample_bsrgan_plus(
    rng: np.random.Generator,
    *,
    scale: int = 4,
    shuffle_prob: float = 0.5,
    use_sharp: bool = True,
) -> Recipe:
    """Draw a recipe: blur, resize, noises, JPEG, blur, resize, noises; then resize to LR and JPEG.

    Args:
        rng: the only source of randomness.
        scale: LR is this many times smaller.
        shuffle_prob: chance that all operations are shuffled; else only those within each group
            of noises (Gaussian always, Poisson and speckle one time in ten).
        use_sharp: sharpen HR first; the sharpened HR is the target. True in BSRGAN, FeMaSR and
            PBaSR, False in KAIR.

    Raises:
        ConfigError: ``scale`` is not an integer of at least 1, or ``shuffle_prob`` no probability.
    """
    scale = checked_scale(scale)
    if not 0 <= shuffle_prob <= 1:
        raise ConfigError("shuffle_prob", found=repr(shuffle_prob), expected="0 to 1")
    noises = _noises(rng)
    blur_and_resize: Draws = [
        lambda: [draws.bsrgan_blur(rng, scale)],
        lambda: [_resize(rng, scale)],
    ]
    compress: Draws = [lambda: [draws.jpeg(rng)]]
    if draws.chance(rng, shuffle_prob):
        steps = shuffled(rng, 2 * (blur_and_resize + noises) + compress)
    else:
        steps = _in_order(blur_and_resize) + shuffled(rng, noises) + _in_order(compress)
        steps += _in_order(blur_and_resize) + shuffled(rng, noises)
    steps += [Resize(1.0, "lr", draws.interpolation(rng)), draws.jpeg(rng)]
    return Recipe("bsrgan_plus", scale, tuple(steps), Sharpen() if use_sharp else None)


def degrade_bsrgan_plus(
    hr: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    scale: int = 4,
    shuffle_prob: float = 0.5,
    use_sharp: bool = True,
) -> Degraded:
    """Draw a recipe and apply it, see :func:`sample_bsrgan_plus` and ``apply_recipe``.

    Returns:
        LR of 8 bit (H // scale, W // scale, 3), HR cropped and sharpened, the recipe.
    """
    recipe = sample_bsrgan_plus(rng, scale=scale, shuffle_prob=shuffle_prob, use_sharp=use_sharp)
    return apply_recipe(hr, recipe)


def _noises(rng: np.random.Generator) -> Draws:
    return [
        lambda: [draws.bsrgan_gaussian(rng)],
        lambda: [_poisson(rng)] if draws.chance(rng, _POISSON) else [],
        lambda: [draws.bsrgan_speckle(rng)] if draws.chance(rng, _SPECKLE) else [],
    ]


def _in_order(parts: Draws) -> list[Step]:
    return [step for draw in parts for step in draw()]


def _resize(rng: np.random.Generator, scale: int) -> Resize:
    direction = draws.resize_direction(rng, up=0.2, down=0.7)
    factor = 1.0
    if direction == "up":
        factor = draws.uniform(rng, 1.0, 2.0)
    elif direction == "down":
        factor = draws.uniform(rng, 0.5 / scale, 1.0)
    return Resize(factor, "image", draws.interpolation(rng))


def _poisson(rng: np.random.Generator) -> PoissonNoise:
    photons = 10.0 ** draws.uniform(rng, 2.0, 4.0)
    return PoissonNoise(photons, draws.chance(rng, 0.5), draws.seed(rng))
