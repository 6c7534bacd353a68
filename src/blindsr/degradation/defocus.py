"""Depth to defocus: the sigma map of a picture focused at one distance.

Closed form of the SYNDOF generator (Lee et al., CVPR 2019), whose focal length, aperture and
sensor cancel because the aperture is set so that the largest circle of confusion is ``C_max``:

    c(z) = round_0.1( C_max |1 - z_f / z| / max(|1 - z_f / z_near|, |1 - z_f / z_far|) )
    sigma(z) = (max(c, 1) - 1) / 4,   C_max = 4 sigma_max + 1

The formula is linear in inverse depth, so it is computed there: infinite depth is zero and needs
no care. The generator moves scenes closer than five focal lengths away from the camera before it
starts (in millimetres, below 0.25 to 0.43 m); a scale-free formula has no millimetres, so that
shift is left out. It would not fire on NYUv2 (0.7 m and more) nor on street scenes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError, DataError

COC_STEP = 0.1
"""Circles of confusion are rounded to this many pixels, which also defines the layers."""
FOCUS_RANK_STD = 0.256
"""Spread of the generator's focus rank: |N(0, 0.256)| of the depth values, from the nearest."""


def sigma_from_depth(
    depth: NDArray[np.floating],
    *,
    sigma_max: float,
    focus_rank: float | None = None,
    focus_depth: float | None = None,
    focus_by: Literal["pixel", "depth"] = "pixel",
) -> NDArray[np.float32]:
    """Return the defocus blur of every pixel, reaching exactly ``sigma_max`` somewhere.

    A scene of one single depth is in focus everywhere (all zero).

    Args:
        depth: (H, W), positive, any unit; ``inf`` is allowed (sky).
        sigma_max: largest sigma in pixels.
        focus_rank: focus on this quantile of depth, 0 = nearest pixel, 1 = farthest.
        focus_depth: or focus on this depth, in the unit of ``depth``.
        focus_by: whether a rank counts pixels or *distinct* depth values, as the generator does.
            With float depth both are the same; with depth in whole millimetres the second is
            nearer to a fraction of the depth range. Which one CMOS used is not published.

    Returns:
        (H, W) float32 nominal sigma in pixels, on a grid of 0.025.

    Raises:
        DataError: depth that is NaN, zero or negative, or not (H, W).
        ConfigError: not exactly one of ``focus_rank`` and ``focus_depth``, or out of range.
    """
    if not (np.isfinite(sigma_max) and sigma_max > 0):
        raise ConfigError("sigma_max", found=repr(sigma_max), expected="a positive number")
    inverse = inverse_depth(depth)
    inverse_focus = _inverse_focus(inverse, focus_rank, focus_depth, focus_by)
    distance = np.abs(inverse - inverse_focus)
    largest = distance.max()
    if largest == 0:
        return np.zeros(depth.shape, np.float32)
    coc = _round_half_up((4 * sigma_max + 1) * distance / largest, COC_STEP)
    # The rounding must not push the far end off the promised maximum when C_max is off the grid.
    coc[distance == largest] = 4 * sigma_max + 1
    return sigma_from_coc(coc, sigma_max)


def sigma_from_coc(coc: NDArray[np.float64], sigma_max: float) -> NDArray[np.float32]:
    """Return ``(max(c, 1) - 1) / 4`` limited to ``sigma_max``; c is a diameter in pixels."""
    return np.minimum((np.maximum(coc, 1.0) - 1.0) / 4.0, sigma_max).astype(np.float32)


def sample_focus_rank(rng: np.random.Generator) -> float:
    """Draw a focus rank in [0, 1]: |N(0, 0.256)|, redrawn above 1; biased to the near third."""
    while True:
        rank = abs(float(rng.normal(0.0, FOCUS_RANK_STD)))
        if rank <= 1.0:
            return rank


def sample_uniform_sigma(rng: np.random.Generator, sigma_max: float) -> float:
    """Draw the sigma of an invariantly blurred image (IVA): U[0, sigma_max], rounded to 0.1."""
    return min(round(float(rng.uniform(0.0, sigma_max)), 1), sigma_max)


def inverse_depth(depth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return 1 / depth in float64, zero at infinity.

    Raises:
        DataError: depth that is NaN, zero or negative, or not (H, W).
    """
    if depth.ndim != 2 or depth.size == 0:
        raise DataError("depth", found=f"shape {depth.shape}", expected="(H, W)")
    bad = np.count_nonzero(~(depth > 0))  # NaN compares false
    if bad:
        raise DataError(
            "depth",
            found=f"{bad} of {depth.size} pixels that are NaN, zero or negative",
            expected="positive depth (inf for sky)",
            fix="Fill the holes first",
        )
    return 1.0 / depth.astype(np.float64)


def _inverse_focus(
    inverse: NDArray[np.float64],
    focus_rank: float | None,
    focus_depth: float | None,
    focus_by: Literal["pixel", "depth"],
) -> float:
    if (focus_rank is None) == (focus_depth is None):
        raise ConfigError(
            "focus", found=f"rank {focus_rank} and depth {focus_depth}", expected="exactly one"
        )
    if focus_depth is not None:
        if not focus_depth > 0:
            raise ConfigError("focus_depth", found=repr(focus_depth), expected="a positive depth")
        return 1.0 / focus_depth
    if focus_rank is None or not 0.0 <= focus_rank <= 1.0:
        raise ConfigError("focus_rank", found=repr(focus_rank), expected="a number in [0, 1]")
    if focus_by not in ("pixel", "depth"):
        raise ConfigError("focus_by", found=repr(focus_by), expected="pixel or depth")
    values = np.unique(inverse) if focus_by == "depth" else inverse.ravel()
    index = round((1.0 - focus_rank) * (values.size - 1))  # nearest = largest inverse depth
    return float(np.partition(values, index)[index])


def _round_half_up(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Round like MATLAB; the tiny term keeps k + 0.5 from falling below itself in binary."""
    return np.floor(values / step + 0.5 + 1e-9) * step
