"""The files of Cityscapes: finds pictures with their labels and disparity, and reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from blindsr.data.augment.blur_draw import SPLIT_CODES, Split
from blindsr.data.files.source_values import existing_folder, finite, ordinary_file
from blindsr.data.prepare.disparity import MAP_SUFFIXES, match, read_disparity
from blindsr.data.prepare.disparity_jitter import jitter
from blindsr.data.prepare.frame import Frame
from blindsr.data.prepare.holes import fill_holes
from blindsr.errors import BlindSRError, DataError, missing_file
from blindsr.imaging.files import read_array, read_rgb, to_uint8
from blindsr.types import IGNORE_INDEX

Fit = Literal["resize", "crop"]
OFFICIAL, MATCHED = "official", "sgbm"
TRAIN_IDS = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12,
    26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip
"""Label id -> train id (Cordts et al. 2016); every other id is void."""
_BASELINE, _FOCAL = 0.209313, 2262.52
"""Metres, and pixels of a picture 2048 wide: of a frame without a camera file."""
_WIDTH = 2048
_DOWNLOAD = "Download and unpack the Cityscapes package of that name into --root"


class CityscapesFiles(NamedTuple):
    """The files of one frame; what a choice of options does not need is ``None``."""

    name: str
    """Such as ``aachen_000000_000019``."""
    left: Path
    seg: Path | None
    right: Path | None
    disparity: Path | None
    camera: Path | None
    objects: Path | None = None
    """Labels of any split, which only say what belongs together."""


@dataclass(frozen=True)
class CityscapesFrame:
    """One frame, brought to a size."""

    files: CityscapesFiles
    size: tuple[int, int]
    """Height and width of HR."""
    fit: Fit
    """``resize`` squeezes the picture, which is twice as wide as high, into ``size``; ``crop``
    takes the largest part from the middle that has the shape of ``size``."""
    disparity_jitter: float = 0.0
    """See :func:`~blindsr.data.prepare.disparity_jitter.jitter`; 0 leaves disparity as it is."""
    seed: int = 0
    """Of that."""

    @property
    def name(self) -> str:
        """Such as ``aachen_000000_000019``."""
        return self.files.name

    @property
    def labelled(self) -> bool:
        """The labels of the test frames are not published."""
        return self.files.seg is not None

    def read(self) -> Frame:
        """Read it; see :class:`~blindsr.data.prepare.frame.FrameReader`."""
        files = self.files
        left = to_uint8(read_rgb(files.left))
        rgb = self._fitted(left, cv2.INTER_AREA)
        seg = None
        if files.seg is not None:
            found = train_ids(self._fitted(read_array(files.seg), cv2.INTER_NEAREST_EXACT))
            seg = np.repeat(found[..., None], 3, axis=2)  # as the released loader wants them
        disparity = self._fitted(_disparity(files, left), cv2.INTER_NEAREST_EXACT)
        known = ~np.isnan(disparity)
        if not known.any():
            raise DataError(
                files.disparity or files.right or files.left,
                found="no pixel of known disparity",
                expected="at least one",
                fix="Take --disparity sgbm, or maps of your own",
            )
        disparity = fill_holes(np.nan_to_num(disparity), known, rgb).clip(0)
        if self.disparity_jitter:
            assert files.objects is not None
            labels = self._fitted(read_array(files.objects), cv2.INTER_NEAREST_EXACT)
            disparity = jitter(disparity, labels, self.disparity_jitter, self.seed, self.name)
        with np.errstate(divide="ignore"):
            depth = np.float32(_metre_pixels(files)) / disparity
        return Frame(rgb, depth, seg)

    def _fitted(self, array: np.ndarray, interpolation: int) -> np.ndarray:
        height, width = self.size
        if self.fit == "crop":
            have_height, have_width = array.shape[:2]
            ratio = width / height
            wide = min(have_width, round(have_height * ratio))
            high = min(have_height, round(have_width / ratio))
            top, left = (have_height - high) // 2, (have_width - wide) // 2
            array = np.ascontiguousarray(array[top : top + high, left : left + wide])
        return cv2.resize(array, (width, height), interpolation=interpolation)


def find_cityscapes(
    root: Path, disparity: str, *, objects: bool = False
) -> dict[Split, list[CityscapesFiles]]:
    """Find the frames of every split, sorted by name, and all files that they need.

    Args:
        root: holds ``leftImg8bit``, ``gtFine`` and what the disparity comes from.
        disparity: ``official``, ``sgbm`` or a folder of maps named as the frames.
        objects: labels are needed of the test frames too.

    Raises:
        FileError: a folder or a file is missing.
        DataError: a split has no frames.
    """
    existing_folder(root, "the folder with leftImg8bit and gtFine", "Correct --root")
    maps = None
    if disparity not in (OFFICIAL, MATCHED):
        folder = Path(disparity)
        existing_folder(
            folder, "official, sgbm or a folder of disparity maps", "Correct --disparity"
        )
        maps = {
            path.stem.removesuffix("_leftImg8bit").removesuffix("_disparity"): path
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in MAP_SUFFIXES
        }
    found: dict[Split, list[CityscapesFiles]] = {}
    for split in SPLIT_CODES:
        folder = existing_folder(root / "leftImg8bit" / split, "the pictures of a split", _DOWNLOAD)
        lefts = sorted(folder.glob("*/*_leftImg8bit.png"), key=lambda path: path.name)
        if not lefts:
            raise DataError(
                folder, found="no *_leftImg8bit.png", expected="folders of cities", fix=_DOWNLOAD
            )
        found[split] = [_frame(root, path, split, disparity, maps, objects) for path in lefts]
    return found


def _frame(
    root: Path,
    left: Path,
    split: str,
    disparity: str,
    maps: dict[str, Path] | None,
    objects: bool,
) -> CityscapesFiles:
    name = left.name.removesuffix("_leftImg8bit.png")

    def partner(kind: str, ending: str) -> Path:
        path = root / kind / split / left.parent.name / f"{name}_{ending}"
        if not path.is_file():
            raise missing_file(path, f"the partner of {left.name}", _DOWNLOAD)
        return path

    def map_of_disparity() -> Path | None:
        if maps is None:
            return partner("disparity", "disparity.png") if disparity == OFFICIAL else None
        if name not in maps:
            place = Path(disparity) / f"{name}.npy"
            raise missing_file(place, "a map (.npy, .png or .pfm)", "Complete the folder")
        return maps[name]

    camera = root / "camera" / split / left.parent.name / f"{name}_camera.json"
    return CityscapesFiles(
        name=name,
        left=left,
        seg=None if split == "test" else partner("gtFine", "gtFine_labelIds.png"),
        right=partner("rightImg8bit", "rightImg8bit.png") if disparity == MATCHED else None,
        disparity=map_of_disparity(),
        camera=camera if camera.is_file() else None,
        objects=partner("gtFine", "gtFine_labelIds.png") if objects else None,
    )


def train_ids(ids: np.ndarray) -> np.ndarray:
    """Label ids (H, W) -> train ids 0..18 (H, W) uint8, 255 for all that is not evaluated."""
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[list(TRAIN_IDS)] = list(TRAIN_IDS.values())
    return table[ids.astype(np.uint8)]


def _disparity(files: CityscapesFiles, left: np.ndarray) -> np.ndarray:
    """Disparity (h, w) in pixels of a picture 2048 wide, NaN where it is unknown."""
    if files.right is not None:
        found = match(left, to_uint8(read_rgb(files.right)))
    else:
        assert files.disparity is not None
        found = read_disparity(files.disparity)
    if abs(found.shape[1] * left.shape[0] - found.shape[0] * left.shape[1]) > left.shape[1]:
        raise DataError(
            files.disparity or files.left,
            found=f"{found.shape} pixels",
            expected=f"the shape of {left.shape[:2]}, at any size",
        )
    return found * np.float32(_WIDTH / found.shape[1])


def _metre_pixels(files: CityscapesFiles) -> float:
    """Baseline times focal length, metres times pixels of a picture 2048 wide."""
    if files.camera is None:
        return _BASELINE * _FOCAL
    try:
        ordinary_file(files.camera, "JSON", _DOWNLOAD)
        content = json.loads(files.camera.read_text(encoding="utf-8"))
        product = content["extrinsic"]["baseline"] * content["intrinsic"]["fx"]
    except BlindSRError:
        raise
    except Exception as error:  # whatever a file that is no camera may raise
        raise DataError(
            files.camera,
            found="no baseline and fx",
            expected="a camera file of Cityscapes",
            fix=_DOWNLOAD,
        ) from error
    if not finite(product, above=0, most=1e9):
        raise DataError(
            files.camera, found=f"baseline * fx = {product}", expected="above 0", fix=_DOWNLOAD
        )
    return float(product)
