"""Files below a folder, and files that a pattern names."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from blindsr.errors import BlindSRError, os_error


def below(folder: Path, *, recursive: bool, failures: list[BlindSRError]) -> list[Path]:
    """Return what lies in a folder, sorted, without hidden names.

    Folders that links lead to are looked into after all others and each once, so that circles end
    and a picture keeps the place where it really is.

    Args:
        folder: to look into.
        recursive: look into its folders too.
        failures: gathers folders that cannot be read.
    """
    found: list[Path] = []
    links: list[Path] = []
    seen: set[str] = set()
    waiting = [folder]
    while waiting or links:
        place = waiting.pop() if waiting else links.pop(0)
        real = os.path.realpath(place)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            failures.append(os_error(error, place, "read"))
            continue
        for entry in entries:
            path = place / entry.name
            if entry.name.startswith("."):
                continue
            if not _is_folder(entry):
                found.append(path)
            elif recursive:
                (links if entry.is_symlink() else waiting).append(path)
    return sorted(found)


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


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False
