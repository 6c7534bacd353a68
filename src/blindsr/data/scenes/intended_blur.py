"""Makes intended blur, the defocus of a wide aperture, from a sharp picture and its depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.data.files.masks import Mask, mask_from_sigma
from blindsr.degradation.defocus import sample_focus_rank, sigma_from_depth
from blindsr.degradation.gather import gather_blur
from blindsr.degradation.layered import layered_blur
from blindsr.degradation.paired import Operator
from blindsr.errors import ConfigError
from blindsr.imaging.files import to_uint8

_TRIES = 8
_COC_STEP = 0.5  # a quarter of it takes five times as long


class IntendedBlur(NamedTuple):
    """A picture whose blur is meant to be there."""

    hr: NDArray[np.uint8]
    """(H, W, 3)."""
    mask: Mask
    """(H, W), 1 sharp, 0 blurred."""
    blur: NDArray[np.float32]
    """(H, W) nominal sigma in pixels."""


def intended_defocus(
    rgb: NDArray[np.uint8],
    depth: NDArray[np.floating],
    rng: np.random.Generator,
    *,
    sigma_max: float,
    threshold: float = 1.0,
    least: float = 0.05,
    most: float = 0.8,
    operator: Operator = "layered",
) -> IntendedBlur:
    """Focus on a random depth and blur the rest, with a random aperture.

    The largest sigma is uniform between half of ``sigma_max`` and all of it, the focus is drawn as
    in the data sets of CMOS (:func:`~blindsr.degradation.defocus.sample_focus_rank`). Both are
    drawn again, up to eight times, while the blurred share is below ``least`` or above ``most``;
    for a picture where no draw fits (one flat wall) the nearest one is kept.

    Args:
        rgb: (H, W, 3) sharp picture.
        depth: (H, W), positive, any unit, ``inf`` allowed.
        rng: the only source of randomness.
        sigma_max: largest sigma in pixels.
        threshold: the mask is sharp where sigma is below.
        least: blurred share; the defaults are those of the pictures that ReBlurSR took in.
        most: blurred share.
        operator: "layered" composes depth layers, so that a sharp subject leaves no halo in the
            blurred background; "gather" is several times faster and does leave one.

    Raises:
        ConfigError: ``threshold`` not below half of ``sigma_max``, shares out of order, or an
            unknown operator.
        DataError: depth that is not positive, or of another shape.
    """
    if not 0 < threshold < sigma_max / 2:
        raise ConfigError(
            "threshold", found=f"{threshold:g}", expected=f"below sigma_max / 2 = {sigma_max / 2:g}"
        )
    if not 0 <= least <= most <= 1:
        raise ConfigError("least, most", found=f"{least}, {most}", expected="0 to 1, in order")

    def excess(blur: NDArray[np.float32]) -> float:
        share = float((blur >= threshold).mean())
        return max(least - share, share - most, 0.0)

    blur, strength = _draw(depth, rng, sigma_max, excess)
    picture = rgb.astype(np.float32) / np.float32(255)
    if operator == "layered":
        blurred = layered_blur(picture, blur, depth, sigma_max=strength, merge_coc=_COC_STEP)
    elif operator == "gather":
        blurred = gather_blur(picture, blur, sigma_max=strength)
    else:
        raise ConfigError("operator", found=repr(operator), expected="gather or layered")
    return IntendedBlur(to_uint8(blurred), mask_from_sigma(blur, threshold=threshold), blur)


def _draw(
    depth: NDArray[np.floating],
    rng: np.random.Generator,
    sigma_max: float,
    excess: Callable[[NDArray[np.float32]], float],
) -> tuple[NDArray[np.float32], float]:
    """Return the first blur map without ``excess``, else the least bad one, and its range."""
    found: list[tuple[float, NDArray[np.float32], float]] = []
    while len(found) < _TRIES and not (found and found[-1][0] == 0):
        # a few steps, because the blur windows of every strength are kept
        strength = sigma_max * (1 + int(rng.integers(9)) / 8) / 2
        blur = sigma_from_depth(depth, sigma_max=strength, focus_rank=sample_focus_rank(rng))
        found.append((excess(blur), blur, strength))
    _, blur, strength = min(found, key=lambda one: one[0])
    return blur, strength
