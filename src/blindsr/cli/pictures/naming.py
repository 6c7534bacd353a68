"""Names of results: the stem of the picture, and longer ones where two would be the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from blindsr.data.files.folder_walk import IMAGES

from .inputs import Source

LONGEST = 3


def distinct(
    sources: Sequence[Source], files: Callable[[Source, int], Sequence[Path]]
) -> list[int]:
    """Choose how long the name of each result must be so that no two are the same.

    Independent of the order: all whose names are the same get the longer one.

    Args:
        sources: pictures.
        files: results of a picture, for a length 0..:data:`LONGEST` as in :func:`longer_name`.

    Returns:
        The lengths.
    """
    lengths = [0] * len(sources)
    while True:
        users: dict[Path, set[int]] = {}
        for index, source in enumerate(sources):
            for path in files(source, lengths[index]):
                users.setdefault(path, set()).add(index)
        clashing = {index for group in users.values() if len(group) > 1 for index in group}
        if not any(lengths[index] < LONGEST for index in clashing):
            return lengths
        for index in clashing:
            lengths[index] = min(LONGEST, lengths[index] + 1)


def longer_name(source: Source, length: int) -> Path:
    """Return the relative path of a picture with its stem made longer, the suffix as it was.

    Args:
        source: a picture.
        length: 0 as it is; 1 with the suffix, ``photo_jpg``; 2 with the folder before it,
            ``holiday_photo_jpg``; 3 with some digits that the whole path gives.
    """
    relative = source.relative
    stem, suffix = relative.stem, relative.suffix
    real = os.path.realpath(source.path)
    if length >= 1 and suffix.lower() in IMAGES:
        stem += "_" + suffix[1:]
    if length >= 2:
        stem = f"{Path(real).parent.name}_{stem}"
    if length >= LONGEST:
        stem += "_" + hashlib.blake2b(os.fsencode(real), digest_size=4).hexdigest()
    return relative.with_name(stem + suffix)
