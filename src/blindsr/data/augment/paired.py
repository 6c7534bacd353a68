"""Augmentation of LR and HR pairs that keeps them aligned to the pixel.

A down-sampler declares a *phase*: LR pixel i lies at HR pixel ``s*i + phase``. Mirroring both
pictures puts it at ``s*i + (s - 1 - phase)`` instead. For area and bicubic (phase ``(s - 1) / 2``)
that is the same; for the s-fold sampler (phase 0) the pair is off by s - 1 HR pixels, 3 for x4.
The released code mirrors both nevertheless, so in half of its samples HR is shifted against LR.

Here the HR window is taken with a margin of ``s - 1 - 2 phase`` pixels above and to the left,
everything is flipped, and the first rows and columns are dropped. Unflipped this drops the margin;
flipped, the margin is at the other end and the window has moved by that many pixels. All eight
flips and transposes are exact. A margin outside the picture repeats the edge pixel (its
``seg`` becomes 255): it is seen only in a flipped sample that touches the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from blindsr.data.augment.flips import RandomFlips
from blindsr.data.augment.zoom import RandomZoom
from blindsr.data.loading.checked_options import check_sides
from blindsr.errors import ConfigError, DataError
from blindsr.types import IGNORE_INDEX, PICTURES, Sample

FlipAlignment = Literal["exact", "paper"]


Arrays = dict[str, np.ndarray]
"""A sample before it becomes tensors, with the keys of :class:`~blindsr.types.Sample`.

``lr`` is (h, w, 3) and ``hr`` (H, W, 3) float32, ``blur``, ``mask`` and ``depth`` are (H, W)
float32, ``seg`` is (H, W) uint8, 255 = no class.
"""
PLANES: tuple[Literal["blur", "mask", "depth"], ...] = ("blur", "mask", "depth")


class PairedTransform:
    """Random crop, flips, transpose and zoom of LR and HR, every draw from an explicit seed.

    Args:
        scale: HR is ``scale`` times LR.
        phase: HR position of LR pixel 0, from :func:`blindsr.imaging.resize.phase`.
        crop: LR height and width of the crop at a random place; None keeps the whole picture.
        horizontal: mirror left-right with probability 0.5.
        vertical: mirror top-bottom with probability 0.5.
        transpose: swap the axes with probability 0.5 (what CMOS calls rotation); needs a square
            crop, since batches have one size.
        alignment: "exact" keeps LR and HR aligned when mirrored; "paper" mirrors both as the
            released code does, which shifts HR by ``s - 1`` pixels for s-fold data.
        zoom: applied last, as the released code does.

    Raises:
        ConfigError: the crop is not positive, or ``transpose`` without a square crop.
    """

    def __init__(
        self,
        *,
        scale: int,
        phase: float,
        crop: Sequence[int] | None = None,
        horizontal: bool = True,
        vertical: bool = False,
        transpose: bool = False,
        alignment: FlipAlignment = "exact",
        zoom: RandomZoom | None = None,
    ) -> None:
        self.scale = scale
        self.zoom = zoom
        self.crop = checked_crop(crop, transpose=transpose)
        self.margin = round(scale - 1 - 2 * phase) if alignment == "exact" else 0
        self._flips = RandomFlips(horizontal=horizontal, vertical=vertical, transpose=transpose)

    def __call__(self, arrays: Arrays, seed: int | None = None) -> Arrays:
        """Return the augmented arrays.

        Args:
            arrays: the sample; ``lr`` must be there. Not changed.
            seed: decides every draw; None takes one from torch's generator.

        Raises:
            DataError: the picture is smaller than the crop.
        """
        seed = int(torch.randint(2**31, (1,))) if seed is None else seed
        rng = np.random.default_rng(seed)
        windows = self._flips(self._crop(arrays, rng), seed)
        result = {
            key: np.ascontiguousarray(value if key == "lr" else value[self.margin :, self.margin :])
            for key, value in windows.items()
        }
        return result if self.zoom is None else self.zoom(result, rng)

    def _crop(self, arrays: Arrays, rng: np.random.Generator) -> Arrays:
        """Return the LR window and the HR windows with the margin above and to the left."""
        height, width = arrays["lr"].shape[:2]
        h, w = self.crop or (height, width)
        if h > height or w > width:
            raise DataError(
                "crop", found=f"an LR picture of {(height, width)}", expected=f"at least {(h, w)}"
            )
        top = int(rng.integers(height - h + 1))
        left = int(rng.integers(width - w + 1))
        s = self.scale
        return {
            key: value[top : top + h, left : left + w]
            if key == "lr"
            else _window(
                value,
                (s * top, s * left, s * h, s * w),
                self.margin,
                ignore=IGNORE_INDEX if key == "seg" else None,
            )
            for key, value in arrays.items()
        }


def checked_crop(crop: Sequence[int] | None, *, transpose: bool) -> tuple[int, int] | None:
    """Return the LR height and width of crops; None for whole pictures.

    Raises:
        ConfigError: it is not positive, or not square where samples are transposed.
    """
    if crop is not None:
        check_sides("crop", crop)
    if transpose and (crop is None or crop[0] != crop[1]):
        raise ConfigError(
            "transpose",
            found=f"crop {crop}",
            expected="a square crop: transposed pictures of another shape fit no batch",
            fix="Set crop to [n, n] or transpose to false",
        )
    return None if crop is None else (int(crop[0]), int(crop[1]))


def _window(
    image: np.ndarray, box: tuple[int, int, int, int], margin: int, *, ignore: int | None
) -> np.ndarray:
    """Return rows and columns of ``box`` (top, left, height, width) and ``margin`` before them."""
    top, left, height, width = box
    above, before = max(top - margin, 0), max(left - margin, 0)
    window = image[above : top + height, before : left + width]
    missing = [(margin - (top - above), 0), (margin - (left - before), 0)]
    if not any(before for before, _ in missing):
        return window
    missing += [(0, 0)] * (image.ndim - 2)
    if ignore is None:
        return np.pad(window, missing, mode="edge")
    return np.pad(window, missing, constant_values=ignore)


def to_sample(arrays: Arrays, *, name: str, group: str = "") -> Sample:
    """Return the tensors of ``arrays`` in the shapes of :class:`~blindsr.types.Sample`."""
    sample: Sample = {"name": name}
    if group:
        sample["group"] = group
    for picture in PICTURES:
        if picture in arrays:
            image = np.ascontiguousarray(arrays[picture].transpose(2, 0, 1), np.float32)
            sample[picture] = torch.from_numpy(image)
    for map_ in PLANES:
        if map_ in arrays:
            plane = np.ascontiguousarray(arrays[map_][None], np.float32)
            sample[map_] = torch.from_numpy(plane)
    if "seg" in arrays:
        sample["seg"] = torch.from_numpy(arrays["seg"].astype(np.int64))
    return sample
