"""HR pictures in folders: the layouts of DIV2K, Flickr2K, DF2K and DIV8K, or every image below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from blindsr.data.picture_store import PictureFiles
from blindsr.errors import DataError, missing_file

Part = Literal["train", "valid"]

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
_KNOWN: dict[Part, frozenset[str]] = {
    "train": frozenset(
        {"DIV2K_train_HR", "Flickr2K_HR", "DF2K_HR", "DF2K_train_HR", "DIV8K_HR", "DIV8K_train_HR"}
    ),
    "valid": frozenset({"DIV2K_valid_HR", "DF2K_valid_HR", "DIV8K_valid_HR"}),
}
_NOT_HR = re.compile(r"(.*_)?(LR|mask|masks)([_x\d].*)?", re.IGNORECASE)
"""Folders beside HR: ``LR``, ``LRx4``, ``DIV2K_train_LR_bicubic``, ``mask``."""


def find_hr(folders: Sequence[str | Path], *, part: Part = "train") -> list[PictureFiles]:
    """Return the HR pictures of some folders, sorted by name within each.

    A folder that holds HR folders of known names (``DIV2K_train_HR``, ``Flickr2K_HR``, ... at most
    two levels below: DF2K is often a folder of DIV2K and Flickr2K) yields those of ``part``. Any
    other yields every image below it, but for folders of LR pictures or masks. Names are relative
    stems, with the folder's name in front where there are several.

    Raises:
        FileError: a folder is missing.
        DataError: a folder holds no image, or two pictures have one name.
    """
    found: list[PictureFiles] = []
    named: dict[str, Path] = {}
    sources = [(Path(folder), hr) for folder in folders for hr in hr_folders(Path(folder), part)]
    for folder, source in sources:
        below = [
            (path.relative_to(source).with_suffix("").as_posix(), path)
            for path in images_below(source)
        ]
        for name, path in sorted(below):
            if len(sources) > 1:
                name = f"{source.name}/{name}"
            if name in named:
                raise DataError(
                    path,
                    found=f"the name {name}, as {named[name]}",
                    expected="different names",
                    fix=f"Rename one of them, or give {folder} once",
                )
            named[name] = path
            found.append(PictureFiles(name, path))
    return found


def hr_folders(folder: Path, part: Part) -> list[Path]:
    """Return the folders of HR pictures in ``folder``; itself if none has a known name.

    Raises:
        FileError: it is missing.
        DataError: it holds known HR folders, but none of ``part``.
    """
    if not folder.is_dir():
        raise missing_file(folder, "a folder of HR pictures", "Download it, or correct the path")
    known = frozenset().union(*_KNOWN.values())
    if folder.name in known:
        return [folder]
    below = sorted(path for level in ("*", "*/*") for path in folder.glob(level) if path.is_dir())
    present = [path for path in below if path.name in known]
    if not present:
        return [folder]
    chosen = [path for path in present if path.name in _KNOWN[part]]
    if not chosen:
        raise DataError(
            folder,
            found=", ".join(path.name for path in present),
            expected=f"one of {', '.join(sorted(_KNOWN[part]))}",
            fix="Give the folder of the pictures itself",
        )
    return chosen


def images_below(folder: Path) -> list[Path]:
    """Return the images below ``folder``, sorted; not those in folders of LR pictures or masks.

    Raises:
        DataError: there is none.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGES
        and not any(word.startswith(".") for word in path.relative_to(folder).parts)
        and not any(_NOT_HR.fullmatch(word) for word in path.relative_to(folder).parts[:-1])
    )
    if not paths:
        raise DataError(folder, found="no images", expected="at least one HR picture")
    return paths
