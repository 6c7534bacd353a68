"""Samples of a BSR folder: LR and HR picture, sigma map and classes of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.paired import Arrays, PairedTransform, to_sample
from blindsr.data.bsr.layout import BSRFiles
from blindsr.data.files.sigma_maps import read_sigma
from blindsr.data.files.source_values import real_numbers
from blindsr.data.loading.samplers import Draw
from blindsr.errors import DataError
from blindsr.imaging.files import read_array, read_rgb
from blindsr.types import IGNORE_INDEX, Sample

LabelFormat = Literal["zero_void", "train_ids"]
"""``zero_void``: 0 = void, 1..C (NYUv2). ``train_ids``: 0..C-1, 255 = void (Cityscapes)."""

_COPY = "Copy it again, or prepare it again"


class BSRDataset(Dataset[Sample]):
    """Map-style data set over the files of one split or test group.

    An item is a :class:`~blindsr.types.Sample`. Index it with an int, or with a
    :class:`~blindsr.data.loading.samplers.Draw` to fix the random draw of the transform as well.

    Args:
        files: from :func:`blindsr.data.bsr.layout.find_files`.
        scale: HR is ``scale`` times LR; checked.
        sigma_max: sigma above it is an error (a wrong data set or a wrong argument).
        num_classes: number of classes; a label beyond is an error.
        label_format: how classes are stored.
        transform: applied to the arrays; without one the whole picture is returned.
        group: value of ``Sample["group"]``; absent if empty.

    Raises:
        FileError: a file is missing or damaged (when the item is read).
        DataError: sizes, sigma or labels do not fit (when the item is read).
    """

    def __init__(
        self,
        files: Sequence[BSRFiles],
        *,
        scale: int,
        sigma_max: float,
        num_classes: int,
        label_format: LabelFormat = "zero_void",
        transform: PairedTransform | None = None,
        group: str = "",
    ) -> None:
        self.files = list(files)
        self.scale = scale
        self.sigma_max = sigma_max
        self.num_classes = num_classes
        self.label_format = label_format
        self.transform = transform
        self.group = group

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        files = self.files[position]
        arrays = self._read(files)
        if self.transform is not None:
            arrays = self.transform(arrays, seed)
        return to_sample(arrays, name=files.name, group=self.group)

    def _read(self, files: BSRFiles) -> Arrays:
        arrays: Arrays = {"lr": read_rgb(files.lr), "hr": read_rgb(files.hr)}
        height, width = arrays["lr"].shape[:2]
        size = (height * self.scale, width * self.scale)
        arrays["blur"] = read_sigma(files.blur, files.exact_blur)
        if arrays["blur"].max() > self.sigma_max + 0.05:  # half a step of the stored map
            raise DataError(
                files.blur,
                found=f"sigma {arrays['blur'].max():g}",
                expected=f"0..{self.sigma_max:g} (sigma_max)",
                fix="Set sigma_max to that of the data set",
            )
        if files.seg is not None:
            arrays["seg"] = read_labels(files.seg, self.num_classes, self.label_format)
        for key, path in (("hr", files.hr), ("blur", files.blur), ("seg", files.seg)):
            if key in arrays and arrays[key].shape[:2] != size:  # type: ignore[literal-required]
                found = arrays[key].shape[:2]  # type: ignore[literal-required]
                raise DataError(
                    path, found=f"{found} pixels", expected=f"{size}, {self.scale} x {files.lr}"
                )
        return arrays


def read_labels(path: Path, num_classes: int, label_format: LabelFormat) -> np.ndarray:
    """Return classes (H, W) uint8: 0..C-1, 255 = no label.

    Raises:
        FileError: the file is missing or damaged.
        DataError: a label is beyond the classes.
    """
    stored = read_array(path)
    real_numbers(stored, path, expected="classes as whole numbers", kinds="ui", fix=_COPY)
    stored = stored if stored.ndim == 2 else stored[:, :, 0]
    if label_format == "zero_void":
        void, classes = stored == 0, stored.astype(np.int32) - 1
    else:
        void, classes = stored == IGNORE_INDEX, stored.astype(np.int32)
    highest = classes[~void].max(initial=0)
    if highest >= num_classes:
        raise DataError(
            path,
            found=f"class index {highest}",
            expected=f"0..{num_classes - 1} or void (format {label_format})",
        )
    return np.where(void, IGNORE_INDEX, classes).astype(np.uint8)
