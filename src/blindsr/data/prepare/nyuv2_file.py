"""Reads NYU Depth V2: ``nyu_depth_v2_labeled.mat``, ``splits.mat``, ``classMapping40.mat``.

The labelled file is MATLAB v7.3, that is HDF5 with reversed axes: ``images`` is stored
(N, 3, W, H), ``depths`` and ``labels`` (N, W, H). One frame is read at a time; the whole of
``images`` would take 1.3 GB. Frames are counted from 1, as in ``splits.mat``.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import h5py
import numpy as np

from blindsr.data.files.source_values import (
    ordinary_file,
    real_numbers,
    refuse_bad,
    type_name,
    whole_numbers,
)
from blindsr.data.prepare.matlab_file import read_number_lists
from blindsr.errors import BlindSRError, DataError, FileError, os_error

_DOWNLOAD = "Download it again from the NYU Depth Dataset V2 page"
_OFFICIAL = "Give the labelled file nyu_depth_v2_labeled.mat as it is distributed"
_BELONG = "Give the labelled file and the split that belong together"
_VARIABLES = {
    "images": (4, "u", "8 bit colours"),
    "depths": (3, "f", "metres as floats"),
    "labels": (3, "iuf", "whole numbers"),
}
"""Number of axes, letters of ``numpy.dtype.kind``, and what that is called."""
_FARTHEST = 65.535  # metres; ``depth`` stores 16 bit millimetres
_LARGEST_FRAME = 2**26  # pixels: more is damage, and would be read into memory
_HIGHEST_LABEL = 65535


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
        self.path = ordinary_file(path, "nyu_depth_v2_labeled.mat", _DOWNLOAD)
        with _damage(self.path):
            self._file = h5py.File(self.path, "r")
        try:
            with _damage(self.path):
                self._variables = {name: self._variable(name) for name in _VARIABLES}
                self._check_shapes()
        except BaseException:
            self._file.close()
            raise

    def _variable(self, name: str) -> h5py.Dataset:
        """Return a variable that lies in this very file and holds numbers of its kind."""
        own = isinstance(self._file.get(name, getlink=True), h5py.HardLink)
        variable = self._file[name] if own else None
        if not isinstance(variable, h5py.Dataset) or variable.external or variable.is_virtual:
            raise DataError(
                self.path,
                found=f"no variable {name!r}",
                expected="images, depths and labels",
                fix=_OFFICIAL,
            )
        _, kinds, meaning = _VARIABLES[name]
        where = f"{self.path}[{name}]"
        if variable.attrs.get("MATLAB_class", b"") in (b"char", b"cell", b"struct", b"logical"):
            found = f"a variable of class {variable.attrs['MATLAB_class'].decode()}"
            raise DataError(where, found=found, expected=meaning, fix=_OFFICIAL)
        real_numbers(variable, where, expected=meaning, kinds=kinds, fix=_OFFICIAL)
        if name == "images" and variable.dtype.itemsize != 1:
            found = type_name(variable.dtype)
            raise DataError(where, found=found, expected=meaning, fix=_OFFICIAL)
        return variable

    def _check_shapes(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            name: variable.shape or () for name, variable in self._variables.items()
        }
        for name, (axes, _, _) in _VARIABLES.items():
            if len(shapes[name]) != axes:
                raise DataError(
                    f"{self.path}[{name}]",
                    found=f"shape {shapes[name]}",
                    expected=f"{axes} axes",
                    fix=_OFFICIAL,
                )
        frames, colours, width, height = shapes["images"]
        if colours != 3 or not shapes["depths"] == shapes["labels"] == (frames, width, height):
            raise DataError(
                self.path,
                found=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
                expected="(N, 3, W, H), (N, W, H), (N, W, H) as MATLAB v7.3 stores them",
                fix=_OFFICIAL,
            )
        if not frames or not 0 < width * height <= _LARGEST_FRAME:
            raise DataError(
                self.path,
                found=f"{frames} frames of {width} x {height} pixels",
                expected="one or more of 640 x 480",
                fix=_OFFICIAL,
            )
        if height > width:
            raise DataError(
                self.path,
                found=f"frames {width} wide and {height} high",
                expected="wide ones, as (N, 3, W, H): these axes are swapped",
                fix=_OFFICIAL,
            )

    def __len__(self) -> int:
        return int(self._variables["images"].shape[0])

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
        _, _, width, height = self._variables["images"].shape
        return int(height), int(width)

    def read(self, number: int) -> NYUv2Frame:
        """Return frame ``number``, counted from 1.

        Raises:
            DataError: no such frame; depth that is NaN, infinite, zero, negative or beyond 65 m;
                labels that are no whole numbers in 0..65535.
            FileError: the frame lies in a damaged or missing part of the file.
        """
        if not 1 <= number <= len(self):
            raise DataError(self.path, found=f"frame {number}", expected=f"1..{len(self)}")
        where = f"{self.path} frame {number}"
        with _damage(where):
            rgb, depth, labels = (
                np.asarray(self._variables[name][number - 1]) for name in _VARIABLES
            )
        depth, labels = depth.T, labels.T
        refuse_bad(
            depth,
            ~((depth > 0) & (depth <= _FARTHEST)),
            where,
            what="depth",
            expected=f"finite metres above 0 and up to {_FARTHEST:g}",
            fix="Use the in-painted variable depths of the official file",
        )
        labels = whole_numbers(
            labels, where, low=0, high=_HIGHEST_LABEL, what="label", fix=_OFFICIAL
        )
        return NYUv2Frame(
            np.ascontiguousarray(rgb.transpose(2, 1, 0)),
            np.ascontiguousarray(depth, np.float32),
            np.ascontiguousarray(labels, np.uint16),
        )


def read_splits(path: str | Path, frames: int) -> NYUv2Split:
    """Return the frame numbers (from 1) of ``splits.mat`` for a file of ``frames`` frames.

    Raises:
        FileError: the file is missing, damaged or no MATLAB v5 file.
        DataError: a variable is missing or empty, a number is not whole, lies outside 1..frames,
            repeats or is in both lists.
    """
    names = ("trainNdxs", "testNdxs")
    lists = [
        whole_numbers(
            values, f"{path}[{name}]", low=1, high=frames, what="frame", fix=_BELONG
        ).tolist()
        for name, values in zip(names, read_number_lists(path, names, _BELONG), strict=True)
    ]
    owners: dict[int, str] = {}
    for name, numbers in zip(names, lists, strict=True):
        for number in numbers:
            if number in owners:
                raise DataError(
                    f"{path}[{name}]",
                    found=f"frame {number} twice"
                    + (f", in {owners[number]} too" if owners[number] != name else ""),
                    expected="each frame once",
                    fix=_BELONG,
                )
            owners[number] = name
    return NYUv2Split(*map(tuple, lists))


def read_class_mapping(path: str | Path) -> np.ndarray:
    """Return the table (K + 1,) uint8 from raw class 0..K to 0 = void, 1..40 (K = 894).

    Raises:
        FileError: the file is missing, damaged or no MATLAB v5 file.
        DataError: ``mapClass`` is missing or holds other values than 1..40.
    """
    fix = "Give classMapping40.mat"
    (mapping,) = read_number_lists(path, ("mapClass",), fix)
    mapping = whole_numbers(mapping, f"{path}[mapClass]", low=1, high=40, what="class", fix=fix)
    return np.concatenate([[0], mapping]).astype(np.uint8)


def seg_from_labels(labels: np.ndarray, mapping: np.ndarray, where: object) -> np.ndarray:
    """Return ``labels`` (H, W) as (H, W) uint8 with 0 = void and 1..40.

    Raises:
        DataError: a label is beyond the mapping table.
    """
    refuse_bad(
        labels,
        labels >= len(mapping),
        where,
        what="label",
        expected=f"0..{len(mapping) - 1}, the classes of the mapping",
        fix="Give the labelled file and the class mapping that belong together",
    )
    return mapping[labels]


@contextlib.contextmanager
def _damage(where: object) -> Iterator[None]:
    """Turn what HDF5 cannot read into one line: a refusal of the system, or damage.

    A damaged file raises any kind of exception, since its headers define types and sizes.
    """
    try:
        yield
    except BlindSRError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise os_error(error, where, "read") from error
        told = str(error) or type(error).__name__
        reason = re.search(r"\((.+)\)", told)  # "Unable to synchronously open file (reason)"
        another = "signature not found" in told  # whole, perhaps, but of another format
        raise FileError(
            where,
            found=f"cannot be read ({reason[1] if reason else told})",
            expected="a whole MATLAB v7.3 (HDF5) file",
            fix=_OFFICIAL if another else _DOWNLOAD,
        ) from error
