"""Folder layout of BSR data sets: finds the files of each picture.

NYUv2-BSR has ``train/{GT,LRx4,blur,semseg}``, ``val/{GT,semseg}`` and, for every test group,
``val/Group1..5/{LRx4,blur}``; Cityscapes-BSR has ungrouped ``train`` and ``val`` and a grouped
``test`` without ``semseg``. Both the authors' download and the output of ``blindsr prepare`` are
read; only the latter has a manifest, ``blur16`` and ``depth``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from blindsr.data.files.folder_walk import IMAGES
from blindsr.data.files.pairing import partners, stems
from blindsr.data.files.source_values import existing_folder
from blindsr.errors import DataError

Pairing = Literal["name", "sorted"]
SegFormat = Literal["zero_void", "train_ids"]
"""``zero_void``: 0 = void, 1..C (NYUv2). ``train_ids``: 0..C-1, 255 = void (Cityscapes)."""
_FIX = (
    "Copy or prepare it again, or, if sorted order pairs them, as the released loader assumes, set "
    'pairing="sorted"'
)


class BSRFiles(NamedTuple):
    """The files of one image; None where the data set has no such thing."""

    name: str
    lr: Path
    hr: Path
    blur: Path
    exact_blur: Path | None
    """float16 ``.npy`` without the rounding of ``blur``."""
    seg: Path | None
    depth: Path | None = None
    """uint16 millimetres."""


def check_root(root: Path, fix: str) -> None:
    """Raise FileError with ``fix`` if the data set is not there."""
    existing_folder(root, "the folder of a prepared data set", fix)


def find_files(
    root: Path, split: str, *, scale: int, group: str = "", pairing: Pairing = "name"
) -> list[BSRFiles]:
    """Return the images of one split (and test group), sorted by name.

    Args:
        root: folder that holds the split's folder.
        split: "train", "val" or "test".
        scale: names the LR folder, ``LRx4``.
        group: "Group1" ... for a grouped split.
        pairing: "name" pairs as :mod:`blindsr.data.files.pairing` says; "sorted" pairs by position,
            as the released loader does, and is for downloads whose blur maps carry other names.

    Raises:
        FileError: a folder is missing.
        DataError: a folder is empty, or a file has no partner.
    """
    base, own = root / split, root / split / group
    hr = list_images(base / "GT")
    lr = _partners(hr, own / f"LRx{scale}", pairing)
    blur = _partners(hr, own / "blur", pairing)
    exact = _partners(hr, own / "blur16", pairing) if (own / "blur16").is_dir() else {}
    seg = _partners(hr, base / "semseg", pairing) if (base / "semseg").is_dir() else {}
    depth = _partners(hr, base / "depth", pairing) if (base / "depth").is_dir() else {}
    return [
        BSRFiles(name, lr[name], path, blur[name], exact.get(name), seg.get(name), depth.get(name))
        for name, path in hr.items()
    ]


def find_groups(root: Path, split: str) -> list[str]:
    """Return the names of the test groups of ``split`` in order; empty if it has none."""
    found = [path.name for path in (root / split).glob("Group*") if path.is_dir()]
    return sorted(found, key=lambda name: (len(name), name))


def list_images(folder: Path) -> dict[str, Path]:
    """Return stem -> path of the pictures (or, of ``blur16``, arrays) in ``folder``, sorted.

    Raises:
        FileError: it is missing.
        DataError: it holds none, or two of one stem.
    """
    return stems(folder, what="pictures", suffixes={".npy"} if folder.name == "blur16" else IMAGES)


def _partners(hr: dict[str, Path], folder: Path, pairing: Pairing) -> dict[str, Path]:
    """Return name of the HR picture -> its partner in ``folder``."""
    others = list_images(folder)
    if pairing == "name":
        return partners(hr, others, folder, every=True, fix=_FIX)
    if len(others) != len(hr):
        raise DataError(
            folder,
            found=f"{len(others)} files",
            expected=f"{len(hr)}, as in GT",
            fix="Complete the folder, or pair by name",
        )
    return dict(zip(hr, others.values(), strict=True))
