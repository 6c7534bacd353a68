"""Data module of the rendered rooms: all can be trained and tested without a download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.blur_draw import BlurDraw, draw_blur
from blindsr.data.augment.datamodule import AugmentedDataModule
from blindsr.data.augment.on_the_fly import Regenerate, Sharp
from blindsr.data.augment.paired import Arrays, PairedTransform, to_sample
from blindsr.data.loading.checked_options import (
    check_number,
    check_sides,
    check_whole,
)
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.photographs import photo_frame
from blindsr.data.scenes.render import SceneFrame, render_scene
from blindsr.data.scenes.rooms import SCENE_CLASSES
from blindsr.degradation.paired import Operator, degrade
from blindsr.errors import ConfigError
from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import Downsampler
from blindsr.types import Sample

_FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}
"""First scene of each split: no scene is in two of them."""


class _Stored(NamedTuple):
    """A degraded scene as it is kept in memory."""

    lr: np.ndarray  # (h, w, 3) uint8
    hr: np.ndarray  # (H, W, 3) uint8
    blur: np.ndarray  # (H, W) float16, exact for steps of 0.025 to below 0.002
    seg: np.ndarray  # (H, W) uint8
    depth: np.ndarray | None = None  # (H, W) float32, where it is delivered


class SceneDataset(Dataset[Sample]):
    """Rendered, blurred and down-sampled scenes; each is made once and then kept in memory.

    Args:
        seed: series of scenes.
        first: number of the first scene.
        count: number of scenes.
        size: HR height and width.
        scale: HR is ``scale`` times LR.
        sigma_max: largest sigma in HR pixels.
        downsampler: how LR is taken from the blurred HR.
        operator: spatially varying blur.
        iva: probability that a scene is blurred by one sigma everywhere.
        transform: applied to the arrays; :class:`~blindsr.data.augment.on_the_fly.Regenerate` draws
            the blur of every sample anew.
        group: number of the test group, 0 for none. Groups differ in blur alone.
        frames: sharp scenes shared between groups, filled as they are rendered.
        photographs: share of frames that are cut from photographs instead of rendered.
        soft: share of those that are out of focus by themselves.
        depth: deliver it.
        held_out: cut them from the photograph that is kept for validation and test.
    """

    def __init__(
        self,
        *,
        seed: int,
        first: int,
        count: int,
        size: tuple[int, int],
        scale: int,
        sigma_max: float,
        downsampler: Downsampler,
        operator: Operator,
        iva: float,
        transform: PairedTransform | Regenerate | None = None,
        group: int = 0,
        frames: dict[int, SceneFrame] | None = None,
        photographs: float = 0.0,
        soft: float = 0.0,
        depth: bool = False,
        held_out: bool = False,
    ) -> None:
        self.with_depth = depth
        self.photographs, self.soft, self.held_out = photographs, soft, held_out
        self.seed, self.first, self.count, self.size = seed, first, count, size
        self.scale, self.sigma_max = scale, sigma_max
        self.downsampler: Downsampler = downsampler
        self.operator: Operator = operator
        self.iva, self.transform, self.group = iva, transform, group
        self._frames = frames
        self._stored: dict[int, _Stored] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        if not 0 <= position < self.count:
            message = f"scene {position} of {self.count}"
            raise IndexError(message)
        number = self.first + position
        if isinstance(self.transform, Regenerate):
            frame = self._frame(number)
            arrays = self.transform(Sharp(frame.rgb, frame.depth, frame.seg), seed)
        else:
            arrays = self._frozen(number)
            if self.transform is not None:
                arrays = self.transform(arrays, seed)
        group = f"Group{self.group}" if self.group else ""
        return to_sample(arrays, name=f"{number:07d}", group=group)

    def _frozen(self, number: int) -> Arrays:
        """Return the scene with the blur it always has."""
        if number not in self._stored:
            self._stored[number] = self._make(number)
        stored = self._stored[number]
        arrays = {
            "lr": stored.lr.astype(np.float32) / np.float32(255),
            "hr": stored.hr.astype(np.float32) / np.float32(255),
            "blur": stored.blur.astype(np.float32),
            "seg": stored.seg,
        }
        return arrays if stored.depth is None else {**arrays, "depth": stored.depth}

    def draw(self, number: int) -> BlurDraw:
        """Return the blur of scene ``number`` in this group, drawn from the scene's own seed."""
        rng = np.random.default_rng([self.seed, number, 1 + self.group])
        invariant = bool(rng.random() < self.iva)
        return draw_blur(rng, invariant=invariant, sigma_max=self.sigma_max)

    def _make(self, number: int) -> _Stored:
        frame = self._frame(number)
        blur = self.draw(number).blur_map(frame.depth, sigma_max=self.sigma_max)
        lr = degrade(
            frame.rgb.astype(np.float32) / np.float32(255),
            blur,
            scale=self.scale,
            sigma_max=self.sigma_max,
            downsampler=self.downsampler,
            operator=self.operator,
            depth=frame.depth,
        )
        depth = frame.depth if self.with_depth else None
        return _Stored(to_uint8(lr), frame.rgb, blur.astype(np.float16), frame.seg, depth)

    def _frame(self, number: int) -> SceneFrame:
        if self._frames is None:
            return self._sharp(number)
        if number not in self._frames:
            self._frames[number] = self._sharp(number)
        return self._frames[number]

    def _sharp(self, number: int) -> SceneFrame:
        """Render the scene, or cut a photograph: every n-th frame, evenly spread."""
        if int((number + 1) * self.photographs) > int(number * self.photographs):
            soft, held_out = self.soft, self.held_out
            return photo_frame(self.seed, number, self.size, soft=soft, held_out=held_out)
        return render_scene(self.seed, number, self.size)


