"""Pairs for a restorer: sharp HR pictures, and LR pictures of them out of focus."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.leaves.camera import photographed, recorded
from blindsr.data.scenes.leaves.numbered import NumberedPictures
from blindsr.data.scenes.leaves.photographs import RESTORER_REDUCTION
from blindsr.data.scenes.leaves.samples import (
    BlurredPicture,
    Widths,
    defocused_photograph,
    defocused_room,
    defocused_scene,
)
from blindsr.data.scenes.photographs import RESTORER
from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import Downsampler, downsample
from blindsr.types import Sample

_LEAVES, _PHOTOGRAPHS = 0.42, 0.5  # shares; the rest are rooms
_LESS_BLUR = (0.4, 0.625)  # share of pictures with less blur, and their largest sigma over it
_PER_SCENE = 8  # pictures of one scene of leaves
_KEPT = 64  # scenes


class _Pair(NamedTuple):
    hr: NDArray[np.uint8]
    lr: dict[Downsampler, NDArray[np.float32]]
    blur: NDArray[np.float16]
    blurred: NDArray[np.uint8] | None


class RestorationPictures(NumberedPictures):
    """Dead leaves, photographs and rooms: ``lr``, ``hr`` and ``blur``, each from its number.

    A number of pictures is drawn once and kept (1.3 MB each at 384 pixels); samples are crops of
    them, mirrored and turned, with the noise and JPEG of a camera of their own. Sample ``i``
    depends on the seed and ``i`` alone (and on the seed of a
    :class:`~blindsr.data.loading.samplers.Draw`).

    Args:
        seed: of the series.
        count: number of samples.
        scale: HR size over LR size.
        downsampler: how LR is taken from the blurred picture.
        sigma_max: largest sigma, HR pixels.
        pictures: different pictures.
        size: height and width of a picture, HR pixels; a multiple of ``scale``.
        crop: height and width of a sample, LR pixels; ``None`` takes whole pictures.
        sharp: share of the samples that are not blurred at all.
        mixed: crops of half the pictures come from ``area`` and of half from ``bicubic``, whatever
            ``downsampler`` says: nobody knows what reduced a photograph.
        clean: LR is rounded to 8 bits and nothing else.
        widths: how the largest sigma of a picture is drawn.
        blurred: samples hold ``blurred``, too, for an estimator that must not forget wide blur.
        held_out: no scene and no photograph that a training sees.
    """

    series, kept = 3, _KEPT

    def __init__(
        self,
        *,
        seed: int,
        count: int,
        scale: int = 4,
        downsampler: Downsampler = "area",
        sigma_max: float = 8.0,
        pictures: int = 600,
        size: int = 384,
        crop: int | None = 64,
        sharp: float = 0.0,
        mixed: bool = False,
        clean: bool = False,
        widths: Widths = "octaves",
        blurred: bool = False,
        held_out: bool = False,
    ) -> None:
        self.widths: Widths = widths
        self.blurred = blurred
        self.scale, self.sigma_max = scale, sigma_max
        self.downsampler: Downsampler = downsampler
        self.pictures, self.crop, self.clean = pictures, crop, clean
        self.sharp, self.mixed = sharp, mixed
        super().__init__(seed=seed, count=count, size=size, held_out=held_out)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, rng = self.numbered(index)
        number = position if self.crop is None else int(rng.integers(self.pictures))
        pair = self._pair(number % self.pictures)
        lr, hr, map_, blurred = self._cropped(pair, rng)
        if self.sharp and rng.random() < self.sharp:
            lr, map_ = self._reduced(_unit(hr), rng), map_ * 0
            blurred = [hr for _ in blurred]
        seen = to_uint8(lr) if self.clean else recorded(lr, rng)
        parts: list[NDArray[Any]] = [seen, hr, map_[..., None]]
        parts.extend(photographed(_unit(picture), rng) for picture in blurred)
        if self.crop is not None:
            turn, mirror = int(rng.integers(4)), rng.random() < 0.5
            parts = [np.rot90(part[:, ::-1] if mirror else part, turn) for part in parts]
        lr_, hr_, blur, *others = (
            torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1), np.float32))
            for part in parts
        )
        name = f"{position:07d}"
        sample: Sample = {"lr": lr_ / 255, "hr": hr_ / 255, "blur": blur, "name": name}
        if others:
            sample["blurred"] = others[0] / 255
        return sample

    def _cropped(
        self, pair: _Pair, rng: np.random.Generator
    ) -> tuple[
        NDArray[np.float32], NDArray[np.uint8], NDArray[np.float16], list[NDArray[np.uint8]]
    ]:
        wide = [] if pair.blurred is None else [pair.blurred]
        if self.crop is None:
            return pair.lr[self.downsampler], pair.hr, pair.blur, wide
        lr = pair.lr[self._downsampler(rng)]
        top, left = rng.integers(len(lr) - self.crop + 1, size=2)
        rows, columns = slice(top, top + self.crop), slice(left, left + self.crop)
        fine = tuple(slice(self.scale * s.start, self.scale * s.stop) for s in (rows, columns))
        return lr[rows, columns], pair.hr[fine], pair.blur[fine], [b[fine] for b in wide]

    def _downsampler(self, rng: np.random.Generator) -> Downsampler:
        if not self.mixed:
            return self.downsampler
        return "area" if rng.random() < 0.5 else "bicubic"

    def _reduced(self, hr: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        return np.clip(downsample(hr, self.scale, self._downsampler(rng)), 0, 1)

    def _draw_pair(self, number: int) -> _Pair:
        rng = self.random(number, 2)
        seen = self._blurred(rng, number)
        assert seen.sharp is not None
        taken: tuple[Downsampler, ...] = ("area", "bicubic") if self.mixed else (self.downsampler,)
        lr = {name: np.clip(downsample(seen.picture, self.scale, name), 0, 1) for name in taken}
        sharp, picture = (to_uint8(np.clip(p, 0, 1)) for p in (seen.sharp, seen.picture))
        return _Pair(sharp, lr, seen.blur.astype(np.float16), picture if self.blurred else None)

    def _blurred(self, rng: np.random.Generator, number: int) -> BlurredPicture:
        kind, size, sigma_max = rng.random(), (self.size, self.size), self.sigma_max
        if rng.random() < _LESS_BLUR[0]:
            sigma_max *= _LESS_BLUR[1]
        if kind < _LEAVES:
            scene = self._scene(number // _PER_SCENE)
            return defocused_scene(scene, rng, sigma_max, self.widths, with_sharp=True)
        if kind < _LEAVES + _PHOTOGRAPHS:
            return defocused_photograph(
                rng,
                *size,
                sigma_max,
                self.widths,
                held_out=self.held_out,
                names=RESTORER,
                reduction=RESTORER_REDUCTION,
            )
        return defocused_room(rng, *size, sigma_max, self.widths, held_out=self.held_out)

    def _remember(self) -> None:
        super()._remember()
        # whole pictures are seen once in an epoch, crops many times
        kept = None if self.crop is not None else 0
        self._pair = lru_cache(maxsize=kept)(self._draw_pair)


def _unit(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return picture.astype(np.float32) / np.float32(255)
