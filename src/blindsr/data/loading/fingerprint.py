"""Which data a run saw, as a few digits: equal data and settings of them give equal ones."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

DIGITS = 12
LOADING = ("batch_size", "eval_batch_size", "num_workers", "pin_memory")
"""Options that change how samples are loaded, and not what they are."""


def fingerprint(kind: str, options: Mapping[str, Any], sets: Iterable[Any]) -> str:
    """Return hexadecimal digits that other files or other settings change.

    Names and sizes of files count, and not their content: a data set is read in seconds, and one
    that is copied or moved stays the same.

    Args:
        kind: class of the data.
        options: of its constructor; of paths the last part counts.
        sets: data sets, ``None`` among them.
    """
    kept = {name: _plain(value) for name, value in options.items() if name not in LOADING}
    digest = hashlib.sha256(json.dumps([kind, kept], sort_keys=True, default=str).encode())
    for number, part in enumerate(sets):
        if part is not None:
            digest.update(f"{number} {len(part)}\n".encode())
            for path in sorted(files_of(part)):
                digest.update(f"{path.parent.name}/{path.name} {_size(path)}\n".encode())
    return digest.hexdigest()[:DIGITS]


def files_of(dataset: Any) -> Iterator[Path]:
    """Paths of the files that a data set, or one inside it, reads."""
    for item in getattr(dataset, "files", ()):
        values = item if isinstance(item, tuple) else vars(item).values()
        yield from (value for value in values if isinstance(value, Path))
    for value in vars(dataset).values():
        if isinstance(value, Dataset):
            yield from files_of(value)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    return os.path.basename(os.path.normpath(text)) if isinstance(text, str) and text else text  # noqa: PTH119


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # said when the item is read
        return -1
