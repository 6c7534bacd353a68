"""Official files of NYU Depth V2 that were given in each other's place."""

from __future__ import annotations

import contextlib
from pathlib import Path

import h5py

from blindsr.data.prepare.matlab_file import variable_names
from blindsr.errors import DataError


def refuse_swapped(mat: str | Path, splits: str | Path, classes: str | Path) -> None:
    """Refuse files that are whole and stand in each other's place.

    Raises:
        DataError: one of them is what another option wants.
    """
    for option, path in (("--mat", mat), ("--splits", splits), ("--classes", classes)):
        role = _role(path)
        if role not in (None, option):
            raise DataError(
                path,
                found=f"the file for {role}",
                expected=f"that for {option}",
                fix=f"Give it to {role}: the options are swapped",
            )


def _role(path: str | Path) -> str | None:
    """The option that a file is made for, by the variables in it; ``None`` if that is unclear."""
    names: set[str] = set()
    with contextlib.suppress(Exception):  # damage raises any kind; it is told by who reads the file
        if Path(path).is_file():  # a pipe would wait for ever
            if h5py.is_hdf5(path):
                with h5py.File(path, "r") as file:
                    names = set(file)
            else:
                names = variable_names(path)
    marks = {"images": "--mat", "trainNdxs": "--splits", "mapClass": "--classes"}
    return next((option for name, option in marks.items() if name in names), None)
