"""One part of a preparation that many machines share.

Frames are dealt out in turn. Which are finished is seen from their files alone: shards need no
order, and whichever finds all frames finished completes the data set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from blindsr.data.files.manifest import SPLITS
from blindsr.data.prepare.frame import FrameJob, output_files
from blindsr.errors import ConfigError
from blindsr.imaging.temporary import is_temporary, removed_at_exit, temporary_beside

T = TypeVar("T")
MOST_SHARDS = 10**6


class Shard(NamedTuple):
    """One of ``total`` parts, counted from 1."""

    number: int = 1
    total: int = 1

    @classmethod
    def read(cls, text: str) -> Shard:
        """Read ``2/8``.

        Raises:
            ConfigError: it is no such thing.
        """
        match = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", str(text))
        if match and 1 <= int(match[1]) <= int(match[2]) <= MOST_SHARDS:
            return cls(int(match[1]), int(match[2]))
        raise ConfigError(
            "shard",
            found=repr(text),
            expected="I/N with I from 1 to N, such as 1/8",
            fix="Start shards 1/N to N/N, in any order",
        )

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return self.total == 1

    def of(self, items: Sequence[T]) -> list[T]:
        """Every ``total``-th of ``items``; none where there are fewer."""
        return list(items[self.number - 1 :: self.total])


def unfinished(jobs: Sequence[FrameJob], *, fresh: bool = False) -> list[FrameJob]:
    """Return the frames that lack a file.

    Args:
        jobs: frames.
        fresh: let no network file system answer from memory. What other machines wrote into a
            folder is sure to be seen by a machine that has just written there itself.
    """
    wanted = [(job, output_files(job)) for job in jobs]
    folders = {path.parent for _, files in wanted for path in files}
    present = {folder: names_in(folder, fresh=fresh) for folder in folders}
    return [
        job for job, files in wanted if any(path.name not in present[path.parent] for path in files)
    ]


def names_in(folder: Path, *, fresh: bool) -> set[str]:
    """Names of the entries of a folder; none where there is none. See :func:`unfinished`."""
    try:
        if fresh:
            path = temporary_beside(folder / "looked")
            with removed_at_exit(path):
                path.touch()
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except FileNotFoundError:  # maybe this moment, by another shard that has finished everything
        return set()


def remove_leftovers(out: Path) -> None:
    """Remove half-written files of killed shards on any machine; all frames are finished."""
    for split in SPLITS:
        for path in (out / split).rglob(".*"):
            if is_temporary(path.name):
                path.unlink(missing_ok=True)
