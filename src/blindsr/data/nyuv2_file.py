"""Reading NYU Depth V2: ``nyu_depth_v2_labeled.mat``, ``splits.mat`` and ``classMapping40.mat``.

The labelled file is MATLAB v7.3, that is HDF5 with reversed axes: ``images`` is stored
(N, 3, W, H), ``depths`` and ``labels`` (N, W, H). One frame is read at a time; the whole of
``images`` would take 1.3 GB. Frames are counted from 1, as in ``splits.mat``.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import h5py
import numpy as np
import scipy.io

from blindsr.errors import DataError, FileError, missing_file

_DOWNLOAD = "Download it again from the NYU Depth Dataset V2 page"
_VARIABLES = {"images": 4, "depths": 3, "labels": 3}


class NYUv2Frame(NamedTuple):
    """One labelled frame."""

    rgb: np.ndarray
    """(H, W, 3) uint8, sRGB."""
    depth: np.ndarray
    """(H, W) float32, metres, in-painted, finite and > 0."""
    labels: np.ndarray
    """(H, W) uint16, raw class 1..894, 0 = no label."""


class NYUv2Split(NamedTuple):
    """Frame numbers (from 1) of the official split."""

    train: tuple[int, ...]
    test: tuple[int, ...]


class NYUv2File:
    """Reader of ``nyu_depth_v2_labeled.mat``; use it as a context manager.

    Raises:
        FileError: the file is missing, truncated or not HDF5.
        DataError: a variable is missing or has the wrong shape.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise missing_file(path, "nyu_depth_v2_labeled.mat", _DOWNLOAD)
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise _unreadable(self.path, error) from error
        try:
            self._check_variables()
        except BaseException:
            self._file.close()
            raise

    def _check_variables(self) -> None:
        for name, axes in _VARIABLES.items():
            variable = self._file.get(name)
            if not isinstance(variable, h5py.Dataset):
                raise DataError(
                    self.path,
                    found=f"no variable {name!r}",
                    expected="images, depths and labels",
                    fix="Give the labelled file nyu_depth_v2_labeled.mat",
                )
            if variable.ndim != axes:
                raise DataError(
                    f"{self.path}[{name}]", found=f"shape {variable.shape}", expected=f"{axes} axes"
                )
        frames, colours, width, height = self._file["images"].shape
        expected = {"depths": (frames, width, height), "labels": (frames, width, height)}
        found = {name: self._file[name].shape for name in expected}
        if colours != 3 or found != expected:
            raise DataError(
                self.path,
                found=f"images {self._file['images'].shape}, depths {found['depths']}, "
                f"labels {found['labels']}",
                expected="(N, 3, W, H), (N, W, H), (N, W, H) as MATLAB v7.3 stores them",
            )

    def __len__(self) -> int:
        return int(self._file["images"].shape[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        _, _, width, height = self._file["images"].shape
        return int(height), int(width)

    def read(self, number: int) -> NYUv2Frame:
        """Return frame ``number``, counted from 1.

        Raises:
            DataError: no such frame; depth that is NaN, infinite, zero or negative.
            FileError: the frame lies in a damaged or missing part of the file.
        """
        if not 1 <= number <= len(self):
            raise DataError(self.path, found=f"frame {number}", expected=f"1..{len(self)}")
        try:
            rgb = np.asarray(self._file["images"][number - 1]).transpose(2, 1, 0)
            depth = np.asarray(self._file["depths"][number - 1], np.float32).T
            labels = np.asarray(self._file["labels"][number - 1], np.uint16).T
        except OSError as error:
            raise _unreadable(f"{self.path} frame {number}", error) from error
        self._check_depth(depth, number)
        return NYUv2Frame(*(np.ascontiguousarray(part) for part in (rgb, depth, labels)))

    def _check_depth(self, depth: np.ndarray, number: int) -> None:
        bad = ~(np.isfinite(depth) & (depth > 0))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise DataError(
                f"{self.path} frame {number}",
                found=f"depth {depth[row, column]} at row {row}, column {column} "
                f"({int(bad.sum())} such pixels)",
                expected="finite metres above 0",
                fix="Use the in-painted variable depths of the official file",
            )


def read_splits(path: str | Path, frames: int) -> NYUv2Split:
    """Return the frame numbers (from 1) of ``splits.mat`` for a file of ``frames`` frames.

    Raises:
        FileError: the file is missing or no MATLAB file.
        DataError: a variable is missing, a number repeats, lies outside 1..frames or in both lists.
    """
    variables = _load_mat(path, ("trainNdxs", "testNdxs"))
    split = NYUv2Split(*(tuple(int(n) for n in np.ravel(v)) for v in variables))
    numbers = split.train + split.test
    outside = [n for n in numbers if not 1 <= n <= frames]
    if outside:
        raise DataError(
            path,
            found=f"frame {outside[0]}",
            expected=f"1..{frames}, the frames of the labelled file",
            fix="Give the labelled file and the split that belong together",
        )
    if len(set(numbers)) != len(numbers):
        repeated = next(n for n in numbers if numbers.count(n) > 1)
        raise DataError(path, found=f"frame {repeated} twice", expected="each frame once")
    return split


def read_class_mapping(path: str | Path) -> np.ndarray:
    """Return the table (K + 1,) uint8 from raw class 0..K to 0 = void, 1..40 (K = 894).

    Raises:
        FileError: the file is missing or no MATLAB file.
        DataError: ``mapClass`` is missing or holds other values than 1..40.
    """
    (mapping,) = _load_mat(path, ("mapClass",))
    mapping = np.ravel(mapping)
    if mapping.size == 0 or mapping.min() < 1 or mapping.max() > 40:
        raise DataError(f"{path}[mapClass]", found=f"{mapping[:5]}", expected="values 1..40")
    return np.concatenate([[0], mapping]).astype(np.uint8)


def map_labels(labels: np.ndarray, mapping: np.ndarray, where: object) -> np.ndarray:
    """Return ``labels`` (H, W) as (H, W) uint8 with 0 = void and 1..40.

    Raises:
        DataError: a label is beyond the mapping table.
    """
    if labels.max(initial=0) >= len(mapping):
        raise DataError(where, found=f"label {labels.max()}", expected=f"0..{len(mapping) - 1}")
    return mapping[labels]


def _load_mat(path: str | Path, names: tuple[str, ...]) -> list[Any]:
    if not Path(path).is_file():
        raise missing_file(path, f"the MATLAB file with {', '.join(names)}", "Check the path")
    try:
        content = scipy.io.loadmat(str(path))
    except (OSError, ValueError, TypeError, NotImplementedError, EOFError) as error:
        raise _unreadable(path, error, "a MATLAB v5 file") from error
    for name in names:
        if name not in content:
            raise DataError(path, found=f"no variable {name!r}", expected=", ".join(names))
        if not np.issubdtype(content[name].dtype, np.number):
            raise DataError(f"{path}[{name}]", found=f"{content[name].dtype}", expected="numbers")
    return [content[name] for name in names]


def _unreadable(
    where: object, error: BaseException, expected: str = "a whole MATLAB v7.3 (HDF5) file"
) -> FileError:
    return FileError(where, found=f"cannot be read ({error})", expected=expected, fix=_DOWNLOAD)
