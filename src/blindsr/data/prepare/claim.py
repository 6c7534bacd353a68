"""Makes a folder ready for a preparation, or refuses it.

Several shards may do so at once: what one of them finds may be gone or complete a moment later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blindsr.data.bsr.shards import INDEX, PACKED
from blindsr.data.files.disk import remove_temporary
from blindsr.data.files.manifest import (
    FOLDERS,
    MANIFEST,
    PARTIAL,
    SPLITS,
    read_json,
    short,
    write_json,
)
from blindsr.errors import DataError, FileError
from blindsr.imaging.temporary import is_temporary

_REPLACE = "Give another --out, or --overwrite to replace a data set there"


def claim_folder(
    out: Path, plan: dict[str, Any], *, finished: Callable[[], bool], overwrite: bool, alone: bool
) -> None:
    """Make ``out`` ready for a preparation, or refuse.

    A new or empty folder is taken, a folder of the same settings is continued, and one of other
    settings is emptied of what its preparation wrote if ``overwrite``.

    Args:
        out: folder.
        plan: manifest to be.
        finished: whether the caller's frames are there: then a complete data set stays complete.
        overwrite: see above.
        alone: no other shard works there.

    Raises:
        DataError: ``out`` holds something else.
    """
    if out.exists() and not out.is_dir():
        raise DataError(out, found="a file", expected="a folder", fix="Give another --out")
    remove_temporary(out)
    looked = _held(out, read=not overwrite)
    # asked once, and looked at again where there are files: another shard may come in at any time
    occupied = looked is None and _holds_files(out)
    if occupied:
        looked = _held(out, read=not overwrite)
    place, held = looked or (None, {})
    emptying = bool(held.get("emptying"))
    if emptying and not alone:
        raise DataError(
            out,
            found="a data set that was being replaced",
            expected="a new or empty folder for shards",
            fix="Remove it, or run once without --shard",
        )
    if place is not None and (overwrite or emptying):
        write_json(out / PARTIAL, {"settings": plan["settings"], "emptying": True})
        # before any file goes: an incomplete folder must not look complete
        (out / MANIFEST).unlink(missing_ok=True)
        _remove_files(out)
    elif place is not None:
        _same_settings(place, held, plan["settings"])
        if (place.name == MANIFEST and finished()) or held == json.loads(json.dumps(plan)):
            return
    elif occupied:
        raise DataError(
            out,
            found="a folder that holds files",
            expected="a new or empty folder, or one that `blindsr prepare` made",
            fix="Give another --out",
        )
    write_json(out / PARTIAL, plan)
    if place is not None and place.name == MANIFEST:
        place.unlink(missing_ok=True)


def _held(out: Path, *, read: bool) -> tuple[Path, dict[str, Any]] | None:
    """Return the manifest of a folder, complete or not, and its content where that counts."""
    for name in (MANIFEST, PARTIAL, MANIFEST):  # another shard may complete it between two looks
        if os.path.lexists(out / name):
            try:
                return out / name, read_json(out / name) if read else {}
            except FileError:
                if os.path.lexists(out / name):
                    raise
    return None


def _holds_files(out: Path) -> bool:
    return any(path.is_file() and not is_temporary(path.name) for path in out.rglob("*"))


def _remove_files(out: Path) -> None:
    """Remove every file where a preparation puts it; other files stay."""
    splits = [out / split for split in SPLITS]
    parents = splits + [group for split in splits for group in split.glob("Group*")]
    for folder in (found for parent in parents for name in FOLDERS for found in parent.glob(name)):
        for path in [*folder.glob("*.png"), *folder.glob("*.npy")]:
            path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
    for pattern in (INDEX, "train-*.tar", f"{PACKED}/train-*.tar.json"):
        for path in out.glob(pattern):
            path.unlink()


def _same_settings(path: Path, content: dict[str, Any], settings: dict[str, Any]) -> None:
    held = content.get("settings")
    if not isinstance(held, dict):
        raise DataError(
            f"{path}[settings]",
            found=short(held),
            expected="the settings of a preparation",
            fix=_REPLACE,
        )
    # through JSON, so that tuples and lists compare equal
    wanted = json.loads(json.dumps(settings))
    for key in wanted:
        if held.get(key) != wanted[key]:
            raise DataError(
                path,
                found=f"made with {key} = {short(held.get(key))}",
                expected=short(wanted[key]),
                fix=_REPLACE,
            )
