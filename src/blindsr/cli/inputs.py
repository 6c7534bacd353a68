"""Pictures that a user names: files, folders, patterns."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blindsr.errors import FileError, missing_file


@dataclass(frozen=True)
class Source:
    """A picture.

    Attributes:
        path: where it is.
        relative: its place under the folder that was named, or its name.
    """

    path: Path
    relative: Path


def find_pictures(
    words: Sequence[str], *, recursive: bool = False, leave_out: Path | None = None
) -> list[Source]:
    """Expand files, folders and patterns to pictures, in order and each once.

    Of a folder these are the files in it whose suffix is that of a known format, hidden ones left
    out; of a pattern (``*``, ``?``, ``[...]``, ``**``) likewise. A file that is named is taken
    whatever its suffix, and what exists is never a pattern.

    Args:
        words: what was named.
        recursive: look into folders of folders.
        leave_out: a folder that is not looked into, such as the one that is written to.

    Raises:
        FileError: nothing exists under a name, or there is no picture.
    """
    found: dict[tuple[Path, Path], Source] = {}
    for word in words:
        for source in _expand(word, recursive, leave_out):
            found.setdefault((source.path.resolve(), source.relative), source)
    return list(found.values())


def _expand(word: str, recursive: bool, leave_out: Path | None) -> list[Source]:
    path = Path(word)
    if path.is_dir():
        return _folder(path, recursive, leave_out)
    if path.exists():
        return [Source(path, Path(path.name))]
    if not glob.has_magic(word):
        raise missing_file(word, "a picture or a folder of pictures", "Check the path")
    matches = sorted(map(Path, glob.glob(word, recursive=True)))  # noqa: PTH207 (absolute patterns)
    sources = [Source(match, Path(match.name)) for match in _pictures(matches)]
    if not sources:
        raise FileError(
            word,
            found=f"{len(matches)} files, no picture among them" if matches else "matches nothing",
            expected=_kinds(),
        )
    return sources


def _folder(folder: Path, recursive: bool, leave_out: Path | None) -> list[Source]:
    names = sorted(folder.rglob("*") if recursive else folder.iterdir())
    closed = None if leave_out is None else leave_out.resolve()
    if closed is not None and folder.resolve().is_relative_to(closed):
        closed = None  # it was named, after all
    sources = [
        Source(path, path.relative_to(folder))
        for path in _pictures(names)
        if not _hidden(path.relative_to(folder))
        and (closed is None or not path.resolve().is_relative_to(closed))
    ]
    if not sources:
        deeper = not recursive and any(_pictures(folder.rglob("*")))
        raise FileError(
            folder,
            found="a folder without pictures",
            expected=_kinds(),
            fix="--recursive looks into its folders." if deeper else "",
        )
    return sources


def _pictures(paths: Iterable[Path]) -> list[Path]:
    from blindsr.imaging.photo_format import FORMATS

    return [path for path in paths if path.suffix.lower() in FORMATS and path.is_file()]


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _kinds() -> str:
    from blindsr.imaging.photo_format import FORMATS

    return f"files with one of {' '.join(FORMATS)}"
