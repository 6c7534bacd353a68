"""Random training patches of HR pictures, degraded to LR."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from blindsr.data.augment.flips import RandomFlips
from blindsr.data.augment.paired import Arrays
from blindsr.data.files.masks import Mask, resize_mask
from blindsr.data.files.source_values import LARGEST_SCALE, whole
from blindsr.data.loading.checked_options import LARGEST_SIDE, check_flags, check_whole
from blindsr.degradation.random.by_name import (
    Named,
    checked_degradation,
    degrade_by_name,
    sample_recipe,
)
from blindsr.degradation.random.recipe import Recipe, smallest_side
from blindsr.errors import ConfigError, DataError

_DEGRADE = 1  # the stream of the degradation, apart from that of the geometry


class Window(NamedTuple):
    """A square of the picture."""

    top: int
    left: int
    side: int


class RandomPatch:
    """Cut a square, shrink, flip and transpose it, then degrade it.

    The picture and its mask go through the same geometry; the degradation comes last, so that LR
    agrees with HR for every phase. With ``random_resize`` the patch comes from a picture that is
    shrunk until its short side is uniform between the patch and its own length. To save time only
    the window that becomes the patch is cut and resized (area average; masks take the nearest
    pixel).

    Args:
        crop: side of the patch in HR pixels, a multiple of ``scale``.
        scale: HR is ``scale`` times LR.
        degradation: by name, see :data:`blindsr.degradation.DEGRADATIONS`.
        random_resize: shrink at random; else patches have the pixels of the file.
        horizontal: mirror left-right with probability 0.5.
        vertical: mirror top-bottom with probability 0.5.
        transpose: swap the axes with probability 0.5.
        sharpen: let the degradation sharpen HR, where it does.

    Raises:
        ConfigError: an argument has no meaning.
    """

    def __init__(
        self,
        *,
        crop: int,
        scale: int,
        degradation: Named,
        random_resize: bool = True,
        horizontal: bool = True,
        vertical: bool = True,
        transpose: bool = True,
        sharpen: bool = True,
    ) -> None:
        check_whole("scale", scale, least=1, most=LARGEST_SCALE)
        check_flags(
            random_resize=random_resize,
            flip=horizontal,
            vertical_flip=vertical,
            transpose=transpose,
            sharpen=sharpen,
        )
        if not whole(crop, least=smallest_side(scale), most=LARGEST_SIDE) or crop % scale:
            raise ConfigError(
                "crop",
                found=str(crop),
                expected=f"a multiple of scale = {scale}, {smallest_side(scale)} HR pixels or more",
            )
        self.crop, self.scale = crop, scale
        self.degradation = checked_degradation(degradation)
        self.random_resize, self.sharpen = random_resize, sharpen
        self._flips = RandomFlips(horizontal=horizontal, vertical=vertical, transpose=transpose)

    def __call__(
        self, picture: NDArray[np.uint8], mask: Mask | None = None, seed: int | None = None
    ) -> Arrays:
        """Return ``lr``, ``hr``, ``mask`` where one is given, and ``blur`` where it is known.

        Args:
            picture: (H, W, 3) uint8; not changed.
            mask: (H, W) of 0 and 1; not changed.
            seed: decides every draw; None takes one from torch's generator.

        Raises:
            DataError: the picture is smaller than the patch.
        """
        seed = int(torch.randint(2**31, (1,))) if seed is None else seed
        window = self.window((picture.shape[0], picture.shape[1]), seed)
        parts = {"hr": self._patch(picture, window)}
        if mask is not None:
            cut = np.ascontiguousarray(_cut(mask, window))
            parts["mask"] = resize_mask(cut, (self.crop, self.crop))
        parts = self._flips(parts, seed)
        made = degrade_by_name(
            np.ascontiguousarray(parts["hr"]).astype(np.float32) / np.float32(255),
            self.degradation,
            _degradation_rng(seed),
            scale=self.scale,
            sharpen=self.sharpen,
        )
        arrays: Arrays = {"lr": made.lr, "hr": made.hr}
        if mask is not None:
            arrays["mask"] = parts["mask"].astype(np.float32)
        if made.blur is not None:
            arrays["blur"] = made.blur
        return arrays

    def window(self, size: tuple[int, int], seed: int) -> Window:
        """Return the window that ``seed`` draws in a picture of ``size`` (height, width)."""
        short = min(size)
        if short < self.crop:
            raise DataError(
                "crop",
                found=f"a picture of {size[1]} x {size[0]} pixels",
                expected=f"{self.crop} x {self.crop} or more",
            )
        rng = np.random.default_rng(seed)
        side = self.crop
        if self.random_resize:
            shrunk = int(rng.integers(self.crop, short, endpoint=True))
            side = round(self.crop * short / shrunk)
        top, left = (int(rng.integers(length - side + 1)) for length in size)
        return Window(top, left, side)

    def recipe(self, seed: int) -> Recipe | None:
        """Return the recipe that ``seed`` draws; None for a plain down-sampling."""
        return sample_recipe(
            self.degradation, _degradation_rng(seed), scale=self.scale, sharpen=self.sharpen
        )

    def _patch(self, picture: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
        part = np.ascontiguousarray(_cut(picture, window))
        if window.side == self.crop:
            return part
        shrunk = cv2.resize(part, (self.crop, self.crop), interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, np.uint8)


def _cut(array: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    rows = slice(window.top, window.top + window.side)
    return array[rows, window.left : window.left + window.side]


def _degradation_rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, _DEGRADE])
