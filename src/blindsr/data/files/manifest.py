"""Reads, checks and writes ``manifest.json``: how a BSR folder was prepared.

It is written last: a folder that has one is complete. During a preparation
``manifest.partial.json`` holds the same, and the number of shards; a later run with the same
settings continues. While an earlier data set is removed, it records that, so that a killed run
continues removing.

A manifest may come from anybody: its names become paths and its numbers sizes, so every key that is
used is checked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blindsr.data.files.source_values import (
    LARGEST_SCALE,
    LARGEST_SIGMA,
    finite,
    ordinary_file,
    whole,
)
from blindsr.errors import DataError, FileError, os_error
from blindsr.imaging.files import atomic_path
from blindsr.imaging.resize import DOWNSAMPLERS

MANIFEST = "manifest.json"
PARTIAL = "manifest.partial.json"
FOLDERS = ("GT", "LRx*", "blur", "blur16", "semseg", "depth")
"""Folders of a split or a test group."""
FORMAT_VERSION = 1
SPLITS = ("train", "val", "test")
_LARGEST_FILE = 2**26  # bytes
_REMAKE = "Prepare the data set again, or restore the file"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file.

    Raises:
        FileError: the file is damaged, no JSON object, or holds NaN or infinity.
    """
    ordinary_file(path, "JSON", _REMAKE)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise FileError(path, found="more than 64 MiB", expected="JSON", fix=_REMAKE)
        content = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise os_error(error, path, "read") from error
    except (ValueError, RecursionError) as error:
        raise FileError(
            path, found=f"cannot be read ({error})", expected="JSON", fix=_REMAKE
        ) from error
    if not isinstance(content, dict):
        raise FileError(path, found=_kind(content), expected="a JSON object", fix=_REMAKE)
    return content


def read_manifest(root: str | Path) -> dict[str, Any] | None:
    """Return the manifest of a complete prepared folder; None for one without (the authors').

    Raises:
        FileError: the manifest is damaged.
        DataError: the folder's preparation was interrupted, or the manifest is not what
            :func:`checked_manifest` accepts.
    """
    root = Path(root)
    if not os.path.lexists(root / MANIFEST):
        if os.path.lexists(root / PARTIAL):
            raise DataError(
                root,
                found="an interrupted preparation",
                expected=MANIFEST,
                fix="Run the same `blindsr prepare` line again: it goes on where it stopped "
                f"(`blindsr prepare check {root}` names missing shards)",
            )
        return None
    return checked_manifest(root / MANIFEST)


def checked_manifest(path: Path) -> dict[str, Any]:
    """Return the content of a manifest after a check of every key that is used.

    ``settings`` holds ``scale``, ``sigma_max``, ``downsampler`` and ``phase``. ``train`` (name ->
    blur), ``val`` (the same, or group -> name -> blur) and ``test`` (group -> name -> blur) may be
    missing; names are those of files, without a folder.

    Raises:
        FileError: the file is damaged.
        DataError: a key is missing, or its value is of another type, out of range, or no name.
    """
    return checked_content(read_json(path), path)


def checked_content(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return what a manifest holds after the checks of :func:`checked_manifest`.

    Args:
        content: as read; changed.
        path: for errors.
    """
    _check_settings(path, _object(path, "settings", content.get("settings")))
    for split in SPLITS:
        content[split] = _object(path, split, content.get(split, {}))
        if split != "train" and not _ungrouped(content[split]):
            for group in content[split]:
                _check_name(path, split, group)
    for part, draws in listed_draws(content).items():
        key = part.replace("/", ".")
        for name, draw in _object(path, key, draws).items():
            _check_name(path, key, name)
            _check_draw(path, f"{key}.{name}", draw)
    return content


def listed_draws(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``train`` or ``val/Group1`` -> name -> record of the blur, of all that a manifest lists."""
    listed = {}
    for split in SPLITS:
        entries = content.get(split, {})
        if split == "train" or _ungrouped(entries):
            listed[split] = entries
        else:
            listed |= {f"{split}/{group}": names for group, names in entries.items()}
    return listed


def _ungrouped(entries: Mapping[str, Any]) -> bool:
    """Whether pictures are listed without groups between."""
    return any(isinstance(entry, Mapping) and "kind" in entry for entry in entries.values())


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    version = settings.get("version", FORMAT_VERSION)
    if not whole(version, least=1, most=FORMAT_VERSION):
        newer = whole(version, least=1, most=2**31)
        _refuse(
            path,
            "settings.version",
            version,
            f"{FORMAT_VERSION} or less",
            "It was made by a newer blindsr: update this one" if newer else _REMAKE,
        )
    scale = settings.get("scale")
    rules = {
        "scale": (
            whole(scale, least=1, most=LARGEST_SCALE),
            f"a whole number 1..{LARGEST_SCALE}",
        ),
        "sigma_max": (
            finite(settings.get("sigma_max"), above=0, most=LARGEST_SIGMA),
            f"a number above 0, at most {LARGEST_SIGMA:g}",
        ),
        "downsampler": (
            settings.get("downsampler") in DOWNSAMPLERS,
            f"one of {', '.join(DOWNSAMPLERS)}",
        ),
        "phase": (
            finite(settings.get("phase"), above=-1, most=LARGEST_SCALE),
            "a number of HR pixels",
        ),
    }
    for key, (good, expected) in rules.items():
        if key not in settings:
            raise DataError(path, found=f"no settings.{key}", expected=expected, fix=_REMAKE)
        if not good:
            _refuse(path, f"settings.{key}", settings[key], expected)


def _check_draw(path: Path, key: str, draw: Any) -> None:
    draw = _object(path, key, draw)
    if draw.get("kind") not in ("VA", "IVA"):
        _refuse(path, f"{key}.kind", draw.get("kind"), "VA or IVA")
    number = "sigma" if draw["kind"] == "IVA" else "focus_rank"
    most = LARGEST_SIGMA if number == "sigma" else 1
    if not finite(draw.get(number), above=-1e-9, most=most):
        _refuse(path, f"{key}.{number}", draw.get(number), f"a number 0..{most:g}")


def _check_name(path: Path, key: str, name: str) -> None:
    if not name or name in (".", "..") or any(c in "/\\:" or not c.isprintable() for c in name):
        _refuse(path, key, name, "names of files, without a folder")


def _object(path: Path, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        found = f"no {key}" if value is None else _kind(value)
        raise DataError(f"{path}[{key}]", found=found, expected="a JSON object", fix=_REMAKE)
    return dict(value)


def _refuse(path: Path, key: str, value: Any, expected: str, fix: str = _REMAKE) -> None:
    raise DataError(f"{path}[{key}]", found=short(value), expected=expected, fix=fix)


def _refuse_constant(word: str) -> Any:
    message = f"{word}, which is no JSON number"
    raise ValueError(message)


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def short(value: Any) -> str:
    """Return a value as JSON, cut after 40 letters."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
