"""A training set in a few large tar files instead of many small ones, here or behind a URL.

Shards are those of WebDataset: other loops can stream them. Here they are not streamed: an index
says where each file lies, one read fetches a picture with all that belongs to it, and the loader
asks for pictures in its own seeded order. So samples are those of the loose files, whatever the
number of workers, processes and shards, and a run resumes exactly.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from blindsr.data.bsr.layout import BSRFiles
from blindsr.data.files.manifest import checked_content
from blindsr.data.files.source_values import LARGEST_SCALE, whole
from blindsr.errors import BlindSRError, ConfigError, DataError, FileError, os_error

PACKED = "packed"
"""Holds a record of every finished file while others are written."""
INDEX = "shards.json"
INDEX_VERSION = 1
INSTALL = "uv pip install 'blindsr[shards]'"
KEYS = ("lr", "hr", "blur", "exact_blur", "seg", "depth")
"""Of :class:`~blindsr.data.bsr.layout.BSRFiles`; the members of a sample are named after them."""
_NEEDED = ("lr", "hr", "blur")
_FIX = "Write the shards again with `blindsr prepare shards`, or copy them again"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_SHARD = re.compile(r"[\w-]+\.tar")
_CLOUDS = ("s3", "gs", "az")
_LARGEST = 2**40  # bytes


class Member(NamedTuple):
    """A file inside a shard."""

    suffix: str
    offset: int
    size: int


class Entry(NamedTuple):
    """A picture with all that belongs to it."""

    name: str
    shard: str
    members: dict[str, Member]
    """By key of :data:`KEYS`."""


class TrainingShards:
    """The training pictures of a folder of shards.

    Args:
        place: the folder, or its URL: ``s3://bucket/folder``, ``https://...``.

    Raises:
        FileError: there is no index, or it cannot be read.
        DataError: the index is damaged.
        ConfigError: what the URL needs is not installed.
    """

    def __init__(self, place: str) -> None:
        self.place = str(place).rstrip("/")
        self._opened: tuple[int, Any, str] | None = None
        index = self._index()
        self.scale: int = index["scale"]
        self.manifest: dict[str, Any] | None = None
        if isinstance(index.get("manifest"), dict):
            self.manifest = checked_content(index["manifest"], Path(self.place) / INDEX)
        self._entries = [self._entry(item) for item in index["samples"]]
        self._by_path = {self._path(entry, "hr"): entry for entry in self._entries}

    @property
    def settings(self) -> dict[str, Any]:
        """How the pictures were prepared, as far as that is known."""
        return {"scale": self.scale} | ({} if self.manifest is None else self.manifest["settings"])

    @property
    def files(self) -> list[BSRFiles]:
        """The pictures in their order, under names inside the shards."""
        return [
            _named(entry.name, {key: self._path(entry, key) for key in entry.members})
            for entry in self._entries
        ]

    @contextlib.contextmanager
    def local(self, files: BSRFiles) -> Iterator[BSRFiles]:
        """Yield the files of one picture as files of this machine, gone afterwards.

        Raises:
            FileError: the shard cannot be read.
            BlindSRError: of what is done with them, under names inside the shards.
        """
        entry = self._by_path[files.hr]
        with tempfile.TemporaryDirectory(prefix="blindsr") as folder:
            local = self._unpacked(entry, Path(folder))
            try:
                yield local
            except BlindSRError as error:
                where = error.where.replace(folder, f"{self.place}/{entry.shard}")
                raise type(error)(
                    where, found=error.found, expected=error.expected, fix=_FIX
                ) from error

    def _unpacked(self, entry: Entry, folder: Path) -> BSRFiles:
        first = min(member.offset for member in entry.members.values())
        last = max(member.offset + member.size for member in entry.members.values())
        content = self._read(entry.shard, first, last)
        paths: dict[str, Path] = {}
        for key, member in entry.members.items():
            paths[key] = folder / f"{entry.name}.{key}{member.suffix}"
            start = member.offset - first
            paths[key].write_bytes(content[start : start + member.size])
        return _named(entry.name, paths)

    def _read(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        path = f"{self.place}/{name}"
        try:
            system, root = self._system()
            content = system.cat_file(f"{root}/{name}", start=start, end=end)
        except FileNotFoundError as error:
            raise FileError(
                path, found="no such file", expected="shards of a training set", fix=_FIX
            ) from error
        except OSError as error:
            raise os_error(error, path, "read") from error
        except Exception as error:
            if "://" not in self.place or isinstance(error, BlindSRError):
                raise
            raise FileError(  # each cloud has exceptions of its own
                path,
                found=f"cannot be read ({str(error).splitlines()[0] if str(error) else error!r})",
                expected="shards of a training set",
                fix="Check the address, the network and your access rights",
            ) from error
        if start is not None and end is not None and len(content) != end - start:
            raise FileError(path, found="too short", expected=f"{end} bytes or more", fix=_FIX)
        return bytes(content)

    def _system(self) -> tuple[Any, str]:
        """The file system, opened in this process: connections do not survive a fork."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), *opened(self.place))
        return self._opened[1], self._opened[2]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out connections."""
        return {**self.__dict__, "_opened": None}

    def _index(self) -> dict[str, Any]:
        path = f"{self.place}/{INDEX}"
        try:
            index = json.loads(self._read(INDEX))
        except (ValueError, RecursionError) as error:
            raise FileError(path, found=f"damaged ({error})", expected="JSON", fix=_FIX) from error
        good = isinstance(index, dict) and index.get("version") == INDEX_VERSION
        good = good and whole(index.get("scale"), least=1, most=LARGEST_SCALE)
        if not good or not isinstance(index.get("samples"), list) or not index["samples"]:
            raise DataError(path, found="another content", expected="an index of shards", fix=_FIX)
        return index

    def _entry(self, item: Any) -> Entry:
        try:
            name, shard, stored = item
            members = {key: Member(*stored[key]) for key in KEYS if key in stored}
            good = all(key in members for key in _NEEDED) and bool(_SHARD.fullmatch(shard))
            good = good and name not in ("", ".", "..") and not set(name) & set("/\\:\0")
            good = good and all(_is_member(member) for member in members.values())
        except (TypeError, ValueError, KeyError):
            good = False
        if not good:
            raise DataError(
                f"{self.place}/{INDEX}",
                found=f"an entry {str(item)[:60]}",
                expected="name, shard and places of files",
                fix=_FIX,
            )
        return Entry(name, shard, members)

    def _path(self, entry: Entry, key: str) -> Path:
        return Path(self.place) / entry.shard / f"{entry.name}.{key}{entry.members[key].suffix}"


def _named(name: str, paths: Mapping[str, Path]) -> BSRFiles:
    return BSRFiles(
        name,
        paths["lr"],
        paths["hr"],
        paths["blur"],
        paths.get("exact_blur"),
        paths.get("seg"),
        paths.get("depth"),
    )


def _is_member(member: Member) -> bool:
    numbers = whole(member.offset, least=0, most=_LARGEST) and whole(
        member.size, least=1, most=2**32
    )
    return numbers and bool(_SUFFIX.fullmatch(member.suffix))


def opened(place: str) -> tuple[Any, str]:
    """Return the file system of a folder or URL, and the path in it.

    Raises:
        ConfigError: nothing that is installed opens it.
    """
    protocol = place.partition("://")[0] if "://" in place else "file"
    try:
        try:
            fsspec.get_filesystem_class(protocol)
        except ImportError:
            if protocol not in _CLOUDS:
                raise
            from obstore.fsspec import register

            register(protocol)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            "shards",
            found=place,
            expected="a folder, or a URL that can be opened here",
            fix=f"For s3://, gs:// and az:// type: {INSTALL}",
        ) from error
    system, root = fsspec.core.url_to_fs(place)
    return system, str(root)


def described(entries: list[Entry], scale: int, manifest: Mapping[str, Any] | None) -> dict:
    """Return the content of the index."""
    samples = [
        [entry.name, entry.shard, {key: list(member) for key, member in entry.members.items()}]
        for entry in entries
    ]
    return {"version": INDEX_VERSION, "scale": scale, "manifest": manifest, "samples": samples}
