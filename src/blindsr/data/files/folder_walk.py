"""Lists the files below a folder, links followed; suffixes of pictures."""

from __future__ import annotations

import os
from pathlib import Path

from blindsr.errors import BlindSRError, os_error

IMAGES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
    *(".avif", ".jp2", ".ppm", ".pgm", ".pnm"),
)
"""Suffixes of pictures, in lower case."""


def below(folder: Path, *, recursive: bool, failures: list[BlindSRError]) -> list[Path]:
    """Return what lies in a folder, sorted, without hidden names.

    Linked folders are searched after all others and each once: circles of links end, and a picture
    is found at its real place first.

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


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False
