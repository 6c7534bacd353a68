"""The degradations by the names that configurations use; an entry in the table adds one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random.bsrgan import sample_bsrgan
from blindsr.degradation.random.bsrgan_plus import sample_bsrgan_plus
from blindsr.degradation.random.realesrgan import sample_realesrgan
from blindsr.degradation.random.recipe import Recipe, apply_recipe
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import Downsampler, downsample


class Degradation(NamedTuple):
    """How the LR of a picture is made; one that has no function only down-samples."""

    downsampler: Downsampler = "bicubic"
    """Whose phase LR has: all random models resize about pixel centres."""
    make: Callable[..., NDArray[np.float32]] | None = None
    """``make(hr, rng, *, scale) -> lr``: (H, W, 3) float32 in [0, 1] to (H / scale, W / scale, 3),
    random by ``rng`` alone; what it gives is clipped and rounded to 8 bit."""
    draw: Callable[..., Recipe] | None = None
    """``draw(rng, *, scale, use_sharp) -> recipe``, which may sharpen HR."""
    make_blurred: Callable[..., tuple[NDArray[np.float32], NDArray[np.float32]]] | None = None
    """``make_blurred(hr, rng, *, scale) -> lr, sigma``, as ``make``, with the (H, W) sigma map."""


def _bsrgan(rng: np.random.Generator, *, scale: int, use_sharp: bool) -> Recipe:
    """It never sharpens."""
    del use_sharp
    return sample_bsrgan(rng, scale=scale)


DEGRADATIONS: dict[str, Degradation] = {
    "bsrgan": Degradation(draw=_bsrgan),
    "bsrgan_plus": Degradation(draw=sample_bsrgan_plus),
    "realesrgan": Degradation(draw=sample_realesrgan),
    "bicubic": Degradation("bicubic"),
    "area": Degradation("area"),
    "sfold": Degradation("sfold"),
}
"""Three random models, three down-samplings, and what users add: ``DEGRADATIONS["mine"] = ...``."""


class NamedResult(NamedTuple):
    """A pair and how it was made."""

    lr: NDArray[np.float32]
    """(h, w, 3) in [0, 1]; multiples of 1/255."""
    hr: NDArray[np.float32]
    """(scale * h, scale * w, 3): what the LR is to become; sharpened if the recipe says so."""
    recipe: Recipe | None
    """None where none was drawn."""
    blur: NDArray[np.float32] | None = None
    """(scale * h, scale * w) sigma in HR pixels, where the degradation knows it."""


Named = str | Degradation
"""A name of the table, or an entry that has none."""


def degradation_of(name: Any) -> Degradation:
    """Return the entry of the table; an entry is itself.

    Raises:
        ConfigError: there is no such degradation.
    """
    if isinstance(name, Degradation):
        return name
    if not isinstance(name, str) or name not in DEGRADATIONS:
        expected = f"one of {', '.join(DEGRADATIONS)}"
        raise ConfigError("degradation", found=repr(name), expected=expected)
    return DEGRADATIONS[name]


def checked_degradation(name: Named) -> Named:
    """Return ``name``; raises as :func:`degradation_of` does."""
    degradation_of(name)
    return name


def downsampler_of(name: Named) -> Downsampler:
    """Return the down-sampler whose phase LR has."""
    return degradation_of(name).downsampler


def sample_recipe(
    name: Named, rng: np.random.Generator, *, scale: int, sharpen: bool = True
) -> Recipe | None:
    """Draw the recipe of a random model; None where the degradation has none.

    Args:
        name: of the degradation, or an entry of the table.
        rng: the only source of randomness.
        scale: LR is this many times smaller.
        sharpen: let ``bsrgan_plus`` and ``realesrgan`` sharpen HR first, as in training.
            ``bsrgan`` never does.

    Raises:
        ConfigError: there is no such degradation.
    """
    draw = degradation_of(name).draw
    return None if draw is None else draw(rng, scale=scale, use_sharp=sharpen)


def degrade_by_name(
    hr: NDArray[np.float32],
    name: Named,
    rng: np.random.Generator,
    *,
    scale: int,
    sharpen: bool = True,
) -> NamedResult:
    """Make the LR of a picture.

    HR loses the rows at the bottom and the columns at the right that are no multiple of the scale.

    Args:
        hr: (H, W, 3) float32 in [0, 1]; not modified.
        name: of the degradation, or an entry of the table.
        rng: the only source of randomness.
        scale: LR is this many times smaller.
        sharpen: see :func:`sample_recipe`.

    Raises:
        ConfigError: there is no such degradation.
        DataError: a random model got a picture below 16 pixels or 4 LR pixels, or one of a user
            made something else than the LR.
    """
    recipe = sample_recipe(name, rng, scale=scale, sharpen=sharpen)
    if recipe is not None:
        made = apply_recipe(hr, recipe)
        return NamedResult(made.lr, made.hr, recipe)
    height, width = (length // scale * scale for length in hr.shape[:2])
    target = np.ascontiguousarray(hr[:height, :width])
    entry, blur = degradation_of(name), None
    if entry.make_blurred is not None:
        lr, blur = entry.make_blurred(target, rng, scale=scale)
    elif entry.make is None:
        lr = downsample(target, scale, entry.downsampler)
    else:
        lr = np.asarray(entry.make(target.copy(), rng, scale=scale))
        wanted = (height // scale, width // scale, 3)
        if lr.shape != wanted or not np.isfinite(lr).all():
            found = f"{lr.shape}" if lr.shape != wanted else "NaN or infinite values"
            raise DataError(f"degradation {name}", found=found, expected=f"finite, {wanted}")
    on_levels = np.rint(np.clip(lr, 0.0, 1.0) * np.float32(255)) / np.float32(255)
    return NamedResult(on_levels.astype(np.float32, copy=False), target, None, blur)
