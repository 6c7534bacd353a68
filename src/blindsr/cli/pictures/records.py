"""Index of which input made each result, so that no other file is overwritten or skipped.

A file that is not in the index, was made from another picture, or was changed since is the user's:
it is neither replaced nor counted as done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

INDEX = ".blindsr.json"
_VERSION = 1
Verdict = Literal["absent", "made", "earlier", "half", "changed", "other"]


@dataclass(frozen=True)
class Print:
    """What a file looked like: size in bytes, time of change in ns, digest of the content."""

    size: int
    time: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> Print:
        """Look at a file."""
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns, _digest(path))

    def fits(self, path: Path) -> bool:
        """Whether a file still looks like this; copies of it do, though their time differs."""
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != self.size:
            return False
        return found.st_mtime_ns == self.time or _digest(path) == self.digest


class Input:
    """A picture to read, known by its content, and by its place."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def place(self) -> str:
        """Absolute path without links."""
        return os.path.realpath(self._path)

    @cached_property
    def look(self) -> Print:
        """Size, time and digest."""
        return Print.of(Path(self.place))

    def was(self, look: Print, place: str) -> bool:
        """Whether it still is what it was; its content is read only where its time differs."""
        found = Path(self.place).stat()
        if place == self.place and (found.st_size, found.st_mtime_ns) == (look.size, look.time):
            return True
        return found.st_size == look.size and self.look.digest == look.digest


@dataclass(frozen=True)
class Record:
    """One result.

    Attributes:
        place: of the input.
        input: what the input looked like.
        results: what the result looks like; two while a newer one takes the place of an older.
        settings: how it was made, for people.
    """

    place: str
    input: Print
    results: tuple[Print, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_records(folder: Path) -> dict[str, Record]:
    """Return the records of a folder by name; what is damaged in the index counts as absent.

    Raises:
        OSError: it cannot be read.
    """
    try:
        text = (folder / INDEX).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        results = json.loads(text)["results"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: record for name, fields in results if (record := _record(fields)) is not None}


def judge(path: Path, source: Input, records: Mapping[str, Record]) -> Verdict:
    """Say what a result that is to be written would replace.

    Returns:
        ``"absent"``; ``"made"`` from this input; ``"half"``: so too, but interrupted while it was
        replaced; ``"earlier"``: from a former content of this input; ``"changed"`` since it was
        made; or ``"other"``, anything else.
    """
    if not os.path.lexists(path):
        return "absent"
    record = records.get(path.name)
    if record is None:
        return "other"
    same = source.was(record.input, record.place)
    if not same and record.place != source.place:
        return "other"
    if not any(look.fits(path) for look in record.results):
        return "changed"
    if not same:
        return "earlier"
    return "made" if len(record.results) == 1 else "half"


def write_records(folder: Path, records: Mapping[str, Record]) -> None:
    """Replace the index; the caller holds :func:`locked`."""
    from blindsr.imaging.files import atomic_path

    results = {
        name: {
            "input": record.place,
            "input_was": vars(record.input),
            "was": [vars(look) for look in record.results],
            **({"made_with": dict(record.settings)} if record.settings else {}),
        }
        for name, record in sorted(records.items())
    }
    about = "which input made each result of blindsr in this folder"
    with atomic_path(folder / INDEX) as temporary:
        text = json.dumps({"about": about, "version": _VERSION, "results": results}, indent=1)
        temporary.write_text(text, encoding="ascii")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change a folder, where the disk knows locks."""
    descriptor = None
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _record(fields: Any) -> Record | None:
    try:
        results = tuple(_print(look) for look in fields["was"])
        settings = fields.get("made_with", {})
        kept = settings if isinstance(settings, dict) else {}
        return Record(str(fields["input"]), _print(fields["input_was"]), results, kept)
    except (KeyError, TypeError, ValueError):
        return None


def _print(fields: Any) -> Print:
    return Print(int(fields["size"]), int(fields["time"]), str(fields["digest"]))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
