"""Pictures that a user names (files, folders, patterns), and distinct names for their results."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blindsr.cli.pictures.records import INDEX, Print, Record, read_records
from blindsr.data.files.folder_walk import IMAGES, below
from blindsr.errors import (
    BlindSRError,
    FileError,
    check_ordinary,
    os_error,
    printable,
    special_kind,
)


def matches(pattern: str) -> list[Path]:
    """Return the files and folders that a pattern names, sorted, without hidden ones.

    A part of the pattern that exists as it is written is no pattern: ``a[1]/*.png`` looks into the
    folder ``a[1]``.
    """
    parts = Path(pattern).parts
    found = [Path(parts[0])] if Path(pattern).is_absolute() else [Path()]
    for part in parts[1:] if Path(pattern).is_absolute() else parts:
        found = list(dict.fromkeys(hit for place in found for hit in _part(place, part)))
    if parts[-1] == "**":
        found = [hit for place in found for hit in (place, *_part(place, "*"))]
    return sorted(dict.fromkeys(found))


def _part(place: Path, part: str) -> list[Path]:
    literal = place / part
    if part == ".." or os.path.lexists(literal):
        return [literal]
    if part == "**":
        return [place, *_folders(place)]
    if not glob.has_magic(part):
        return []
    return [place / name for name in glob.glob(part, root_dir=place)]  # noqa: PTH207 (keeps names)


def _folders(place: Path) -> list[Path]:
    return [
        Path(top) / name
        for top, names, _ in os.walk(place)
        if not any(word.startswith(".") for word in Path(top).relative_to(place).parts)
        for name in names
        if not name.startswith(".")
    ]


@dataclass(frozen=True)
class Source:
    """A picture.

    Attributes:
        path: where it is.
        relative: its place under the folder that was named, or its name.
    """

    path: Path
    relative: Path


@dataclass
class Search:
    """What is to be said about a search for pictures.

    Attributes:
        failures: what was named and is not there, or cannot be read.
        notes: what was passed over.
    """

    failures: list[BlindSRError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_pictures(
    words: Sequence[str],
    *,
    recursive: bool = False,
    leave_out: Path | None = None,
    search: Search | None = None,
) -> list[Source]:
    """Expand files, folders and patterns to pictures, in order and each once.

    Of a folder these are the files in it whose suffix is one of :data:`IMAGES`, without hidden ones
    and results of an earlier run; of a pattern (``*``, ``?``, ``[...]``, ``**``) the same. A file
    that is named is taken whatever its suffix, and what exists is never a pattern.

    Args:
        words: what was named.
        recursive: look into folders of folders, through links too.
        leave_out: a folder that is not looked into, such as the one that is written to.
        search: gathers failures; without it the first is raised.

    Raises:
        BlindSRError: nothing exists under a name, or there is no picture; with ``search`` only
            where that holds for all words.
    """
    found: dict[tuple[str, Path], Source] = {}
    report = search or Search()
    for word in words:
        try:
            sources = _expand(word, recursive, leave_out, report)
        except BlindSRError as error:
            if search is None:
                raise
            report.failures.append(error)
            continue
        for source in sources:
            found.setdefault((os.path.realpath(source.path), source.relative), source)
    if not found:
        raise report.failures[0]
    return list(found.values())


def _expand(word: str, recursive: bool, leave_out: Path | None, search: Search) -> list[Source]:
    path = Path(word)
    try:
        there = os.path.lexists(path)
    except (OSError, ValueError) as error:
        raise os_error(error, word, "read") from error
    if there or not glob.has_magic(word):
        check_ordinary(path, "a picture or a folder of pictures")
        if path.is_dir():
            return _folder(path, recursive, leave_out, search)
        return [Source(path, Path(path.name))]
    hits = matches(word)
    pictures, skipped = _pictures(hits)
    if not pictures:
        found = f"{len(hits)} files, no picture among them" if hits else "matches nothing"
        raise FileError(word, found=found, expected=_kinds())
    if skipped:
        search.notes.append(f"{word}: {_told(skipped)}")
    return [Source(match, Path(match.name)) for match in pictures]


def _folder(folder: Path, recursive: bool, leave_out: Path | None, search: Search) -> list[Source]:
    closed = None if leave_out is None else os.path.realpath(leave_out)
    if closed is not None and _inside(folder, closed):
        closed = None  # it was named, after all
    paths = [
        path
        for path in below(folder, recursive=recursive, failures=search.failures)
        if closed is None or not _inside(path, closed)
    ]
    pictures, skipped = _pictures(paths)
    if not pictures:
        deeper = not recursive and _pictures(below(folder, recursive=True, failures=[]))[0]
        raise FileError(
            folder,
            found="a folder without pictures" + (f" ({_told(skipped)})" if skipped else ""),
            expected=_kinds(),
            fix="--recursive looks into its folders." if deeper else "",
        )
    if skipped:
        search.notes.append(f"{folder}: {_told(skipped)}")
    return [Source(path, path.relative_to(folder)) for path in pictures]


def _inside(path: Path, folder: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _pictures(paths: Iterable[Path]) -> tuple[list[Path], Counter[str]]:
    """Return the pictures among files, and how many of which kind are none."""
    pictures: list[Path] = []
    skipped: Counter[str] = Counter()
    made: dict[Path, dict[str, Record]] = {}
    for path in paths:
        kind = _kind(path)
        if kind is None and _is_result(path, made):
            kind = "result of an earlier run"
        if kind is None:
            pictures.append(path)
        elif kind:
            skipped[kind] += 1
    return pictures, skipped


def _kind(path: Path) -> str | None:
    """What a file is that is no picture; ``None`` for one, nothing for a folder."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return "broken link" if path.is_symlink() else "unreadable"
    if stat.S_ISDIR(mode):
        return ""
    special = special_kind(mode)
    if special:
        return special.removeprefix("a ")
    suffix = path.suffix.lower()
    return None if suffix in IMAGES else printable(suffix) or "without a suffix"


def _is_result(path: Path, made: dict[Path, dict[str, Record]]) -> bool:
    """Whether a picture was written by an earlier run, and is as it was written."""
    folder = path.parent
    if folder not in made:
        try:
            made[folder] = read_records(folder) if (folder / INDEX).is_file() else {}
        except OSError:
            made[folder] = {}
    record = made[folder].get(path.name)
    try:
        looks: tuple[Print, ...] = () if record is None else record.results
        return any(look.fits(path) for look in looks)
    except OSError:
        return False


def _told(skipped: Counter[str]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(skipped.items()))
    total = skipped.total()
    return f"{total} file{'' if total == 1 else 's'} skipped: {kinds}"


def _kinds() -> str:
    return f"files with one of {' '.join(IMAGES)}"


LONGEST = 3


def distinct(
    sources: Sequence[Source], files: Callable[[Source, int], Sequence[Path]]
) -> list[int]:
    """Choose how long the name of each result must be so that no two are the same.

    Independent of the order: all whose names are the same get the longer one.

    Args:
        sources: pictures.
        files: results of a picture, for a length 0..:data:`LONGEST` as in :func:`longer_name`.

    Returns:
        The lengths.
    """
    lengths = [0] * len(sources)
    while True:
        users: dict[Path, set[int]] = {}
        for index, source in enumerate(sources):
            for path in files(source, lengths[index]):
                users.setdefault(path, set()).add(index)
        clashing = {index for group in users.values() if len(group) > 1 for index in group}
        if not any(lengths[index] < LONGEST for index in clashing):
            return lengths
        for index in clashing:
            lengths[index] = min(LONGEST, lengths[index] + 1)


def longer_name(source: Source, length: int) -> Path:
    """Return the relative path of a picture with its stem made longer, the suffix as it was.

    Args:
        source: a picture.
        length: 0 as it is; 1 with the suffix, ``photo_jpg``; 2 with the folder before it,
            ``holiday_photo_jpg``; 3 with some digits that the whole path gives.
    """
    relative = source.relative
    stem, suffix = relative.stem, relative.suffix
    real = os.path.realpath(source.path)
    if length >= 1 and suffix.lower() in IMAGES:
        stem += "_" + suffix[1:]
    if length >= 2:
        stem = f"{Path(real).parent.name}_{stem}"
    if length >= LONGEST:
        stem += "_" + hashlib.blake2b(os.fsencode(real), digest_size=4).hexdigest()
    return relative.with_name(stem + suffix)
