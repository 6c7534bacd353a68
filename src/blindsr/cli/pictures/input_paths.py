"""Files that a pattern names."""

from __future__ import annotations

import glob
import os
from pathlib import Path


def matches(pattern: str) -> list[Path]:
    """Return the files and folders that a pattern names, sorted, without hidden ones.

    A part of the pattern that exists as it is written is no pattern: ``a[1]/*.png`` looks into the
    folder ``a[1]``.
    """
    parts = Path(pattern).parts
    found = [Path(parts[0])] if Path(pattern).is_absolute() else [Path()]
    for part in parts[1:] if Path(pattern).is_absolute() else parts:
        found = list(dict.fromkeys(hit for place in found for hit in _part(place, part)))
    if parts[-1] == "**":
        found = [hit for place in found for hit in (place, *_part(place, "*"))]
    return sorted(dict.fromkeys(found))


def _part(place: Path, part: str) -> list[Path]:
    literal = place / part
    if part == ".." or os.path.lexists(literal):
        return [literal]
    if part == "**":
        return [place, *_folders(place)]
    if not glob.has_magic(part):
        return []
    return [place / name for name in glob.glob(part, root_dir=place)]  # noqa: PTH207 (keeps names)


def _folders(place: Path) -> list[Path]:
    return [
        Path(top) / name
        for top, names, _ in os.walk(place)
        if not any(word.startswith(".") for word in Path(top).relative_to(place).parts)
        for name in names
        if not name.startswith(".")
    ]
