"""The two streams of PBaSR from embedded scenes: nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.paired import Arrays, to_sample
from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.manifest_content import LARGEST_SIGMA
from blindsr.data.files.masks import Mask
from blindsr.data.files.source_values import finite
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_counts,
    check_number,
    check_sides,
    check_whole,
)
from blindsr.data.loading.samplers import Draw
from blindsr.data.loading.two_stream_datamodule import TwoStreamDataModule
from blindsr.data.loading.two_streams import TwoStreamDataset
from blindsr.data.scenes.intended_blur import intended_defocus
from blindsr.data.scenes.render import render_scene
from blindsr.degradation.paired import Operator
from blindsr.degradation.random.by_name import (
    Degradation,
    checked_degradation,
    degrade_by_name,
    downsampler_of,
)
from blindsr.degradation.random.recipe import smallest_side
from blindsr.errors import ConfigError
from blindsr.imaging.files import to_uint8
from blindsr.types import Sample

Stream = Literal["general", "blur"]
_FIRST = {"train": 10_000_000, "val": 11_000_000, "test": 12_000_000}
_BLUR_FIRST = 5_000_000
"""Added for the blur stream: no scene is in two splits or streams, or in those of ``Scenes``."""
_LR_STREAM = 1
_LEAST_BLUR = 0.2  # a patch shall seldom miss all of it


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


class PBaSRScenes(TwoStreamDataModule):
    """Sharp procedural rooms, and such with intended defocus and its mask, degraded alike.

    Training batches are ``{"general": Batch, "blur": Batch}``, both with ``lr``, ``hr``, ``name``
    and the second with ``mask`` (1 sharp, 0 blurred). Evaluation has ordinary batches of the groups
    ``general`` and ``blur``.

    Args:
        train_count: training scenes of each stream.
        val_count: validation scenes of each stream.
        test_count: test scenes of each stream.
        size: HR height and width, multiples of ``scale``.
        scale: HR is ``scale`` times LR.
        sigma_max: largest sigma of intended blur in HR pixels.
        threshold: sigma from which a pixel counts as blurred, below ``sigma_max / 2``.
        degradation: "bicubic", "area", "sfold" alone, or "bsrgan", "bsrgan_plus", "realesrgan"
            (drawn anew for every training patch, always the same in evaluation).
        sharpen: let "bsrgan_plus" and "realesrgan" sharpen the HR of training patches.
        batch_size: patches of *each* stream in a training batch.
        eval_batch_size: pictures of a validation or test batch.
        num_workers: loader processes; each keeps its own scenes in memory.
        steps_per_epoch: batches of an epoch; None lasts until every scene was seen once.
        crop: side of training patches in HR pixels, a multiple of ``scale``.
        random_resize: shrink pictures at random before the crop.
        flip: mirror left-right.
        vertical_flip: mirror top-bottom.
        transpose: swap the axes.
        operator: "layered" or "gather", see
            :func:`~blindsr.data.scenes.intended_blur.intended_defocus`.
        seed: of scenes, blur, order, patches and degradation.
        pin_memory: for faster copies to a GPU.

    Raises:
        ConfigError: an argument has no meaning.
    """

    def __init__(
        self,
        train_count: int = 64,
        val_count: int = 8,
        test_count: int = 8,
        size: Sequence[int] = (144, 192),
        scale: int = 4,
        sigma_max: float = 5.0,
        threshold: float = 1.0,
        degradation: Degradation = "bicubic",
        sharpen: bool = True,
        batch_size: int = 8,
        eval_batch_size: int = 4,
        num_workers: int = 0,
        steps_per_epoch: int | None = None,
        crop: int = 96,
        random_resize: bool = False,
        flip: bool = True,
        vertical_flip: bool = False,
        transpose: bool = False,
        operator: Operator = "layered",
        seed: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            scale=scale,
            sigma_max=sigma_max,
            downsampler=downsampler_of(checked_degradation(degradation)),
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            num_workers=num_workers,
            steps_per_epoch=steps_per_epoch,
            pin_memory=pin_memory,
            seed=seed,
        )
        self.counts = {"train": train_count, "val": val_count, "test": test_count}
        check_counts(self.counts)
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA, above=True)
        check_choice("operator", operator, get_args(Operator))
        if not finite(threshold, above=0, most=sigma_max / 2) or threshold == sigma_max / 2:
            raise ConfigError(
                "threshold",
                found=str(threshold),
                expected=f"below sigma_max / 2 = {sigma_max / 2:g}",
            )
        self.size = _checked_size(size, scale, crop)
        self.threshold, self.degradation = threshold, degradation
        self.operator: Operator = operator
        self.patch = RandomPatch(
            crop=crop,
            scale=scale,
            degradation=degradation,
            random_resize=random_resize,
            horizontal=flip,
            vertical=vertical_flip,
            transpose=transpose,
            sharpen=sharpen,
        )

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
