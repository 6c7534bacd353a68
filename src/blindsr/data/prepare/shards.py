"""Packs the training pictures of a BSR folder into a few large tar files, see ``bsr.shards``.

What lies in which file is decided by names and sizes alone, so that many machines may write, each
its own files. Every finished file leaves a record in ``packed``; whoever finds all of them writes
the index.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blindsr import __version__
from blindsr.data.bsr.layout import BSRFiles, check_root, find_files
from blindsr.data.bsr.shards import INDEX, INSTALL, KEYS, PACKED, Entry, Member, described
from blindsr.data.files.disk import disk_errors
from blindsr.data.files.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    PARTIAL,
    read_json,
    read_manifest,
    write_json,
)
from blindsr.data.files.source_values import LARGEST_SCALE
from blindsr.data.loading.checked_options import check_whole
from blindsr.errors import ConfigError, FileError
from blindsr.imaging.files import atomic_path

from .claim import claim_folder
from .shard import Shard, names_in

_MEGABYTE = 10**6  # bytes


def prepare_shards(
    root: str | Path,
    out: str | Path,
    *,
    megabytes: int = 256,
    scale: int | None = None,
    shard: str = "1/1",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any] | None:
    """Write ``train-000000.tar`` ..., ``shards.json`` and ``manifest.json``; return the index.

    Files go in as they are, so that samples stay the same. The same call goes on where one was
    ended, and changes nothing once all is there. Validation and test stay loose: they are small.

    Args:
        root: a BSR folder, prepared by ``blindsr`` or downloaded from the authors.
        out: folder to write; new or empty, or one that the same call began.
        megabytes: size of a tar file, at least one picture.
        scale: HR over LR; ``None`` takes that of the manifest, else 4.
        shard: ``2/8`` writes every eighth tar file; eight such runs, at the same time or not and on
            any machines that share ``out``, write what one run writes.
        overwrite: replace what ``out`` holds of other pictures or settings.
        progress: called with the number of pictures written, and of all of this shard.

    Returns:
        Content of ``shards.json``; ``None`` where tar files of other shards are missing.

    Raises:
        ConfigError: an option has no meaning, or WebDataset is not installed.
        FileError: a folder or file is missing, or the disk is full.
        DataError: a picture has no partner, or ``out`` holds something else.
    """
    check_whole("megabytes", megabytes, least=1, most=10**6)
    root, out = Path(root), Path(out)
    share = Shard.read(shard)
    check_root(root, "Prepare or download the data set, or correct the path")
    manifest = read_manifest(root)
    recorded = 4 if manifest is None else manifest["settings"]["scale"]
    scale = recorded if scale is None else scale
    check_whole("scale", scale, least=1, most=LARGEST_SCALE)
    files = find_files(root, "train", scale=scale)
    tars = _tars(files, megabytes * _MEGABYTE)
    packing = _Packing(out, tars, scale, manifest, _tar_writer())
    settings = {
        "dataset": "shards",
        "version": FORMAT_VERSION,
        "megabytes": megabytes,
        "scale": scale,
        "pictures": len(files),
        "files": _digest(files, manifest),
    }
    plan = {"settings": settings, "blindsr": __version__}
    own = share.of(tars)
    with disk_errors(out):
        claim_folder(
            out,
            {**plan, "shards": share.total},
            finished=lambda: names_in(out, fresh=False).issuperset(tar.name for tar in own),
            overwrite=overwrite,
            alone=share.whole,
        )
        if (out / MANIFEST).exists():
            return packing.index()
        packing.write(own, progress or (lambda _done, _total: None))
        return packing.complete(plan, fresh=not share.whole)


@dataclass(frozen=True)
class _Tar:
    """A tar file to be: its pictures, numbered from ``first`` in the whole set."""

    name: str
    first: int
    pictures: list[BSRFiles]


@dataclass(frozen=True)
class _Packing:
    """A folder of tar files that is being written.

    Attributes:
        out: folder.
        tars: all of them.
        scale, manifest: of the pictures.
        writer: WebDataset's.
    """

    out: Path
    tars: Sequence[_Tar]
    scale: int
    manifest: Mapping[str, Any] | None
    writer: Any

    def index(self) -> dict[str, Any]:
        """The index of a complete folder."""
        content: dict[str, Any] = json.loads((self.out / INDEX).read_text(encoding="utf-8"))
        return content

    def write(self, own: Sequence[_Tar], tell: Callable[[int, int], None]) -> None:
        """Write those that are not finished."""
        missing = self._missing(own, fresh=False)
        total = sum(len(tar.pictures) for tar in missing)
        done = 0
        tell(done, total)
        for tar in missing:
            entries = _write_tar(self.out / tar.name, tar, self.writer)
            write_json(self._record(tar), described(entries, self.scale, None))
            done += len(tar.pictures)
            tell(done, total)

    def complete(self, plan: dict[str, Any], *, fresh: bool) -> dict[str, Any] | None:
        """Write the index, if all are finished; several shards that find so write the same."""
        try:
            if self._missing(self.tars, fresh=fresh):
                return self.index() if (self.out / MANIFEST).exists() else None
            samples = [one for tar in self.tars for one in read_json(self._record(tar))["samples"]]
        except FileError:
            if (self.out / MANIFEST).exists():  # another shard was faster
                return self.index()
            raise
        index = {**described([], self.scale, self.manifest), "samples": samples}
        with atomic_path(self.out / INDEX) as temporary:
            temporary.write_text(json.dumps(index) + "\n", encoding="utf-8")
        write_json(self.out / MANIFEST, plan)
        (self.out / PARTIAL).unlink(missing_ok=True)
        shutil.rmtree(self.out / PACKED, ignore_errors=True)
        return index

    def _missing(self, tars: Sequence[_Tar], *, fresh: bool) -> list[_Tar]:
        there = names_in(self.out / PACKED, fresh=fresh)
        return [tar for tar in tars if self._record(tar).name not in there]

    def _record(self, tar: _Tar) -> Path:
        """Keeps the places of the files in a finished tar file until the index is written."""
        return self.out / PACKED / f"{tar.name}.json"


def _digest(files: Sequence[BSRFiles], manifest: Mapping[str, Any] | None) -> str:
    """Differs where a name or a size does, or how the pictures were made."""
    lines = [
        f"{item.name} {key} {path.suffix} {path.stat().st_size}"
        for item in files
        for key, path in _paths(item).items()
    ]
    made = json.dumps(manifest, sort_keys=True)
    return hashlib.sha256("\n".join([*lines, made]).encode()).hexdigest()[:16]


def _tar_writer() -> Any:
    try:
        from webdataset import TarWriter
    except ImportError as error:
        raise ConfigError(
            "webdataset", found="not installed", expected="to write shards", fix=f"Type: {INSTALL}"
        ) from error
    return TarWriter


def _tars(files: list[BSRFiles], size: int) -> list[_Tar]:
    tars: list[_Tar] = []
    first = 0
    for number, pictures in enumerate(_portions(files, size)):
        tars.append(_Tar(f"train-{number:06d}.tar", first, pictures))
        first += len(pictures)
    return tars


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


def _write_tar(path: Path, tar: _Tar, writer: Any) -> list[Entry]:
    """Write one tar file, whole or not at all; return where everything lies in it."""
    with atomic_path(path) as temporary:
        with temporary.open("wb") as stream:
            archive = writer(stream, encoder=False, mtime=0.0)
            for number, files in enumerate(tar.pictures, start=tar.first):
                members = _paths(files)
                content: dict[str, Any] = {
                    f"{key}{place.suffix.lower()}": place.read_bytes()
                    for key, place in members.items()
                }
                content["json"] = json.dumps({"name": files.name}).encode()
                archive.write({"__key__": f"{number:09d}", **content})
            archive.close()
        with tarfile.open(temporary) as written:
            places = {info.name: (info.offset_data, info.size) for info in written.getmembers()}
    entries: list[Entry] = []
    for number, files in enumerate(tar.pictures, start=tar.first):
        found: dict[str, Member] = {}
        for key, place in _paths(files).items():
            suffix = place.suffix.lower()
            found[key] = Member(suffix, *places[f"{number:09d}.{key}{suffix}"])
        entries.append(Entry(files.name, path.name, found))
    return entries