class RenderedScenes(PairedDataModule):
    """Base of the data modules of rendered rooms: how many there are in each split.

    Args:
        train_count: number of training scenes (of each stream).
        val_count: number of validation scenes (of each stream).
        test_count: number of test scenes (of each stream).

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        train_count: int = 64,
        val_count: int = 8,
        test_count: int = 8,
        eval_batch_size: int = 4,
        num_workers: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(eval_batch_size=eval_batch_size, num_workers=num_workers, **options)
        self.counts = {"train": train_count, "val": val_count, "test": test_count}
        for split, count in self.counts.items():
            check_whole(f"{split}_count", count, least=1, most=1_000_000)


class Scenes(RenderedScenes, AugmentedDataModule):
    """Procedural rooms of 8 classes with exact depth, blurred like the real data sets.

    Args:
        size: HR height and width, multiples of ``scale``.
        iva: share of scenes with one sigma everywhere.
        photographs: share of frames cut from the public-domain photographs of scikit-image, with
            a made-up depth and no classes (:mod:`blindsr.data.scenes.photographs`).
        soft_photographs: share of those that are out of focus by themselves, which is no part of
            the blur map: a restorer has to leave it alone.
        test_groups: number of test groups: the same scenes with other blur.
        options: see the base classes.

    Raises:
        ConfigError: an argument is out of range.
    """

    class_names = SCENE_CLASSES

    def __init__(
        self,
        *,
        size: Sequence[int] = (192, 256),
        iva: float = 0.2,
        photographs: float = 0.0,
        soft_photographs: float = 0.0,
        test_groups: int = 1,
        crop: list[int] | None = None,
        **options: Any,
    ) -> None:
        self.iva = iva  # the base needs it for the transform
        super().__init__(crop=crop, **options)
        shares = {"iva": iva, "photographs": photographs, "soft_photographs": soft_photographs}
        for key, share in shares.items():
            check_number(key, share, most=1)
        check_whole("test_groups", test_groups, least=1, most=1000)
        self.size = _checked_size(size, self.scale, crop)
        self.test_groups = test_groups
        self.photographs, self.soft = photographs, soft_photographs
        self.metric_depth = photographs == 0  # that of photographs is made up

    def setup(self, stage: str | None = None) -> None:
        """Make the data sets of ``stage``; what is rendered stays when called again."""
        if stage in (None, "fit", "validate") and self.train_set is None:
            kept: dict[int, SceneFrame] | None = (
                {} if isinstance(self.transform, Regenerate) else None
            )
            self.train_set = self._set("train", transform=self.transform, frames=kept)
            self.val_set = self._set("val")
        if stage in (None, "test", "predict") and not self.test_sets:
            frames: dict[int, SceneFrame] = {}
            self.test_sets = [
                self._set("test", group=group + 1, frames=frames)
                for group in range(self.test_groups)
            ]

    def _set(
        self,
        split: str,
        *,
        transform: PairedTransform | Regenerate | None = None,
        group: int = 0,
        frames: dict[int, SceneFrame] | None = None,
    ) -> SceneDataset:
        return SceneDataset(
            seed=self.seed,
            first=_FIRST[split],
            count=self.counts[split],
            size=self.size,
            scale=self.scale,
            sigma_max=self.sigma_max,
            downsampler=self.downsampler,
            operator=self.operator,
            iva=1.0 if self.iva_only and split == "train" else self.iva,
            transform=transform,
            group=group,
            frames=frames,
            photographs=self.photographs,
            soft=self.soft,
            depth=self.with_depth,
            held_out=split != "train",
        )


def _checked_size(size: Sequence[int], scale: int, crop: list[int] | None) -> tuple[int, int]:
    check_sides("size", size)
    if min(size) < scale or any(length % scale for length in size):
        raise ConfigError("size", found=str(size), expected=f"two multiples of scale = {scale}")
    lr_size = (int(size[0]) // scale, int(size[1]) // scale)
    if crop is not None:
        check_sides("crop", crop)
    if crop is not None and (crop[0] > lr_size[0] or crop[1] > lr_size[1]):
        raise ConfigError("crop", found=str(crop), expected=f"at most the LR size {lr_size}")
    return int(size[0]), int(size[1])
