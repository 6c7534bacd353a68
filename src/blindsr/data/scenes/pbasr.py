"""Data module of PBaSR's two streams, made of rendered rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.paired import Arrays, to_sample
from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.masks import Mask
from blindsr.data.files.source_values import LARGEST_SIGMA, finite
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_number,
    check_sides,
    check_whole,
)
from blindsr.data.loading.samplers import Draw
from blindsr.data.loading.two_streams import TwoStreamDataModule, TwoStreamDataset
from blindsr.data.pbasr.datamodule import PatchDataModule
from blindsr.data.scenes.datamodule import RenderedScenes
from blindsr.data.scenes.intended_blur import intended_defocus
from blindsr.data.scenes.render import render_scene
from blindsr.degradation.paired import Operator
from blindsr.degradation.random.by_name import Degradation, degrade_by_name
from blindsr.degradation.random.recipe import smallest_side
from blindsr.errors import ConfigError
from blindsr.imaging.files import to_uint8
from blindsr.types import Sample

Stream = Literal["general", "blur"]
_FIRST = {"train": 10_000_000, "val": 11_000_000, "test": 12_000_000}
_BLUR_FIRST = 5_000_000
"""Added for the blur stream: no scene is in two splits or streams, or in those of ``Scenes``."""
_LR_STREAM = 1
_LEAST_BLUR = 0.2  # so that most patches contain some


class _Stored(NamedTuple):
    hr: np.ndarray  # (H, W, 3) uint8
    mask: Mask | None


class StreamScenes(Dataset[Sample]):
    """Scenes of one stream; each is rendered once and then kept in memory.

    Args:
        stream: "general" is sharp everywhere and has no mask; "blur" has intended defocus in HR,
            and a mask.
        seed: series of scenes.
        first: number of the first scene.
        count: number of scenes.
        size: HR height and width.
        scale: HR is ``scale`` times LR.
        sigma_max: of intended blur in HR pixels.
        threshold: the mask is sharp where sigma is below.
        degradation: of whole pictures; always the same for a scene.
        operator: of intended blur, see :func:`~blindsr.data.scenes.intended_blur.intended_defocus`.
        patch: cuts and degrades training patches; None yields whole pictures with ``group``.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        seed: int,
        first: int,
        count: int,
        size: tuple[int, int],
        scale: int,
        sigma_max: float,
        threshold: float,
        degradation: Degradation,
        operator: Operator,
        patch: RandomPatch | None = None,
    ) -> None:
        self.stream, self.seed, self.count, self.size = stream, seed, count, size
        self.first = first + (_BLUR_FIRST if stream == "blur" else 0)
        self.scale, self.sigma_max, self.threshold = scale, sigma_max, threshold
        self.degradation: Degradation = degradation
        self.operator: Operator = operator
        self.patch = patch
        self.group = "" if patch else stream
        self._stored: dict[int, _Stored] = {}
        self._made: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        if not 0 <= position < self.count:
            message = f"scene {position} of {self.count}"
            raise IndexError(message)
        number = self.first + position
        if number not in self._stored:
            self._stored[number] = self._make(number)
        stored = self._stored[number]
        if self.patch is not None:
            arrays = self.patch(stored.hr, stored.mask, seed)
        else:
            arrays = self._whole(number, stored)
        return to_sample(arrays, name=f"{number:08d}", group=self.group)

    def _make(self, number: int) -> _Stored:
        frame = render_scene(self.seed, number, self.size)
        if self.stream == "general":
            return _Stored(frame.rgb, None)
        made = intended_defocus(
            frame.rgb,
            frame.depth,
            np.random.default_rng([self.seed, number]),
            sigma_max=self.sigma_max,
            threshold=self.threshold,
            least=_LEAST_BLUR,
            operator=self.operator,
        )
        return _Stored(made.hr, made.mask)

    def _whole(self, number: int, stored: _Stored) -> Arrays:
        hr = stored.hr.astype(np.float32) / np.float32(255)
        if number not in self._made:
            rng = np.random.default_rng([self.seed, number, _LR_STREAM])
            made = degrade_by_name(hr, self.degradation, rng, scale=self.scale, sharpen=False)
            self._made[number] = to_uint8(made.lr)
        arrays: Arrays = {"lr": self._made[number].astype(np.float32) / np.float32(255), "hr": hr}
        if stored.mask is not None:
            arrays["mask"] = stored.mask.astype(np.float32)
        return arrays


class PBaSRScenes(RenderedScenes, TwoStreamDataModule, PatchDataModule):
    """Sharp procedural rooms, and rooms with intended defocus and its mask, degraded alike.

    Training batches are ``{"general": Batch, "blur": Batch}``, both with ``lr``, ``hr``, ``name``
    and the second with ``mask`` (1 sharp, 0 blurred). Evaluation has ordinary batches of the groups
    ``general`` and ``blur``.

    Args:
        size: HR height and width, multiples of ``scale``.
        sigma_max: largest sigma of intended blur in HR pixels.
        threshold: sigma from which a pixel counts as blurred, below ``sigma_max / 2``.
        operator: of the intended blur, "layered" or "gather", see
            :func:`~blindsr.data.scenes.intended_blur.intended_defocus`.
        options: see the base classes.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        size: Sequence[int] = (144, 192),
        sigma_max: float = 5.0,
        threshold: float = 1.0,
        operator: Operator = "layered",
        degradation: Degradation = "bicubic",
        crop: int = 96,
        random_resize: bool = False,
        vertical_flip: bool = False,
        transpose: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            degradation=degradation,
            crop=crop,
            random_resize=random_resize,
            vertical_flip=vertical_flip,
            transpose=transpose,
            **options,
        )
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA, above=True)
        check_choice("operator", operator, get_args(Operator))
        if not finite(threshold, above=0, most=sigma_max / 2) or threshold == sigma_max / 2:
            raise ConfigError(
                "threshold",
                found=str(threshold),
                expected=f"below sigma_max / 2 = {sigma_max / 2:g}",
            )
        self.size = _checked_size(size, self.scale, crop)
        self.sigma_max, self.threshold = sigma_max, threshold
        self.operator: Operator = operator

    def setup(self, stage: str | None = None) -> None:
        """Make the data sets of ``stage``; what is rendered stays when called again."""
        if stage in (None, "fit", "validate") and self.train_set is None:
            self.train_set = TwoStreamDataset(
                self._set("general", "train", self.patch), self._set("blur", "train", self.patch)
            )
            self.val_sets = [self._set("general", "val"), self._set("blur", "val")]
        if stage in (None, "test", "predict") and not self.test_sets:
            self.test_sets = [self._set("general", "test"), self._set("blur", "test")]

    def _set(self, stream: Stream, split: str, patch: RandomPatch | None = None) -> StreamScenes:
        return StreamScenes(
            stream,
            seed=self.seed,
            first=_FIRST[split],
            count=self.counts[split],
            size=self.size,
            scale=self.scale,
            sigma_max=self.sigma_max,
            threshold=self.threshold,
            degradation=self.degradation,
            operator=self.operator,
            patch=patch,
        )


def _checked_size(size: Sequence[int], scale: int, crop: int) -> tuple[int, int]:
    check_sides("size", size)
    check_whole("crop", crop, least=1, most=LARGEST_SIDE)
    least = max(smallest_side(scale), crop)
    if min(size) < least or any(length % scale for length in size):
        raise ConfigError(
            "size",
            found=str(size),
            expected=f"two multiples of scale = {scale}, both {least} or more (crop)",
        )
    return int(size[0]), int(size[1])
