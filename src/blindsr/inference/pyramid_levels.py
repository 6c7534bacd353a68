"""Sigma maps of a picture and of its reduced copies, merged to one.

An estimator can measure blur up to a limit. In a copy reduced N times a blur of b pixels is one of
b / N, so estimates there, times N, reach N times as far, but cannot measure less than N times the
least blur that it can see. At every pixel the finest level that is not saturated is the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.files import white_of
from blindsr.imaging.resize import downsample, upsample

AUTO_SIDE = 64
"""Shortest side of a copy by default."""
SMALLEST_SIDE = 16
"""Shortest side of a copy if the number of levels is given."""
TRUSTED, SATURATED = 0.6, 0.9
"""Shares of the limit: up to the first a level is used alone, from the second on not at all."""


class Level(NamedTuple):
    """The sigma map of one copy."""

    factor: int
    """How many times the copy is reduced."""
    blur: NDArray[np.float32]
    """(h, w) sigma, a pixel per pixel of the copy; in pixels of the input."""


def pyramid_factors(
    size: tuple[int, int], levels: int | None = None, *, first: int = 1
) -> tuple[int, ...]:
    """Return how many times the copies of a picture are reduced: 1, 2, 4, ...

    Args:
        size: height and width of the picture.
        levels: at most so many, down to a short side of :data:`SMALLEST_SIDE`; ``None``: down to
            :data:`AUTO_SIDE`.
        first: begin here instead of at 1.

    Returns:
        ``first`` and its doubles; always ``first`` itself.
    """
    least = AUTO_SIDE if levels is None else SMALLEST_SIDE
    factors = [first]
    while min(size) >= 2 * factors[-1] * least and (levels is None or len(factors) < levels):
        factors.append(2 * factors[-1])
    return tuple(factors)


def reduce_copy(image: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Reduce a picture without adding to its blur.

    The antialiased cubic has no variance: a Gaussian of b pixels becomes one of b / factor. The
    mean over blocks would make it sqrt(b^2 + (factor^2 - 1) / 12) / factor, a quarter too much at
    the sharp end of a level.

    Args:
        image: (H, W, 3) in [0, 1], or integers.
        factor: at least 1.

    Returns:
        (ceil(H / factor), ceil(W / factor), 3) in [0, 1]; mirrored at the ends to whole pixels.
    """
    padding = [(0, -side % factor) for side in image.shape[:2]]
    channels = []
    for channel in range(image.shape[2]):  # one at a time takes less memory
        plane = np.pad(
            image[..., channel].astype(np.float32) / white_of(image), padding, mode="symmetric"
        )
        channels.append(np.clip(downsample(plane, factor, "bicubic"), 0, 1))
    return np.stack(channels, axis=-1).astype(np.float32, copy=False)


def merge_levels(levels: Sequence[Level], limit: float) -> NDArray[np.float32]:
    """Merge the sigma maps of a picture and of its reduced copies.

    From the coarsest level to the finest, with L = ``limit`` times the factor of the level:

        merged = w sigma + (1 - w) max(0.6 L, coarser merged),
        w = 1 below 0.6 L, 0 above 0.9 L, a straight line between.

    Beyond 0.6 L a level still says that sigma is at least so much, hence the maximum. Coarser
    levels are enlarged bilinearly; pixel i of a copy lies at ``factor * i + (factor - 1) / 2`` of
    the input.

    Args:
        levels: from the finest to the coarsest; each factor a multiple of the one before, each map
            ceil(size / ratio) of the one before.
        limit: largest sigma that an estimator can measure, in pixels of its input.

    Returns:
        (h, w) of the first level, in pixels of the input, never negative.

    Raises:
        ConfigError: there is no level, a factor does not fit, or ``limit`` is not positive.
        DataError: the size of a map does not fit its factor.
    """
    if not limit > 0:
        raise ConfigError("limit", found=repr(limit), expected="a sigma above 0")
    _check_levels(levels)
    merged = np.maximum(levels[-1].blur, 0)
    for fine, coarse in reversed(list(pairwise(levels))):
        ratio = coarse.factor // fine.factor
        enlarged = upsample(merged, ratio, phase=(ratio - 1) / 2, method="bilinear")
        height, width = fine.blur.shape
        blur = np.maximum(fine.blur, 0)
        reach = limit * fine.factor
        merged = np.maximum(enlarged[:height, :width], TRUSTED * reach)
        merged += _trust(blur / reach) * (blur - merged)
    return merged.astype(np.float32, copy=False)


def _trust(share: NDArray[np.floating]) -> NDArray[np.floating]:
    """Weight of a level whose estimate is this share of its limit."""
    return np.clip((SATURATED - share) / (SATURATED - TRUSTED), 0, 1)


def _check_levels(levels: Sequence[Level]) -> None:
    check_factors([level.factor for level in levels])
    for fine, coarse in pairwise(levels):
        ratio = coarse.factor // fine.factor
        expected = tuple(-(-side // ratio) for side in fine.blur.shape)
        if coarse.blur.shape != expected:
            raise DataError(
                f"level {coarse.factor}",
                found=f"a map of shape {coarse.blur.shape}",
                expected=f"{expected}, as level {fine.factor} has {fine.blur.shape}",
            )


def check_factors(factors: Sequence[int]) -> None:
    """Refuse factors of which one is no multiple of the one before.

    Raises:
        ConfigError: one is no multiple of the one before or below 1, or there is none.
    """
    multiples = all(fine < coarse and coarse % fine == 0 for fine, coarse in pairwise(factors))
    if not factors or factors[0] < 1 or not multiples:
        raise ConfigError(
            "levels", found=repr(tuple(factors)), expected="factors such as (1, 2, 4)"
        )
