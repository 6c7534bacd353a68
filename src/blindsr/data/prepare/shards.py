"""Packs the training pictures of a BSR folder into a few large tar files, see ``bsr.shards``."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from blindsr.data.bsr.layout import BSRFiles, check_root, find_files
from blindsr.data.bsr.shards import INDEX, INSTALL, KEYS, Entry, Member, described
from blindsr.data.files.disk import disk_errors, remove_temporary
from blindsr.data.files.manifest import read_manifest
from blindsr.data.files.source_values import LARGEST_SCALE, entries
from blindsr.data.loading.checked_options import check_whole
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.files import atomic_path
from blindsr.imaging.temporary import is_temporary

_MEGABYTE = 10**6  # bytes
_OURS = re.compile(r"train-\d{6}\.tar|shards\.json")


def prepare_shards(
    root: str | Path,
    out: str | Path,
    *,
    megabytes: int = 256,
    scale: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write ``train-000000.tar`` ... and ``shards.json``; return the content of the latter.

    Files go in as they are, so that samples stay the same. The index is written last; the same
    line writes the same bytes again. Validation and test stay loose: they are small.

    Args:
        root: a BSR folder, prepared by ``blindsr`` or downloaded from the authors.
        out: folder to write; new, empty, or one of earlier shards, which are replaced.
        megabytes: size of a shard, at least one picture.
        scale: HR over LR; ``None`` takes that of the manifest, else 4.
        progress: called with the number of pictures written, and of all.

    Raises:
        ConfigError: an option has no meaning, or WebDataset is not installed.
        FileError: a folder or file is missing, or the disk is full.
        DataError: a picture has no partner, or ``out`` holds something else.
    """
    check_whole("megabytes", megabytes, least=1, most=10**6)
    root, out = Path(root), Path(out)
    check_root(root, "Prepare or download the data set, or correct the path")
    manifest = read_manifest(root)
    recorded = 4 if manifest is None else manifest["settings"]["scale"]
    scale = recorded if scale is None else scale
    check_whole("scale", scale, least=1, most=LARGEST_SCALE)
    files = find_files(root, "train", scale=scale)
    tell = progress or (lambda _done, _total: None)
    writer = _tar_writer()
    with disk_errors(out):
        _claim(out)
        written: list[Entry] = []
        tell(0, len(files))
        for number, part in enumerate(_portions(files, megabytes * _MEGABYTE)):
            written += _write_shard(out / f"train-{number:06d}.tar", part, len(written), writer)
            tell(len(written), len(files))
        index = described(written, scale, manifest)
        with atomic_path(out / INDEX) as temporary:
            temporary.write_text(json.dumps(index) + "\n", encoding="utf-8")
    return index


def _tar_writer() -> Any:
    try:
        from webdataset import TarWriter
    except ImportError as error:
        raise ConfigError(
            "webdataset", found="not installed", expected="to write shards", fix=f"Type: {INSTALL}"
        ) from error
    return TarWriter


def _claim(out: Path) -> None:
    """Take a folder: earlier shards in it go, the index first; nothing else may be there."""
    if out.exists() and not out.is_dir():
        raise DataError(out, found="a file", expected="a folder", fix="Give another --out")
    if out.exists():
        remove_temporary(out)
        found = [path for path in entries(out) if not is_temporary(path.name)]
        strange = [path for path in found if not _OURS.fullmatch(path.name)]
        if strange:
            raise DataError(
                out,
                found=f"a folder that holds {strange[0].name}",
                expected="a new or empty folder, or one of shards",
                fix="Give another --out",
            )
        for path in sorted(found):  # shards.json sorts before train-*
            path.unlink()
    out.mkdir(parents=True, exist_ok=True)


def _portions(files: list[BSRFiles], size: int) -> Iterator[list[BSRFiles]]:
    """Yield the pictures of each shard."""
    part: list[BSRFiles] = []
    filled = 0
    for item in files:
        own = sum(path.stat().st_size for path in _paths(item).values())
        if part and filled + own > size:
            yield part
            part, filled = [], 0
        part.append(item)
        filled += own
    if part:
        yield part


def _paths(files: BSRFiles) -> dict[str, Path]:
    found = {key: getattr(files, key) for key in KEYS}
    return {key: path for key, path in found.items() if path is not None}


def _write_shard(path: Path, part: list[BSRFiles], first: int, writer: Any) -> list[Entry]:
    """Write one tar file, whole or not at all; return where everything lies in it."""
    with atomic_path(path) as temporary:
        with temporary.open("wb") as stream:
            tar = writer(stream, encoder=False, mtime=0.0)
            for number, files in enumerate(part, start=first):
                members = _paths(files)
                content: dict[str, Any] = {
                    f"{key}{place.suffix.lower()}": place.read_bytes()
                    for key, place in members.items()
                }
                content["json"] = json.dumps({"name": files.name}).encode()
                tar.write({"__key__": f"{number:09d}", **content})
            tar.close()
        with tarfile.open(temporary) as tar:
            places = {info.name: (info.offset_data, info.size) for info in tar.getmembers()}
    entries_: list[Entry] = []
    for number, files in enumerate(part, start=first):
        members_: dict[str, Member] = {}
        for key, place in _paths(files).items():
            suffix = place.suffix.lower()
            members_[key] = Member(suffix, *places[f"{number:09d}.{key}{suffix}"])
        entries_.append(Entry(files.name, path.name, members_))
    return entries_
