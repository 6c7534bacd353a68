"""Estimate large blur: run a model on a picture and on reduced copies of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError
from blindsr.imaging.resize import downsample, upsample
from blindsr.inference.pyramid_levels import (
    Level,
    check_factors,
    merge_levels,
    pyramid_factors,
    reduce_copy,
)
from blindsr.inference.tiles.progress import Progress, share_of
from blindsr.inference.tiles.sizes import TileChoice
from blindsr.weights.network_file import DEFAULT_SIGMA_MAX

from .pictures import read_pictures
from .results import Maps, Strip

if TYPE_CHECKING:
    from blindsr.restore import Restorer


def largest_sigma(model: Restorer) -> float:
    """Largest sigma that a model can estimate, HR pixels; that of NYUv2-BSR where unknown."""
    return DEFAULT_SIGMA_MAX if model.sigma_max is None else model.sigma_max


def sigma_limit(model: Restorer) -> float:
    """Largest sigma that a model can estimate, in pixels of the picture that it is given."""
    return largest_sigma(model) / model.scale


def estimate_pyramid(
    model: Restorer,
    image: Any,
    *,
    factors: Sequence[int] | None = None,
    tile: TileChoice = "auto",
    on_progress: Progress | None = None,
) -> Maps:
    """Estimate blur beyond what a model was trained for.

    A model that was trained up to ``sigma_max`` HR pixels is saturated at ``sigma_max / scale``
    pixels of the picture. Copies reduced 2, 4, 8, ... times reach 2, 4, 8, ... times as far; see
    :func:`~blindsr.inference.pyramid_levels.merge_levels`. All copies together cost a third of the
    picture.

    Args:
        model: with an estimator of sigma.
        image: as in :meth:`blindsr.restore.Restorer.estimate`.
        factors: how many times each copy is reduced; ``None``: 1, 2, 4, ... while the short side
            keeps 64 pixels. The first is the finest that is looked at, and decides the classes.
        tile: as in :meth:`blindsr.restore.Restorer.estimate`.
        on_progress: called with the percentage of one picture that is done, and 100.

    Returns:
        Maps (H, W) in pixels of the picture, for a tensor (N, 3, H, W) with N in front.

    Raises:
        DataError: if the image has another shape, type or range.
        ConfigError: if the model estimates no sigma, or a factor is no multiple of the one before.
    """
    pictures = read_pictures(image, 1)
    blurs: list[NDArray[Any]] = []
    segs: list[NDArray[Any]] = []
    for picture in pictures.items:
        steps = pyramid_factors(picture.size) if factors is None else factors
        check_factors(steps)
        blur, seg = _one(model, picture.pixels, steps, tile, on_progress)
        blurs.append(blur)
        if seg is not None:
            segs.append(seg)
    return Maps(pictures.give_maps(blurs), pictures.give_maps(segs) if segs else None)


def _one(
    model: Restorer,
    pixels: NDArray[Any],
    factors: Sequence[int],
    tile: TileChoice,
    on_progress: Progress | None,
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Sigma and classes (H, W) of one picture (H, W, 3)."""
    levels: list[Level] = []
    seg: NDArray[np.uint8] | None = None
    copy, reached = pixels, 1
    progress = _Shares(factors, on_progress)
    for factor in factors:
        if factor > reached:
            copy, reached = reduce_copy(copy, factor // reached), factor
        blur, found = _look(model, copy, tile, progress.of(factor), with_seg=not levels)
        levels.append(Level(factor, blur * np.float32(factor / model.scale)))
        seg = seg if found is None else found
    merged = merge_levels(levels, sigma_limit(model))
    first = factors[0]
    rows, columns = pixels.shape[:2]
    blur = upsample(merged, first, phase=(first - 1) / 2, method="bilinear")[:rows, :columns]
    if seg is None:
        return blur, None
    return blur, seg.repeat(first, axis=0).repeat(first, axis=1)[:rows, :columns]


def _look(
    model: Restorer,
    copy: NDArray[Any],
    tile: TileChoice,
    on_progress: Progress | None,
    *,
    with_seg: bool,
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Sigma in HR pixels and classes of a picture, at its own size."""
    scale = model.scale
    blurs, segs = [], []
    for strip in _strips(model, copy, tile, on_progress):
        if strip.blur is None:
            raise ConfigError(
                model.title, found="a model that estimates no sigma", expected="one that does"
            )
        blurs.append(downsample(strip.blur, scale, "area"))
        if with_seg and strip.seg is not None:
            segs.append(strip.seg[scale // 2 :: scale, scale // 2 :: scale])
    return np.concatenate(blurs), np.concatenate(segs) if segs else None


def _strips(
    model: Restorer, copy: NDArray[Any], tile: TileChoice, on_progress: Progress | None
) -> Iterator[Strip]:
    """Strips of maps; those of a model that also restores come at once, without restoring."""
    if model.can_upscale:
        maps = model.estimate(copy, tile=tile)
        return iter([Strip(0, None, maps.blur, maps.seg)])
    return model.strips(copy, tile=tile, maps=True, on_progress=on_progress)


class _Shares:
    """Progress over all levels as one percentage, each level weighted by its pixels."""

    def __init__(self, factors: Sequence[int], tell: Progress | None) -> None:
        total = sum(1 / factor**2 for factor in factors)
        self._shares = {factor: 1 / factor**2 / total for factor in factors}
        self._tell = tell

    def of(self, factor: int) -> Progress | None:
        """Return the callback for a level."""
        before = sum(share for other, share in self._shares.items() if other < factor)
        return share_of(self._tell, before, self._shares[factor])
