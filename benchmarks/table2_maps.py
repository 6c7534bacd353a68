"""Where the maps of the methods of a table are right: flat, textured, near depth edges.

Regions are decided by the truth of each picture: 4 pixels around jumps of depth by a fifth or more
are edges; of the rest the half with more local contrast is textured, the other one flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.metrics.bootstrap import Interval, bootstrap, mean_of
from blindsr.metrics.edges import edge_distance

REGIONS = ("flat", "textured", "depth edges")
EDGE, NEAR, WINDOW = np.log(1.2), 4, 7
UNIFORM = 0.05  # range of sigma, as the tasks have it
Floats = NDArray[np.float64]


class Picture(NamedTuple):
    """A test picture: arrays (H, W) at HR size."""

    name: str
    group: str
    luma: NDArray[np.float32]
    depth: NDArray[np.float32]
    sigma: NDArray[np.float32]

    @property
    def uniform(self) -> bool:
        """Whether one sigma holds everywhere."""
        return float(np.ptp(self.sigma)) <= UNIFORM


def regions(picture: Picture) -> dict[str, NDArray[np.bool_]]:
    """Masks that share out a picture."""
    near = edge_distance(np.log(picture.depth), EDGE) <= NEAR
    mean = cv2.blur(picture.luma, (WINDOW, WINDOW))
    contrast = cv2.blur(picture.luma**2, (WINDOW, WINDOW)) - mean**2
    rest = contrast[~near]
    busy = contrast > (np.median(rest) if rest.size else 0.0)
    return {"flat": ~near & ~busy, "textured": ~near & busy, "depth edges": near}


def errors(picture: Picture, estimate: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """Mean absolute and mean signed error of sigma by region, and of the whole picture."""
    off = estimate.astype(np.float64) - picture.sigma
    masks = {"all": np.ones(off.shape, bool), **regions(picture)}
    return {
        name: (float(np.abs(off[mask]).mean()), float(off[mask].mean()))
        for name, mask in masks.items()
        if mask.any()
    }


class Found(NamedTuple):
    """Errors of one method: by seed, then (group, name) of a picture, then region."""

    by_seed: Mapping[int, Mapping[tuple[str, str], Mapping[str, tuple[float, float]]]]

    def array(self, units: list[str], keep: set[tuple[str, str]], region: str, of: int) -> Floats:
        """(groups, seeds, pictures) of chosen pictures; NaN where there is no such pixel."""
        groups = sorted({group for group, _ in keep})
        nothing = (np.nan, np.nan)

        def one(seed: int, group: str, name: str) -> float:
            key = (group, name)
            found = self.by_seed[seed].get(key, {}) if key in keep else {}
            return found.get(region, nothing)[of]

        cells = [[[one(s, g, n) for n in units] for s in self.by_seed] for g in groups]
        return np.array(cells, np.float64)


def compared(
    own: Found, base: Found, keep: set[tuple[str, str]], region: str
) -> tuple[float, float, Interval]:
    """Mean absolute and signed error over chosen pictures, and the difference to another method."""
    names = sorted({name for _, name in keep})
    absolute, signed = (own.array(names, keep, region, of) for of in (0, 1))
    seeds = [s for s in own.by_seed if s in base.by_seed]
    pair = [Found({s: one.by_seed[s] for s in seeds}) for one in (own, base)]
    first, second = (one.array(names, keep, region, 0) for one in pair)
    off = first - second
    counted = np.isfinite(off).any(axis=(0, 1))
    apart = bootstrap(mean_of(off[:, :, counted]), int(counted.sum()), len(seeds))
    return _mean(absolute), _mean(signed), apart


def _mean(values: Floats) -> float:
    return float(np.nanmean(mean_of(values)(np.ones((1, values.shape[-1])))))
