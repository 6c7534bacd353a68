"""Data module of PBaSR's two streams, made of rendered rooms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from blindsr.data.files.masks import Mask
from blindsr.data.files.pictures import PictureFiles, PictureStore
from blindsr.data.files.source_values import LARGEST_SIGMA, finite
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_number,
    check_sides,
    check_whole,
)
from blindsr.data.loading.two_streams import TwoStreamDataModule, TwoStreamDataset
from blindsr.data.pbasr.datamodule import PatchDataModule
from blindsr.data.pbasr.datasets import EvalFolderDataset, HRFolderDataset
from blindsr.data.scenes.datamodule import RenderedScenes
from blindsr.data.scenes.intended_blur import intended_defocus
from blindsr.data.scenes.render import render_scene
from blindsr.degradation.paired import Operator
from blindsr.degradation.random.recipe import smallest_side
from blindsr.errors import ConfigError

Stream = Literal["general", "blur"]
_FIRST = {"train": 10_000_000, "val": 11_000_000, "test": 12_000_000}
_BLUR_FIRST = 5_000_000
"""Added for the blur stream: no scene is in two splits or streams, or in those of ``Scenes``."""
_LEAST_BLUR = 0.2  # so that most patches contain some


class _Stored(NamedTuple):
    hr: np.ndarray  # (H, W, 3) uint8
    mask: Mask | None


class SceneStore(PictureStore):
    """Renders the scenes of one stream instead of reading files; each is kept in memory.

    The name of a file is the number of its scene.

    Args:
        stream: "general" is sharp everywhere and has no mask; "blur" has intended defocus in HR,
            and a mask.
        seed: series of scenes.
        size: HR height and width.
        sigma_max: of intended blur in HR pixels.
        threshold: the mask is sharp where sigma is below.
        operator: of intended blur, see :func:`~blindsr.data.scenes.intended_blur.intended_defocus`.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        seed: int,
        size: tuple[int, int],
        sigma_max: float,
        threshold: float,
        operator: Operator,
    ) -> None:
        super().__init__()
        self.stream, self.seed, self.size = stream, seed, size
        self.sigma_max, self.threshold = sigma_max, threshold
        self.operator: Operator = operator
        self._stored: dict[str, _Stored] = {}

    def picture(self, path: Path) -> np.ndarray:
        """Return the scene, (H, W, 3) uint8."""
        return self._scene(path.name).hr

    def mask(self, files: PictureFiles, size: tuple[int, int]) -> Mask | None:
        """Return the mask (H, W) of 0 and 1; None in the general stream."""
        del size  # all scenes have one
        return self._scene(files.name).mask

    def _scene(self, name: str) -> _Stored:
        if name not in self._stored:
            self._stored[name] = self._make(int(name))
        return self._stored[name]

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


class PBaSRScenes(RenderedScenes, TwoStreamDataModule, PatchDataModule):
    """Sharp procedural rooms, and rooms with intended defocus and its mask; one degradation.

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
        degradation: str = "bicubic",
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
            streams = (self._scenes(stream, "train") for stream in get_args(Stream))
            self.train_set = TwoStreamDataset(
                *(HRFolderDataset(files, self.patch, store) for files, store in streams)
            )
            self.val_sets = self._whole("val")
        if stage in (None, "test", "predict") and not self.test_sets:
            self.test_sets = self._whole("test")

    def _whole(self, split: str) -> list[EvalFolderDataset]:
        """Return the whole pictures of a split, a data set for each stream."""
        sets = []
        for stream in get_args(Stream):
            files, store = self._scenes(stream, split)
            sets.append(
                EvalFolderDataset(
                    files,
                    scale=self.scale,
                    degradation=self.degradation,
                    group=stream,
                    seed=self.seed,
                    store=store,
                )
            )
        return sets

    def _scenes(self, stream: Stream, split: str) -> tuple[list[PictureFiles], SceneStore]:
        first = _FIRST[split] + (_BLUR_FIRST if stream == "blur" else 0)
        names = [f"{number:08d}" for number in range(first, first + self.counts[split])]
        store = SceneStore(
            stream,
            seed=self.seed,
            size=self.size,
            sigma_max=self.sigma_max,
            threshold=self.threshold,
            operator=self.operator,
        )
        return [PictureFiles(name, Path(name)) for name in names], store


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
