"""Checkpoints of trainings by the name of the run, whichever number its folder has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SUFFIX = ".ckpt"


def checkpoint_file(path: str | Path) -> Path:
    """The file of a path; where there is none, the newest of that name among the runs beside it.

    ``logs/cmos_nyu/best.ckpt`` is thus the best checkpoint of the last training of that name, for
    instance ``logs/cmos_nyu/version_2/checkpoints/best.ckpt``.

    Args:
        path: returned as it is where it names a file, or no checkpoint, or no run has one.
    """
    path = Path(path)
    if path.suffix != SUFFIX or path.exists():
        return path
    return next(iter(by_age(path.parent.glob("*/checkpoints"), path.name)), path)


def by_age(folders: Iterable[Path], pattern: str) -> list[Path]:
    """Files in ``folders``, the newest first."""
    found = {path for folder in folders for path in folder.glob(pattern) if path.is_file()}
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)
