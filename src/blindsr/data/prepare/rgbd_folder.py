"""Prepares a BSR data set from anybody's pictures with depth.

``train/{GT,LRx4,blur}``, ``test/GT`` and ``test/Group1/{LRx4,blur}``, ``semseg`` where there are
labels, ``depth`` on request, and ``manifest.json`` on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np

from blindsr.data.files.depth_maps import CENTIMETRE
from blindsr.data.files.folder_walk import IMAGES
from blindsr.data.files.pairing import partners, stems
from blindsr.data.files.source_values import read_npy, real_numbers
from blindsr.data.loading.checked_options import check_choice, check_number, check_whole
from blindsr.data.loading.evaluation import split_holdout
from blindsr.data.prepare.disparity import read_pfm
from blindsr.data.prepare.folder import Part, Preparation, PrepareOptions
from blindsr.data.prepare.frame import Frame
from blindsr.data.prepare.holes import fill_holes
from blindsr.errors import DataError
from blindsr.imaging.files import read_array, read_rgb, to_uint8
from blindsr.types import IGNORE_INDEX

DepthKind = Literal["depth", "disparity", "inverse"]
MAP_SUFFIXES = {*IMAGES, ".npy", ".pfm"}
_TYPICAL = 10.0
"""Metres that the median of depth without a unit is stored as; blur depends on ratios alone."""
_FIX = "Check --depth and --kind"


@dataclass(frozen=True)
class FolderFrame:
    """One picture, its depth and its labels."""

    name: str
    image: Path
    depth: Path
    seg: Path | None
    kind: DepthKind
    """What the maps hold: distance, or what falls with it."""
    unit: float | None
    """Metres of one step of distance; ``None``: ratios are known, metres are not."""
    classes: int
    scale: int

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""
        return self.seg is not None

    def read(self) -> Frame:
        """Read it; see :class:`~blindsr.data.prepare.frame.FrameReader`.

        Sides that ``scale`` does not divide lose up to ``scale - 1`` pixels at the right and below.
        """
        image = to_uint8(read_rgb(self.image))
        height, width = (length - length % self.scale for length in image.shape[:2])
        if not height or not width:
            raise DataError(
                self.image,
                found=f"{image.shape[1]}x{image.shape[0]} pixels",
                expected=f"{self.scale} or more on every side",
            )
        rgb = np.ascontiguousarray(image[:height, :width])
        inverse = self._fitted(self._inverse(), self.depth, image)[:height, :width]
        known = np.isfinite(inverse)
        if not known.any():
            raise DataError(self.depth, found="no known depth", expected="some above 0", fix=_FIX)
        filled = fill_holes(np.where(known, inverse, 0), known, rgb).clip(0)
        with np.errstate(divide="ignore"):
            depth = np.float32(1) / filled
        if self.unit is None:
            near = depth[np.isfinite(depth)]
            depth = depth * np.float32(_TYPICAL / np.median(near)) if near.size else depth
        return Frame(rgb, depth, self._classes(image)[:height, :width] if self.seg else None)

    def _inverse(self) -> np.ndarray:
        """1 / depth, 0 for infinity, NaN where it is unknown."""
        suffix = self.depth.suffix.lower()
        if suffix == ".npy":
            stored = read_npy(self.depth, "a map of depth", fix=_FIX)
        elif suffix == ".pfm":
            stored = read_pfm(self.depth)
        else:
            stored = read_array(self.depth)
        real_numbers(stored, self.depth, expected="a map of depth", kinds="fui", fix=_FIX)
        stored = stored[..., 0] if stored.ndim == 3 and _grey(stored) else stored
        if stored.ndim != 2:
            raise DataError(
                self.depth,
                found=f"shape {stored.shape}",
                expected="one channel, or equal ones",
                fix=_FIX,
            )
        values = stored.astype(np.float32)
        if self.kind == "depth":
            values = values * np.float32(self.unit or 1)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(values > 0, 1 / values, np.nan).astype(np.float32)
        # whole numbers of a stereo matcher have 0 where nothing matches
        least = 1e-12 if self.kind == "disparity" and stored.dtype.kind in "ui" else 0.0
        return np.where(np.isfinite(values) & (values >= least), values, np.nan)

    def _classes(self, image: np.ndarray) -> np.ndarray:
        assert self.seg is not None
        stored = read_array(self.seg)
        real_numbers(stored, self.seg, expected="classes", kinds="ui", fix="Check --labels")
        stored = stored[..., 0] if stored.ndim == 3 else stored
        highest = int(stored[stored != IGNORE_INDEX].max(initial=0))
        if highest >= self.classes:
            raise DataError(
                self.seg,
                found=f"class {highest}",
                expected=f"0..{self.classes - 1}, or 255 for none",
                fix=f"Give --classes {highest + 1}, or correct the file",
            )
        fitted = self._fitted(stored.astype(np.uint8), self.seg, image)
        return np.repeat(fitted[..., None], 3, axis=2)

    @staticmethod
    def _fitted(array: np.ndarray, path: Path, image: np.ndarray) -> np.ndarray:
        """Bring a map to the size of its picture, by the nearest pixel."""
        height, width = image.shape[:2]
        have_height, have_width = array.shape
        if abs(have_width * height - have_height * width) > max(height, width) * 1.5:
            raise DataError(
                path,
                found=f"{have_width}x{have_height} pixels",
                expected=f"the shape of {width}x{height}, at any size",
            )
        return cv2.resize(array, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def prepare_folder(
    images: str | Path,
    depth: str | Path,
    out: str | Path,
    *,
    kind: DepthKind = "depth",
    unit: float | None = None,
    labels: str | Path | None = None,
    classes: int = 0,
    test_share: float = 0.2,
    **options: Any,
) -> dict[str, Any]:
    """Blur pictures by their depth, write them as a BSR data set, and return its manifest.

    All promises of :func:`~blindsr.data.prepare_nyuv2` hold: equal bytes whatever the number of
    workers, and a run that was killed goes on.

    Args:
        images: folder of pictures.
        depth: folder of maps named as the pictures: ``.png`` and other images, ``.npy``, ``.pfm``;
            holes (0, NaN, infinity in ``.pfm``) are filled along the edges of the picture.
        out: folder to write; new, empty, or one of the same settings unless ``overwrite``.
        kind: ``depth`` (distance), ``disparity`` (0 is unknown in files of whole numbers), or
            ``inverse`` (as of networks for one picture; 0 is farthest).
        unit: metres of one step of ``depth``, 0.001 for millimetres; without it ratios alone are
            known, which is all that blur needs.
        labels: folder of class maps, 0..classes-1 and 255 for none; without it there is no
            semantic map.
        classes: their number.
        test_share: share of the pictures kept for the test, at least one.
        options: those of every preparation, see
            :class:`~blindsr.data.prepare.folder.PrepareOptions`.

    Raises:
        FileError: a folder or file is missing or damaged, or the disk is full.
        DataError: a picture has no partner, a map does not fit, or ``out`` holds something else.
        ConfigError: an option has no meaning.
    """
    common = PrepareOptions(**options)
    check_choice("kind", kind, get_args(DepthKind))
    if unit is not None:
        check_number("unit", unit, most=1000, above=True)
    check_number("test_share", test_share, most=0.9, above=True)
    check_whole("classes", classes, least=1 if labels else 0, most=IGNORE_INDEX)
    pictures = stems(Path(images), what="pictures")
    maps = partners(pictures, _maps(depth, "depth maps"), Path(depth))
    seg = partners(pictures, _maps(labels, "class maps"), Path(labels)) if labels else {}
    readers = [
        FolderFrame(
            name=name,
            image=path,
            depth=maps[name],
            seg=seg.get(name),
            kind=kind,
            unit=unit if kind == "depth" else None,
            classes=classes,
            scale=common.scale,
        )
        for name, path in pictures.items()
    ]
    train, test = split_holdout(readers, test_share, common.seed, "prepared")
    numbers = {reader.name: number for number, reader in enumerate(readers, start=1)}
    preparation = Preparation(
        parts=[
            Part("train", "train", 0, {numbers[r.name]: r for r in train}),
            Part("test", "test", 1, {numbers[r.name]: r for r in test}),
        ],
        settings={
            "dataset": "folder",
            "pictures": sorted(numbers),
            "kind": kind,
            "unit": unit,
            "classes": classes if labels else 0,
            "test_share": test_share,
            "metric_depth": kind == "depth" and unit is not None,
        },
        depth_step=CENTIMETRE,
        options=common,
    )
    return preparation.write(Path(out))


def _maps(folder: str | Path, what: str) -> dict[str, Path]:
    return stems(Path(folder), what=what, suffixes=MAP_SUFFIXES)


def _grey(stored: np.ndarray) -> bool:
    return bool((stored == stored[..., :1]).all())
