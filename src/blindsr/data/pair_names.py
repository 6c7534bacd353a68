"""Which files of two folders belong together: by name, never by order.

Sorted lists mispair: ``12_x4.png`` sorts after ``120_x4.png``, while ``12.png`` sorts before
``120.png``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from blindsr.data.hr_files import IMAGES
from blindsr.errors import DataError, missing_file

_SUFFIX = re.compile(r"[_-]?(x\d+|LR(x\d+)?|HR|GT|mask|sigma)", re.IGNORECASE)
_END = re.compile(rf"(?<=.){_SUFFIX.pattern}$", re.IGNORECASE)


def stems(folder: Path, *, what: str) -> dict[str, Path]:
    """Return stem -> path of the images in ``folder``, sorted.

    Args:
        folder: searched, not below.
        what: says in errors what the folder holds.

    Raises:
        FileError: the folder is missing.
        DataError: two files have one stem.
    """
    if not folder.is_dir():
        raise missing_file(folder, f"a folder of {what}", "Complete the data set, or correct root")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DataError(path, found=f"the name of {found[path.stem].name}", expected="another")
        found[path.stem] = path
    return found


def partners(hr: dict[str, Path], others: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Return stem of each HR picture -> its partner in ``others``.

    A partner has the same stem, or one that is the same without an ending such as ``x4``, ``_x4``,
    ``_LR``, ``_mask`` or ``_sigma``, or both are the same without such endings (``7_HR`` and
    ``7_LR``).

    Args:
        hr: stem -> path.
        others: stem -> path; files that belong to no HR picture are left alone.
        folder: of the others, for errors.

    Raises:
        DataError: a picture has no partner, or two of them.
    """
    bare = _by_key(others)
    result: dict[str, Path] = {}
    for stem, path in hr.items():
        if stem in others:
            result[stem] = others[stem]
            continue
        candidates = bare.get(stem) or bare.get(_key(stem)) or []
        if len(candidates) == 1:
            result[stem] = candidates[0]
            continue
        raise DataError(
            path,
            found=f"no partner in {folder}"
            if not candidates
            else f"two partners, {candidates[0]} and {candidates[1].name}",
            expected=f"one file named {stem} (or {stem}x4, {stem}_LR, ...)",
            fix="Complete the folder, or rename its files",
        )
    _refuse_shared(hr, result)
    return result


def _refuse_shared(hr: dict[str, Path], result: dict[str, Path]) -> None:
    owners: dict[Path, str] = {}
    for stem, partner in result.items():
        if partner in owners:
            raise DataError(
                partner,
                found=f"the partner of {hr[owners[partner]].name} and of {hr[stem].name}",
                expected="one picture each",
                fix="Name files of a pair alike",
            )
        owners[partner] = stem


def _by_key(paths: dict[str, Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for stem, path in paths.items():
        key = _key(stem)
        if key != stem:
            found.setdefault(key, []).append(path)
    return found


def _key(stem: str) -> str:
    return _END.sub("", stem)


def sorted_names(names: Iterable[str], limit: int = 3) -> str:
    """Return the first few names for a message."""
    chosen = sorted(names)
    more = f" and {len(chosen) - limit} more" if len(chosen) > limit else ""
    return ", ".join(chosen[:limit]) + more
