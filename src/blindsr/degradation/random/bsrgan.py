"""BSRGAN: blur, down-sampling, noise and JPEG in random order.

Zhang et al., "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution",
ICCV 2021, as the authors' code has it. The camera pipeline (probability 0.25) is left out: its
model was never released and it did nothing there; the order of the others is not changed by that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random import draws
from blindsr.degradation.random.recipe import Degraded, Recipe, apply_recipe, checked_scale
from blindsr.degradation.random.steps import BlurAndStride, MatlabHalve, Resize, Step

_HALVE_FIRST = 0.25
_JPEG = 0.9
_STRIDED = 0.25
_STRIDED_TAPS = 25
_BLUR, _DOWN, _FINISH, _NOISE, _COMPRESS = range(5)


def sample_bsrgan(rng: np.random.Generator, *, scale: int = 4) -> Recipe:
    """Draw a recipe.

    At scale 4, a quarter of the images is halved first and then treated as scale 2. Two blurs, a
    down-sampling to any size (2), a resize to LR (3), Gaussian noise and JPEG follow in random
    order, 2 and 3 swapped where 3 came first; a last JPEG ends it.

    Raises:
        ConfigError: ``scale`` is not an integer of at least 1.
    """
    scale = checked_scale(scale)
    steps: list[Step] = []
    remaining = scale
    if scale == 4 and draws.chance(rng, _HALVE_FIRST):
        steps.append(_halve(rng))
        remaining = 2
    for operation in _order(rng):
        steps += _draw(rng, operation, remaining)
    steps.append(draws.jpeg(rng))
    return Recipe("bsrgan", scale, tuple(steps))


def degrade_bsrgan(
    hr: NDArray[np.float32], rng: np.random.Generator, *, scale: int = 4
) -> Degraded:
    """Draw a recipe and apply it, see :func:`sample_bsrgan` and ``apply_recipe``.

    Returns:
        LR of 8 bit (H // scale, W // scale, 3), HR cropped to multiples of ``scale``, the recipe.
    """
    return apply_recipe(hr, sample_bsrgan(rng, scale=scale))


def _order(rng: np.random.Generator) -> list[int]:
    operations = rng.permutation([_BLUR, _BLUR, _DOWN, _FINISH, _NOISE, _COMPRESS]).tolist()
    down, finish = operations.index(_DOWN), operations.index(_FINISH)
    if down > finish:
        operations[down], operations[finish] = _FINISH, _DOWN
    return operations


def _draw(rng: np.random.Generator, operation: int, scale: int) -> list[Step]:
    if operation == _BLUR:
        return [draws.bsrgan_blur(rng, scale)]
    if operation == _DOWN:
        return [_down(rng, scale)]
    if operation == _FINISH:
        return [Resize(1.0, "lr", draws.interpolation(rng))]
    if operation == _NOISE:
        return [draws.bsrgan_gaussian(rng)]
    return [draws.jpeg(rng)] if draws.chance(rng, _JPEG) else []


def _halve(rng: np.random.Generator) -> Step:
    if draws.chance(rng, 0.5):
        return Resize(0.5, "image", draws.interpolation(rng))
    return MatlabHalve()


def _down(rng: np.random.Generator, scale: int) -> Step:
    if draws.chance(rng, _STRIDED):
        return BlurAndStride(_STRIDED_TAPS, draws.uniform(rng, 0.1, 0.6 * scale), scale)
    factor = 1.0 / draws.uniform(rng, 1.0, 2.0 * scale)
    return Resize(factor, "image", draws.interpolation(rng))
