"""Pairs the files of a BSR folder and collects what is missing instead of raising."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from blindsr.data.bsr.layout import find_groups, list_images
from blindsr.data.files.pairing import pair
from blindsr.errors import BlindSRError


class Fault(NamedTuple):
    """One thing that is wrong."""

    file: str
    """Relative to the data set's folder."""
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.found}, expected {self.expected}"


class Variant(NamedTuple):
    """One blurred version of a GT picture; None where the file is missing."""

    group: str
    lr: Path | None
    blur: Path | None
    exact: Path | None


class Item(NamedTuple):
    """A GT picture and everything that belongs to it."""

    split: str
    name: str
    hr: Path
    seg: Path | None
    depth: Path | None
    variants: tuple[Variant, ...]


def pair_split(root: Path, split: str, scale: int, faults: list[Fault]) -> list[Item]:
    """Return the GT pictures of ``split`` with their partners; add what is missing to ``faults``.

    Folders ``semseg``, ``depth`` and ``blur16`` may be absent. Where no name of a folder occurs in
    GT but the counts agree, files are paired in sorted order, as the released loader does.
    """
    pairing = _Pairing(root, faults)
    base = root / split
    hr = pairing.listed(base / "GT")
    seg = pairing.partners(hr, base / "semseg", optional=True)
    depth = pairing.partners(hr, base / "depth", optional=True)
    variants = []
    for group in find_groups(root, split) or [""]:
        own = base / group
        parts = (
            pairing.partners(hr, own / f"LRx{scale}"),
            pairing.partners(hr, own / "blur"),
            pairing.partners(hr, own / "blur16", optional=True),
        )
        variants.append((group, parts))
    return [
        Item(
            split,
            name,
            path,
            seg.get(name),
            depth.get(name),
            tuple(Variant(group, *(part.get(name) for part in parts)) for group, parts in variants),
        )
        for name, path in hr.items()
    ]


class _Pairing:
    """Lists folders and notes what does not fit."""

    def __init__(self, root: Path, faults: list[Fault]) -> None:
        self.root, self.faults = root, faults

    def listed(self, folder: Path) -> dict[str, Path]:
        """Return stem -> path, empty with a fault where there is nothing."""
        try:
            return list_images(folder)
        except BlindSRError as error:
            where = Path(error.where)
            expected = error.expected if where != folder else "a folder of images"
            self._note(where, error.found, expected)
            return {}

    def partners(
        self, hr: dict[str, Path], folder: Path, *, optional: bool = False
    ) -> dict[str, Path]:
        """Return name of the GT picture -> its partner."""
        if optional and not folder.is_dir():
            return {}
        found = self.listed(folder)
        if not found:
            return {}
        try:
            pairs = pair(hr, found, folder)
        except BlindSRError as error:
            self._note(Path(error.where), error.found, error.expected)
            return {}
        if not pairs.found:
            if len(found) == len(hr):
                return dict(zip(hr, found.values(), strict=True))
            self._note(folder, f"{len(found)} files of other names", f"{len(hr)}, as in GT")
            return {}
        for name in sorted(pairs.missing):
            suffix = ".npy" if folder.name == "blur16" else ".png"
            partner = hr[name].relative_to(self.root)
            self._note(folder / f"{name}{suffix}", "no such file", f"the partner of {partner}")
        for name in sorted(pairs.extra):
            self._note(found[name], "no partner in GT", "one file for every picture of GT")
        return pairs.found

    def _note(self, path: Path, found: str, expected: str) -> None:
        self.faults.append(Fault(str(path.relative_to(self.root)), found, expected))
