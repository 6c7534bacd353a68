"""Samples of a BSR folder: read as they are, or blurred anew from HR and depth."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.on_the_fly import Regenerate, Sharp
from blindsr.data.augment.paired import Arrays, PairedTransform, to_sample
from blindsr.data.bsr.layout import BSRFiles, SegFormat
from blindsr.data.bsr.shards import TrainingShards
from blindsr.data.files.depth_maps import MILLIMETRE, read_depth
from blindsr.data.files.sigma_maps import read_blur
from blindsr.data.files.source_values import real_numbers
from blindsr.data.loading.samplers import Draw
from blindsr.errors import DataError, missing_file
from blindsr.imaging.files import read_array, read_rgb, to_uint8
from blindsr.types import IGNORE_INDEX, Sample

_COPY = "Copy it again, or prepare it again"
_FIX = (
    "Prepare the data set again without --no-keep-depth (--overwrite replaces the old one), "
    "or set on_the_fly to false and deliver to []"
)


class BSRDataset(Dataset[Sample]):
    """Map-style data set over the files of one split or test group.

    An item is a :class:`~blindsr.types.Sample`. Index it with an int, or with a
    :class:`~blindsr.data.loading.samplers.Draw` to fix the random draw of the transform as well.

    Args:
        files: from :func:`blindsr.data.bsr.layout.find_files`.
        scale: HR is ``scale`` times LR; checked.
        sigma_max: sigma above it is an error (a wrong data set or a wrong argument).
        num_classes: number of classes; a class beyond is an error.
        seg_format: how classes are stored.
        transform: applied to the arrays; without one the whole picture is returned. A
            :class:`~blindsr.data.augment.on_the_fly.Regenerate` gets HR, depth and ``seg`` only
            and makes the rest.
        group: value of ``Sample["group"]``; absent if empty.
        depth_step: metres of one step of the stored depth.
        depth: deliver it.
        shards: where ``files`` lie, if not loose.

    Raises:
        FileError: there are no depth maps for ``Regenerate``; a file is missing or damaged (when
            the item is read).
        DataError: sizes, sigma, depth or classes do not fit (when the item is read).
    """

    def __init__(
        self,
        files: Sequence[BSRFiles],
        *,
        scale: int,
        sigma_max: float,
        num_classes: int,
        seg_format: SegFormat = "zero_void",
        transform: PairedTransform | Regenerate | None = None,
        group: str = "",
        depth_step: float = MILLIMETRE,
        depth: bool = False,
        shards: TrainingShards | None = None,
    ) -> None:
        self.files = list(files)
        self.scale = scale
        self.sigma_max = sigma_max
        self.num_classes = num_classes
        self.seg_format = seg_format
        self.transform = transform
        self.group = group
        self.depth_step = depth_step
        self.with_depth = depth
        self.shards = shards
        if isinstance(transform, Regenerate) or depth:
            for file in self.files:
                if file.depth is None:
                    folder = file.hr.parents[1] / "depth"
                    what = "depth maps, which on_the_fly or deliver need"
                    raise missing_file(folder, what, _FIX)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        with contextlib.ExitStack() as stack:
            files = self.files[position]
            if self.shards is not None:
                files = stack.enter_context(self.shards.local(files))
            return self._sample(files, seed)

    def _sample(self, files: BSRFiles, seed: int | None) -> Sample:
        if isinstance(self.transform, Regenerate):
            arrays = self.transform(self._sharp(files), seed)
        else:
            arrays = self._read(files)
            if self.transform is not None:
                arrays = self.transform(arrays, seed)
        return to_sample(arrays, name=files.name, group=self.group)

    def _read(self, files: BSRFiles) -> Arrays:
        arrays: Arrays = {"lr": read_rgb(files.lr), "hr": read_rgb(files.hr)}
        height, width = arrays["lr"].shape[:2]
        size = (height * self.scale, width * self.scale)
        arrays["blur"] = read_blur(files.blur, files.exact_blur)
        if arrays["blur"].max() > self.sigma_max + 0.05:  # half a step of the stored map
            raise DataError(
                files.blur,
                found=f"sigma {arrays['blur'].max():g}",
                expected=f"0..{self.sigma_max:g} (sigma_max)",
                fix="Set sigma_max to that of the data set",
            )
        if files.seg is not None:
            arrays["seg"] = read_seg(files.seg, self.num_classes, self.seg_format)
        if self.with_depth and files.depth is not None:
            arrays["depth"] = read_depth(files.depth, self.depth_step)
        for key in ("hr", "blur", "seg", "depth"):
            path = getattr(files, key)
            if key in arrays:
                _check_size(arrays[key], path, size, f"{self.scale} x {files.lr}")
        return arrays

    def _sharp(self, files: BSRFiles) -> Sharp:
        assert files.depth is not None
        hr, depth = to_uint8(read_rgb(files.hr)), read_depth(files.depth, self.depth_step)
        seg = None
        if files.seg is not None:
            seg = read_seg(files.seg, self.num_classes, self.seg_format)
        for array, path in ((depth, files.depth), (seg, files.seg)):
            if array is not None:
                _check_size(array, path, hr.shape[:2], f"as {files.hr}")
        return Sharp(hr, depth, seg)


def _check_size(array: np.ndarray, path: Path | None, size: tuple[int, ...], of: str) -> None:
    if array.shape[:2] != size:
        raise DataError(path, found=f"{array.shape[:2]} pixels", expected=f"{size}, {of}")


def read_seg(path: Path, num_classes: int, seg_format: SegFormat) -> np.ndarray:
    """Return classes (H, W) uint8: 0..C-1, 255 = no class.

    Raises:
        FileError: the file is missing or damaged.
        DataError: a value is beyond the classes.
    """
    stored = read_array(path)
    real_numbers(stored, path, expected="classes as whole numbers", kinds="ui", fix=_COPY)
    stored = stored if stored.ndim == 2 else stored[:, :, 0]
    if seg_format == "zero_void":
        void, seg = stored == 0, stored.astype(np.int32) - 1
    else:
        void, seg = stored == IGNORE_INDEX, stored.astype(np.int32)
    highest = seg[~void].max(initial=0)
    if highest >= num_classes:
        raise DataError(
            path,
            found=f"class index {highest}",
            expected=f"0..{num_classes - 1} or void (format {seg_format})",
        )
    return np.where(void, IGNORE_INDEX, seg).astype(np.uint8)
