"""``manifest.json``: what a prepared BSR folder holds and how it was made.

It is written last, so its presence says that the folder is complete. While a preparation runs,
``manifest.partial.json`` holds the settings; a later run with the same settings goes on from there.
While an earlier data set is being removed, it also says so: a run killed then goes on removing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from blindsr.data.files.disk import remove_temporary
from blindsr.data.files.manifest_content import checked_manifest, read_json, short
from blindsr.errors import DataError
from blindsr.imaging.files import atomic_path
from blindsr.imaging.temporary import is_temporary

MANIFEST = "manifest.json"
PARTIAL = "manifest.partial.json"
FOLDERS = ("GT", "LRx*", "blur", "blur16", "semseg", "depth")
"""What lies under a split or a test group."""


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_manifest(root: str | Path) -> dict[str, Any] | None:
    """Return the manifest of a complete prepared folder; None for one without (the authors').

    Raises:
        FileError: the manifest is damaged.
        DataError: the folder's preparation was interrupted, or the manifest is not what
            :func:`~blindsr.data.files.manifest_content.checked_manifest` accepts.
    """
    root = Path(root)
    if not os.path.lexists(root / MANIFEST):
        if os.path.lexists(root / PARTIAL):
            raise DataError(
                root,
                found="an interrupted preparation",
                expected=MANIFEST,
                fix="Run the same `blindsr prepare` line again: it goes on where it stopped",
            )
        return None
    return checked_manifest(root / MANIFEST)


def claim_folder(out: Path, settings: dict[str, Any], *, overwrite: bool = False) -> None:
    """Make ``out`` ready for a preparation with ``settings``, or refuse.

    A new or empty folder is taken, a folder of the same settings is continued, and one of other
    settings is emptied of what its preparation wrote if ``overwrite``.

    Raises:
        DataError: ``out`` holds something else.
    """
    if out.exists() and not out.is_dir():
        raise DataError(out, found="a file", expected="a folder", fix="Give another --out")
    remove_temporary(out)
    held = next((out / name for name in (MANIFEST, PARTIAL) if os.path.lexists(out / name)), None)
    if held is not None and (overwrite or read_json(held).get("emptying")):
        write_json(out / PARTIAL, {"settings": settings, "emptying": True})
        (out / MANIFEST).unlink(missing_ok=True)  # from here on no half of it looks whole
        _remove_files(out)
    elif held is not None:
        _check_settings(held, settings)
    elif any(path.is_file() and not is_temporary(path.name) for path in out.rglob("*")):
        raise DataError(
            out,
            found="a folder that holds files",
            expected="a new or empty folder, or one that `blindsr prepare` made",
            fix="Give another --out",
        )
    write_json(out / PARTIAL, {"settings": settings})
    (out / MANIFEST).unlink(missing_ok=True)


def _remove_files(out: Path) -> None:
    """Remove every picture and array where a preparation puts them; other files stay."""
    parents = [out / "train", out / "val", *(out / "val").glob("Group*")]
    for folder in (found for parent in parents for name in FOLDERS for found in parent.glob(name)):
        for path in [*folder.glob("*.png"), *folder.glob("*.npy")]:
            path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    held = read_json(path).get("settings")
    if not isinstance(held, dict):
        raise DataError(
            f"{path}[settings]",
            found=short(held),
            expected="the settings of a preparation",
            fix="Give another --out, or --overwrite to replace a data set there",
        )
    # through JSON, so that tuples and lists compare equal
    wanted = json.loads(json.dumps(settings))
    for key in wanted:
        if held.get(key) != wanted[key]:
            raise DataError(
                path,
                found=f"made with {key} = {short(held.get(key))}",
                expected=short(wanted[key]),
                fix="Give another --out, or --overwrite to replace a data set there",
            )
