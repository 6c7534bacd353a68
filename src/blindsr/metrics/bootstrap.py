"""Bootstrap intervals: what a mean over pictures (and seeds) would be, had others been drawn.

The only bootstrap of the library: ``blindsr benchmark`` and the scripts in ``benchmarks/`` use it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 4000
LEVEL = 95.0
Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From how often each picture counts, (D, pictures), to a value by seed and draw, (seeds, D)."""


class Interval(NamedTuple):
    """A mean and where it would lie, 19 times of 20, had other such pictures been taken."""

    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether it lies on one side of zero; never where there is no interval."""
        return self.low > 0 or self.high < 0


def bootstrap(
    statistic: Statistic, pictures: int, seeds: int = 1, *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Percentile interval of the mean over the seeds of a statistic of pictures.

    Pictures and, where there are several, seeds are drawn again, with replacement. For a paired
    interval the statistic is that of the differences. The same pictures are drawn for equal
    ``pictures``, ``draws`` and ``seed``.

    Args:
        statistic: see :data:`Statistic`; NaN for a draw that it is not defined for.
        pictures: number of pictures; fewer than two have no interval (NaN).
        seeds: number of seeds.
        draws: D.
        seed: of the draws.
    """
    once = np.ones((1, pictures))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice|All-NaN")
        mean = float(np.nanmean(statistic(once)))
        if pictures < 2:
            return Interval(mean, np.nan, np.nan)
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws)
        values = statistic(weights.astype(np.float64))
        of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws).T
        valid = np.isfinite(values)
        counts = (of_seeds * valid).sum(0)
        total = (of_seeds * np.where(valid, values, 0.0)).sum(0)
        means = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
        low, high = np.nanpercentile(means, [50 - LEVEL / 2, 50 + LEVEL / 2])
    return Interval(mean, float(low), float(high))


def mean_interval(values: Floats, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Interval of the mean of one number for each picture, (pictures,) or (seeds, pictures)."""
    rows = np.atleast_2d(np.asarray(values, np.float64))
    return bootstrap(mean_of(rows[None]), rows.shape[1], len(rows), draws=draws, seed=seed)


def mean_of(values: Floats) -> Statistic:
    """Mean over groups of the means over pictures, as the papers average.

    Args:
        values: (groups, seeds, pictures); those that are not finite do not count.
    """
    valid = np.isfinite(values)
    finite = np.where(valid, values, 0.0)

    def statistic(weights: Floats) -> Floats:
        counts = valid.astype(np.float64) @ weights.T  # (groups, seeds, D)
        means = np.where(counts > 0, finite @ weights.T / np.maximum(counts, 1e-12), np.nan)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Mean of empty slice")
            return np.nanmean(means, axis=0)

    return statistic
