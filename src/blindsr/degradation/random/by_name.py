"""The degradations by the names that configurations use."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random.bsrgan import sample_bsrgan
from blindsr.degradation.random.bsrgan_plus import sample_bsrgan_plus
from blindsr.degradation.random.realesrgan import sample_realesrgan
from blindsr.degradation.random.recipe import Recipe, apply_recipe
from blindsr.errors import ConfigError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler, downsample

Degradation = Literal["bsrgan", "bsrgan_plus", "realesrgan", "bicubic", "area", "sfold"]
"""Three random models, and three down-samplings that do nothing else."""
DEGRADATIONS: tuple[Degradation, ...] = (
    "bsrgan",
    "bsrgan_plus",
    "realesrgan",
    "bicubic",
    "area",
    "sfold",
)


class NamedResult(NamedTuple):
    """A pair and how it was made."""

    lr: NDArray[np.float32]
    """(h, w, 3) in [0, 1]; multiples of 1/255."""
    hr: NDArray[np.float32]
    """(scale * h, scale * w, 3): what the LR is to become; sharpened if the recipe says so."""
    recipe: Recipe | None
    """None where nothing is random."""


def checked_degradation(name: str) -> Degradation:
    """Return ``name``.

    Raises:
        ConfigError: there is no such degradation.
    """
    for known in DEGRADATIONS:
        if name == known:
            return known
    raise ConfigError("degradation", found=repr(name), expected=f"one of {', '.join(DEGRADATIONS)}")


def downsampler_of(name: Degradation) -> Downsampler:
    """Return the down-sampler whose phase LR has: all random models resize about pixel centres."""
    for known in DOWNSAMPLERS:
        if name == known:
            return known
    return "bicubic"


def sample_recipe(
    name: Degradation, rng: np.random.Generator, *, scale: int, sharpen: bool = True
) -> Recipe | None:
    """Draw the recipe of a random model; None for a plain down-sampling.

    Args:
        name: of the degradation.
        rng: the only source of randomness.
        scale: LR is this many times smaller.
        sharpen: let ``bsrgan_plus`` and ``realesrgan`` sharpen HR first, as in training.
            ``bsrgan`` never does.

    Raises:
        ConfigError: there is no such degradation.
    """
    if name == "bsrgan":
        return sample_bsrgan(rng, scale=scale)
    if name == "bsrgan_plus":
        return sample_bsrgan_plus(rng, scale=scale, use_sharp=sharpen)
    if name == "realesrgan":
        return sample_realesrgan(rng, scale=scale, use_sharp=sharpen)
    checked_degradation(name)
    return None


def degrade_by_name(
    hr: NDArray[np.float32],
    name: Degradation,
    rng: np.random.Generator,
    *,
    scale: int,
    sharpen: bool = True,
) -> NamedResult:
    """Make the LR of a picture.

    HR loses the rows at the bottom and the columns at the right that are no multiple of the scale.

    Args:
        hr: (H, W, 3) float32 in [0, 1]; not modified.
        name: of the degradation.
        rng: the only source of randomness.
        scale: LR is this many times smaller.
        sharpen: see :func:`sample_recipe`.

    Raises:
        ConfigError: there is no such degradation.
        DataError: a random model got a picture below 16 pixels or 4 LR pixels.
    """
    recipe = sample_recipe(name, rng, scale=scale, sharpen=sharpen)
    if recipe is not None:
        made = apply_recipe(hr, recipe)
        return NamedResult(made.lr, made.hr, recipe)
    height, width = (length // scale * scale for length in hr.shape[:2])
    target = np.ascontiguousarray(hr[:height, :width])
    lr = np.clip(downsample(target, scale, downsampler_of(name)), 0.0, 1.0)
    on_levels = np.rint(lr * np.float32(255)) / np.float32(255)
    return NamedResult(on_levels.astype(np.float32, copy=False), target, None)
