"""Draws blur anew for every sample and epoch, from the sharp picture and its depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from blindsr.data.augment.blur_draw import draw_blur
from blindsr.data.augment.flips import RandomColours, RandomFlips
from blindsr.data.augment.paired import Arrays, checked_crop
from blindsr.data.augment.zoom import checked_factors, on_levels
from blindsr.degradation.kernels import window_size
from blindsr.degradation.layers import within
from blindsr.degradation.paired import Operator, degrade
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resample import sample_cubic, sample_nearest
from blindsr.imaging.resize import Downsampler


class Sharp(NamedTuple):
    """A picture before any blur."""

    hr: np.ndarray
    """(H, W, 3) uint8."""
    depth: np.ndarray
    """(H, W) float32, > 0, any unit."""
    seg: np.ndarray | None = None
    """(H, W) uint8, 255 = no class."""


class _View(NamedTuple):
    """Positions in the picture at which each row and column of the zoomed picture is read."""

    rows: np.ndarray
    columns: np.ndarray
    factor: float


class Regenerate:
    """Make a training sample from a sharp picture; every draw from an explicit seed.

    Colours, flips, zoom into a random part, a new focus (or, for a share of the samples, one sigma
    everywhere), crop, blur, down-sampling. LR is always made from the HR of the sample, so they
    agree for every phase, flip and zoom. Sigma spans its range over the whole zoomed picture, not
    over the crop, and the blur operator gets the surroundings of the crop.

    Args:
        scale: HR is ``scale`` times LR.
        sigma_max: end of the sigma range in HR pixels.
        downsampler: how LR is taken from the blurred HR.
        operator: spatially varying blur, see :func:`blindsr.degradation.paired.degrade`.
        iva: probability of one sigma everywhere.
        crop: LR height and width; None keeps the whole picture.
        horizontal: mirror left-right with probability 0.5.
        vertical: mirror top-bottom with probability 0.5.
        transpose: swap the axes with probability 0.5; needs a square crop.
        zoom_factors: equally likely, each at least 1.
        photometric: strength 0..1 of changes of brightness, contrast, gamma and hue.
        depth: return the depth of the sample, too.

    Raises:
        ConfigError: an argument has no meaning.
    """

    def __init__(
        self,
        *,
        scale: int,
        sigma_max: float,
        downsampler: Downsampler,
        operator: Operator = "gather",
        iva: float = 0.2,
        crop: Sequence[int] | None = None,
        horizontal: bool = True,
        vertical: bool = False,
        transpose: bool = False,
        zoom_factors: Sequence[float] = (1.0,),
        photometric: float = 0.0,
        depth: bool = False,
    ) -> None:
        if not 0 <= photometric <= 1:
            raise ConfigError("photometric", found=str(photometric), expected="0..1")
        self.scale, self.sigma_max, self.iva = scale, sigma_max, iva
        self.downsampler: Downsampler = downsampler
        self.operator: Operator = operator
        self.crop = checked_crop(crop, transpose=transpose)
        self.factors = checked_factors(zoom_factors)
        # reach of the blur window and of the widest down-sampler, in whole LR pixels
        self.context = -(-(window_size(sigma_max) // 2) // scale) + 2
        self.depth = depth
        self._colours = RandomColours(photometric) if photometric else None
        self._flips = RandomFlips(horizontal=horizontal, vertical=vertical, transpose=transpose)

    def __call__(self, sharp: Sharp, seed: int | None = None) -> Arrays:
        """Return ``lr``, ``hr``, ``blur`` and, where there are some, ``seg`` and ``depth``.

        Args:
            sharp: not changed.
            seed: decides every draw; None takes one from torch's generator.

        Raises:
            DataError: sides that ``scale`` does not divide, a picture smaller than the crop, or
                depth that is not positive.
        """
        seed = int(torch.randint(2**31, (1,))) if seed is None else seed
        rng = np.random.default_rng(seed)
        sharp = self._flipped(sharp, seed)
        view = self._draw_view(sharp.depth.shape, rng)
        blur = self._draw_blur(sharp, view, rng)
        inner, outer = self._draw_crop(blur.shape, rng)
        seen = _View(view.rows[outer[0]], view.columns[outer[1]], view.factor)
        hr = self._picture(sharp.hr, seen)
        lr = degrade(
            hr,
            np.ascontiguousarray(blur[outer]),
            scale=self.scale,
            sigma_max=self.sigma_max,
            downsampler=self.downsampler,
            operator=self.operator,
            depth=_looked_up(sharp.depth, seen) if self.operator == "layered" else None,
        )
        own = within(inner, outer)
        result: Arrays = {
            "lr": on_levels(lr[tuple(_divided(part, self.scale) for part in own)].copy()),
            "hr": hr[own],
            "blur": blur[inner],
        }
        part = _View(view.rows[inner[0]], view.columns[inner[1]], view.factor)
        if sharp.seg is not None:
            result["seg"] = _looked_up(sharp.seg, part)
        if self.depth:
            result["depth"] = _looked_up(sharp.depth, part)
        return result

    def _flipped(self, sharp: Sharp, seed: int) -> Sharp:
        hr = sharp.hr if self._colours is None else self._colours(sharp.hr, seed)
        arrays = {"hr": hr, "depth": sharp.depth}
        if sharp.seg is not None:
            arrays["seg"] = sharp.seg
        return Sharp(**self._flips(arrays, seed))

    def _draw_view(self, size: tuple[int, ...], rng: np.random.Generator) -> _View:
        """Draw the zoom and which part of the picture it shows."""
        factor = float(self.factors[rng.integers(len(self.factors))])
        starts = rng.random(2)
        rows, columns = (
            start * (length - 1) * (1 - 1 / factor) + np.arange(length) / factor
            for start, length in zip(starts, size, strict=True)
        )
        return _View(rows, columns, factor)

    def _draw_blur(self, sharp: Sharp, view: _View, rng: np.random.Generator) -> np.ndarray:
        """Return the sigma map (H, W) of the whole zoomed picture."""
        invariant = bool(rng.random() < self.iva)
        draw = draw_blur(rng, invariant=invariant, sigma_max=self.sigma_max)
        return draw.blur_map(_looked_up(sharp.depth, view), sigma_max=self.sigma_max)

    def _draw_crop(
        self, size: tuple[int, ...], rng: np.random.Generator
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return the crop and the crop with its surroundings, as rows and columns of HR."""
        s = self.scale
        if any(length % s for length in size):
            raise DataError("hr", found=f"{size} pixels", expected=f"multiples of scale = {s}")
        lr_size = tuple(length // s for length in size)
        crop = self.crop or lr_size
        if any(part > length for part, length in zip(crop, lr_size, strict=True)):
            raise DataError("crop", found=f"an LR picture of {lr_size}", expected=f"{crop} or more")
        inner, outer = [], []
        for part, length in zip(crop, lr_size, strict=True):
            first = int(rng.integers(length - part + 1))
            inner.append(slice(s * first, s * (first + part)))
            start, stop = max(first - self.context, 0), min(first + part + self.context, length)
            outer.append(slice(s * start, s * stop))
        return (inner[0], inner[1]), (outer[0], outer[1])

    def _picture(self, hr: np.ndarray, view: _View) -> np.ndarray:
        """Return the part that ``view`` shows as float32 in [0, 1]."""
        if view.factor == 1:
            return _looked_up(hr, view).astype(np.float32) / np.float32(255)
        # only the rows and columns that the cubic needs: it converts all it gets to float
        rows, columns = (
            slice(max(int(at[0]) - 1, 0), int(at[-1]) + 3) for at in (view.rows, view.columns)
        )
        part = hr[rows, columns].astype(np.float32)
        sampled = sample_cubic(part, view.rows - rows.start, view.columns - columns.start)
        sampled /= np.float32(255)
        return on_levels(sampled)


def _looked_up(array: np.ndarray, view: _View) -> np.ndarray:
    """Return the nearest pixels; without a zoom, a plain window."""
    if view.factor == 1:
        rows, columns = (slice(int(at[0]), int(at[-1]) + 1) for at in (view.rows, view.columns))
        return array[rows, columns]
    return sample_nearest(array, view.rows, view.columns)


def _divided(part: slice, scale: int) -> slice:
    return slice(part.start // scale, part.stop // scale)
