"""Blurred pictures for training and validation, each a function of its number."""

from __future__ import annotations

import numpy as np
import torch

from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.leaves.camera import photographed
from blindsr.data.scenes.leaves.numbered import NumberedPictures
from blindsr.data.scenes.leaves.restoration import RestorationPictures
from blindsr.data.scenes.leaves.samples import (
    BlurredPicture,
    defocused_photograph,
    defocused_room,
    defocused_scene,
)
from blindsr.imaging.resize import blur_at_lr
from blindsr.types import Sample

_LEAVES, _PHOTOGRAPHS = 0.52, 0.38  # shares; the rest are rooms
_KEPT = 1200  # scenes in memory; about 0.4 MB each at 160 pixels
_SCALE = 4  # of reduced pictures
_SHARP = 0.25  # share of them that are not blurred at all


class BlurredPictures(NumberedPictures):
    """Dead leaves, photographs under made-up maps, and rooms, seen through a camera.

    Scenes are drawn once and kept; focus, aperture and camera are drawn for every picture. Picture
    ``i`` depends on the seed and ``i`` alone (and on the seed of a
    :class:`~blindsr.data.loading.samplers.Draw`), not on the number of workers. Maps have the size
    and the unit of the picture (scale 1).

    Args:
        seed: of the series.
        count: number of pictures.
        size: height and width.
        scenes: number of different scenes of leaves.
        held_out: no scene and no photograph that a training sees.
        reduced: share of pictures that are LR pictures for a restorer (x4), in which more is to be
            seen on each pixel and sigma is at most 2 pixels.
        reduced_pictures: different ones.
    """

    series, kept = 1, _KEPT

    def __init__(
        self,
        *,
        seed: int,
        count: int,
        size: int = 160,
        scenes: int = 600,
        held_out: bool = False,
        reduced: float = 0.0,
        reduced_pictures: int = 600,
    ) -> None:
        self.scenes, self.reduced = scenes, reduced
        self.lr_pictures = RestorationPictures(
            seed=seed,
            count=count,
            scale=_SCALE,
            pictures=reduced_pictures,
            size=_SCALE * size,
            crop=size,
            sharp=_SHARP,
            mixed=True,
            held_out=held_out,
        )
        super().__init__(seed=seed, count=count, size=size, held_out=held_out)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, rng = self.numbered(index)
        if self.reduced and rng.random() < self.reduced:
            return _at_lr(self.lr_pictures[index])
        seen = self._blurred(rng)
        picture, blur = photographed(seen.picture, rng), seen.blur
        if rng.random() < 0.5:
            picture, blur = picture[:, ::-1], blur[:, ::-1]
        if rng.random() < 0.5:
            picture, blur = picture.swapaxes(0, 1), blur.T
        lr = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / np.float32(255)
        return {
            "lr": torch.from_numpy(lr),
            "blur": torch.from_numpy(np.ascontiguousarray(blur[None], np.float32)),
            "name": f"{position:07d}",
        }

    def _blurred(self, rng: np.random.Generator) -> BlurredPicture:
        kind, size = rng.random(), (self.size, self.size)
        if kind < _LEAVES:
            return defocused_scene(self._scene(int(rng.integers(self.scenes))), rng)
        if kind < _LEAVES + _PHOTOGRAPHS:
            return defocused_photograph(rng, *size, held_out=self.held_out)
        return defocused_room(rng, *size, held_out=self.held_out)


def _at_lr(sample: Sample) -> Sample:
    """LR picture of a pair with sigma in its own pixels."""
    blur = blur_at_lr(sample["blur"][None], _SCALE)[0]
    return {"lr": sample["lr"], "blur": blur, "name": sample["name"]}
