"""Prepares NYUv2-BSR from the official NYU Depth V2 files, in the layout of the CMOS authors.

``train/{GT,LRx4,blur,semseg}``, ``val/{GT,semseg}`` and ``val/Group1..5/{LRx4,blur}``, with
``manifest.json`` on top, and ``depth`` beside ``GT`` on request. "val" is the
official test split, as in the released data set.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blindsr.data.files.depth_maps import MILLIMETRE
from blindsr.data.prepare.folder import (
    TEST_GROUPS,
    Part,
    Preparation,
    PrepareOptions,
    check_size,
)
from blindsr.data.prepare.frame import Frame
from blindsr.data.prepare.nyuv2_file import (
    NYUv2File,
    NYUv2Split,
    read_class_mapping,
    read_splits,
    seg_from_labels,
)
from blindsr.data.prepare.swapped_sources import refuse_swapped


@dataclass(frozen=True)
class NYUv2Frame:
    """One frame of ``nyu_depth_v2_labeled.mat``."""

    mat: Path
    mapping: np.ndarray
    """(K + 1,) uint8, raw class to 0..40."""
    number: int
    """From 1."""
    labelled = True

    @property
    def name(self) -> str:
        """Four digits."""
        return f"{self.number:04d}"

    def read(self) -> Frame:
        """Read it; see :class:`~blindsr.data.prepare.frame.FrameReader`."""
        with NYUv2File(self.mat) as source:
            frame = source.read(self.number)
        seg = seg_from_labels(frame.labels, self.mapping, f"{self.mat} frame {self.number}")
        return Frame(frame.rgb, frame.depth, seg)


def prepare_nyuv2(
    mat: str | Path,
    splits: str | Path,
    classes: str | Path,
    out: str | Path,
    **options: Any,
) -> dict[str, Any]:
    """Write NYUv2-BSR and return its manifest.

    The files are the same bit for bit whatever the number of workers. A run that was interrupted
    (or killed) goes on when started again with the same settings; finished frames are skipped.

    Args:
        mat: ``nyu_depth_v2_labeled.mat``.
        splits: ``splits.mat`` (frame numbers from 1).
        classes: ``classMapping40.mat`` (894 raw classes to 40).
        out: folder to write; new, empty, or one of the same settings unless ``overwrite``.
        options: those of every preparation, see
            :class:`~blindsr.data.prepare.folder.PrepareOptions`.

    Raises:
        FileError: a source file is missing or damaged, or the disk is full.
        DataError: a source does not hold what it should, or ``out`` holds something else.
        ConfigError: an option has no meaning.
    """
    common = PrepareOptions(**options)
    refuse_swapped(mat, splits, classes)
    with NYUv2File(mat) as source:
        frames, size = len(source), source.size
    split = read_splits(splits, frames)
    mapping = read_class_mapping(classes)
    check_size(mat, size, common.scale)
    settings = {
        "dataset": "nyuv2",
        "hr_size": list(size),
        "train_frames": list(split.train),
        "val_frames": list(split.test),
        "mat_bytes": Path(mat).stat().st_size,
        "classes_crc32": zlib.crc32(mapping.tobytes()),
    }
    preparation = Preparation(
        parts=nyuv2_parts(split, Path(mat), mapping),
        settings=settings,
        depth_step=MILLIMETRE,
        options=common,
    )
    return preparation.write(Path(out))


def nyuv2_parts(split: NYUv2Split, mat: Path, mapping: np.ndarray) -> list[Part]:
    """Return the splits; the random stream of "val" is "test"."""
    train, test = (
        {number: NYUv2Frame(mat, mapping, number) for number in numbers}
        for numbers in (split.train, split.test)
    )
    return [Part("train", "train", 0, train), Part("val", "test", TEST_GROUPS, test)]
