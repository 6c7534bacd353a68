"""Reads the labels of ReBlurSR: four ``.npy`` files beside the pictures.

Their format is not documented: a dictionary by name, or an array in the order of the sorted names.
Both are read. A dictionary in an ``.npy`` is a pickle, which can run any code when it is loaded, so
it is loaded on request only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from blindsr.data.files.folder_walk import IMAGES
from blindsr.data.files.pairing import sorted_names
from blindsr.data.files.source_values import ordinary_file
from blindsr.errors import DataError, FileError, os_error

Label = Literal["type", "degree", "area", "split"]
FILES: dict[Label, str] = {
    "type": "defocus_motion_class.npy",
    "degree": "degree_class.npy",
    "area": "area_class.npy",
    "split": "train_validation.npy",
}
VALUES: dict[Label, tuple[str, ...]] = {
    "type": ("defocus", "motion"),
    "degree": ("heavy", "little", "middle"),
    "area": ("large", "medium", "small"),
    "split": ("train", "valid"),
}
"""Meaning of 0, 1, 2: the order is that of the alphabet, not of severity."""


def read_labels(
    root: Path,
    label: Label,
    names: Sequence[Sequence[str]],
    *,
    allow_pickle: bool = False,
) -> dict[str, str]:
    """Return name -> label for the pictures that the file knows.

    Args:
        root: folder of the file.
        label: which one.
        names: what an array may be aligned to: lists of names, sorted here; the first of its
            length is taken.
        allow_pickle: load a dictionary, which is a pickle.

    Raises:
        FileError: the file is missing or damaged.
        DataError: it needs ``allow_pickle``, has another length than every list, or holds an
            unknown value.
    """
    path = root / FILES[label]
    content = _load(path, allow_pickle=allow_pickle)
    if isinstance(content, Mapping):
        pairs = {_name(str(key)): value for key, value in content.items()}
    else:
        pairs = _aligned(path, content, names)
    return {name: _word(path, label, name, value) for name, value in pairs.items()}


def _load(path: Path, *, allow_pickle: bool) -> object:
    fix = "Copy it from the data set, or ask for no such subset"
    ordinary_file(path, "labels of ReBlurSR", fix)
    try:
        content = np.load(path, allow_pickle=allow_pickle)
    except Exception as error:  # damaged files and pickles raise any kind of exception
        if isinstance(error, OSError) and error.errno:
            raise os_error(error, path, "read") from error
        if not allow_pickle and "allow_pickle" in str(error):
            raise DataError(
                path,
                found="a pickled object",
                expected="an array of numbers",
                fix="If you trust the file (a pickle can run any code), set allow_pickle: true",
            ) from None
        raise FileError(
            path, found=f"cannot be read ({error})", expected="labels", fix=fix
        ) from error
    if not isinstance(content, np.ndarray):
        content.close()
        raise FileError(path, found="an archive of arrays", expected="labels", fix=fix)
    if content.dtype == object and content.ndim == 0:
        return content.item()
    return content


def _aligned(path: Path, content: object, names: Sequence[Sequence[str]]) -> dict[str, object]:
    values = np.asarray(content)
    if values.ndim != 1:
        raise DataError(path, found=f"shape {values.shape}", expected="(N,) or a dictionary")
    for candidates in names:
        if len(candidates) == len(values):
            return dict(zip(sorted(candidates), values.tolist(), strict=True))
    counts = " or ".join(dict.fromkeys(str(len(candidates)) for candidates in names))
    raise DataError(
        path,
        found=f"{len(values)} labels",
        expected=f"{counts}, one for each picture in the order of the names",
        fix="Complete the pictures, or store a dictionary by name",
    )


def _word(path: Path, label: Label, name: str, value: Any) -> str:
    words = VALUES[label]
    with contextlib.suppress(TypeError, ValueError):
        number = int(value)
        if number == float(value) and 0 <= number < len(words):
            return words[number]
    meaning = ", ".join(f"{number} ({word})" for number, word in enumerate(words))
    raise DataError(path, found=f"{value!r} for {name}", expected=meaning)


def _name(key: str) -> str:
    path = Path(key)
    return path.stem if path.suffix.lower() in IMAGES else path.name


def label_of(labels: Mapping[str, str], name: str, path: Path) -> str:
    """Return the label of a picture.

    Raises:
        DataError: it has none.
    """
    if name not in labels:
        raise DataError(
            path,
            found=f"no label for {name} (labels for {sorted_names(labels)})",
            expected="one for every picture of the subset",
        )
    return labels[name]
