"""Samples of a BSR folder whose blur is drawn anew: GT, depth and classes alone are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.on_the_fly import Regenerate, Sharp
from blindsr.data.augment.paired import to_sample
from blindsr.data.bsr.dataset import LabelFormat, read_labels
from blindsr.data.bsr.layout import BSRFiles
from blindsr.data.loading.samplers import Draw
from blindsr.errors import DataError, missing_file
from blindsr.imaging.files import read_array, read_rgb, to_uint8
from blindsr.types import Sample

_FIX = (
    "Prepare the data set again without --no-keep-depth (--overwrite replaces the old one), "
    "or set on_the_fly to false"
)


class SharpBSRDataset(Dataset[Sample]):
    """Map-style data set that degrades each picture as it is asked for.

    Args:
        files: from :func:`blindsr.data.bsr.layout.find_files`.
        regenerate: makes the sample.
        num_classes: a label beyond is an error.
        label_format: how classes are stored.

    Raises:
        FileError: there are no depth maps; a file is missing or damaged (when the item is read).
        DataError: depth or labels do not fit (when the item is read).
    """

    def __init__(
        self,
        files: Sequence[BSRFiles],
        regenerate: Regenerate,
        *,
        num_classes: int,
        label_format: LabelFormat = "zero_void",
    ) -> None:
        self.files = list(files)
        self.regenerate = regenerate
        self.num_classes = num_classes
        self.label_format = label_format
        self.group = ""
        for file in self.files:
            if file.depth is None:
                folder = file.hr.parents[1] / "depth"
                raise missing_file(folder, "depth maps, from which on_the_fly draws blur", _FIX)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        files = self.files[position]
        arrays = self.regenerate(self._read(files), seed)
        return to_sample(arrays, name=files.name, group=self.group)

    def _read(self, files: BSRFiles) -> Sharp:
        assert files.depth is not None
        hr = to_uint8(read_rgb(files.hr))
        depth = read_depth(files.depth)
        seg = (
            None
            if files.seg is None
            else read_labels(files.seg, self.num_classes, self.label_format)
        )
        for array, path in ((depth, files.depth), (seg, files.seg)):
            if array is not None and array.shape != hr.shape[:2]:
                raise DataError(
                    path, found=f"{array.shape} pixels", expected=f"{hr.shape[:2]}, as {files.hr}"
                )
        return Sharp(hr, depth, seg)


def read_depth(path: Path) -> np.ndarray:
    """Return depth (H, W) float32 in metres.

    Raises:
        FileError: the file is missing or damaged.
        DataError: it is not one channel of 16 bit, or 0 somewhere.
    """
    stored = read_array(path)
    if stored.dtype != np.uint16 or stored.ndim != 2 or not stored.all():
        raise DataError(
            path,
            found=f"{stored.dtype} of shape {stored.shape}, lowest {stored.min()}",
            expected="(H, W) uint16 millimetres above 0",
        )
    return stored.astype(np.float32) / np.float32(1000)
