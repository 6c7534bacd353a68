"""Finds HR pictures: layouts of DIV2K, Flickr2K, DF2K and DIV8K, or every image below a folder."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from blindsr.data.files.folder_walk import IMAGES, below
from blindsr.data.files.notes import say_once
from blindsr.data.files.pairing import lr_beside_hr, partners, says_lr, stems, words
from blindsr.data.files.pictures import PictureFiles
from blindsr.data.files.source_values import entries, existing_folder
from blindsr.errors import BlindSRError, DataError

Part = Literal["train", "valid"]

_KNOWN: dict[Part, frozenset[str]] = {
    "train": frozenset(
        {"DIV2K_train_HR", "Flickr2K_HR", "DF2K_HR", "DF2K_train_HR", "DIV8K_HR", "DIV8K_train_HR"}
    ),
    "valid": frozenset({"DIV2K_valid_HR", "DF2K_valid_HR", "DIV8K_valid_HR"}),
}
_MASKS = frozenset({"mask", "masks"})


def find_hr(folders: Sequence[str | Path], *, part: Part = "train") -> list[PictureFiles]:
    """Return the HR pictures of some folders, sorted by name within each.

    A folder that holds HR folders of known names (``DIV2K_train_HR``, ``Flickr2K_HR``, ... at most
    two levels below: DF2K is often a folder of DIV2K and Flickr2K) yields those of ``part``. Any
    other yields every image below it, but for folders of LR pictures or masks. Names are relative
    stems, with the folder's name in front where there are several.

    Raises:
        FileError: a folder is missing.
        DataError: a folder holds no image, or two pictures have one name.
    """
    found: list[PictureFiles] = []
    named: dict[str, Path] = {}
    sources = [(Path(folder), hr) for folder in folders for hr in hr_folders(Path(folder), part)]
    for folder, source in sources:
        named_below = [
            (path.relative_to(source).with_suffix("").as_posix(), path)
            for path in images_below(source)
        ]
        for name, path in sorted(named_below):
            if len(sources) > 1:
                name = f"{source.name}/{name}"
            if name in named:
                raise DataError(
                    path,
                    found=f"the name {name}, as {named[name]}",
                    expected="different names",
                    fix=f"Rename one of them, or give {folder} once",
                )
            named[name] = path
            found.append(PictureFiles(name, path))
    return found


def find_test_pictures(
    folder: str | Path, *, lr_folder: str | Path | None = None, scale: int = 4
) -> list[PictureFiles]:
    """Return the pictures of a test set, sorted by name.

    ``folder`` may hold ``HR`` and with it ``LR/X<scale>`` and ``mask``; the validation pictures of
    DIV2K and the like; or simply images.

    Args:
        folder: of the set.
        lr_folder: where LR pictures lie, if not there. Without any, LR is made.
        scale: names ``LR/X<scale>``.

    Raises:
        FileError: a folder is missing.
        DataError: there is no picture, or one has no LR or mask in a folder of such.
    """
    folder = Path(folder)
    existing_folder(folder, "a folder of HR pictures", "Download it, or correct the path")
    if (folder / "HR").is_dir():
        lr = folder / "LR" / f"X{scale}"
        return with_partners(
            folder / "HR",
            mask=folder / "mask" if (folder / "mask").is_dir() else None,
            lr=Path(lr_folder) if lr_folder else (lr if lr.is_dir() else None),
        )
    files = find_hr([folder], part="valid")
    if lr_folder is None:
        return files
    return with_lr(files, Path(lr_folder))


def with_lr(files: Sequence[PictureFiles], folder: Path) -> list[PictureFiles]:
    """Return pictures with their LR in ``folder``, by name.

    Raises:
        FileError: the folder is missing.
        DataError: a picture has no partner there.
    """
    hr = {item.name: item.hr for item in files}
    found = partners(hr, stems(folder, what="LR pictures"), folder)
    return [item._replace(lr=found[item.name]) for item in files]


def with_partners(
    hr_folder: Path,
    *,
    mask: Path | None = None,
    blur: Path | None = None,
    lr: Path | None = None,
) -> list[PictureFiles]:
    """Return the pictures of a folder with their masks, sigma maps and LR of others, by name.

    Raises:
        FileError: a folder is missing.
        DataError: there is no picture, or one has no partner in a folder that is given.
    """
    hr = stems(hr_folder, what="HR pictures")
    found = {
        key: partners(hr, _only(stems(folder, what=what), key), folder)
        for key, folder, what in (
            ("mask", mask, "masks"),
            ("blur", blur, "sigma maps of blindsr estimate"),
            ("lr", lr, "LR pictures"),
        )
        if folder is not None
    }
    return [
        PictureFiles(name, path, **{key: paths[name] for key, paths in found.items()})
        for name, path in hr.items()
    ]


def _only(paths: dict[str, Path], key: str) -> dict[str, Path]:
    """Leave out previews and class maps, which ``blindsr estimate`` writes beside sigma maps."""
    if key != "blur":
        return paths
    return {stem: path for stem, path in paths.items() if stem.endswith("_sigma")}


def hr_folders(folder: Path, part: Part) -> list[Path]:
    """Return the folders of HR pictures in ``folder``; itself if none has a known name.

    Raises:
        FileError: it is missing.
        DataError: it holds known HR folders, but none of ``part``.
    """
    existing_folder(folder, "a folder of HR pictures", "Download it, or correct the path")
    known = frozenset().union(*_KNOWN.values())
    if folder.name in known:
        return [folder]
    first = _folders_in(folder)
    nearby = sorted([*first, *(path for place in first for path in _folders_in(place))])
    present = [path for path in nearby if path.name in known]
    if not present:
        return [folder]
    chosen = [path for path in present if path.name in _KNOWN[part]]
    if not chosen:
        raise DataError(
            folder,
            found=", ".join(path.name for path in present),
            expected=f"one of {', '.join(sorted(_KNOWN[part]))}",
            fix="Give the folder of the pictures itself",
        )
    return chosen


def _folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder; none where it cannot be read: a later step raises that."""
    with contextlib.suppress(BlindSRError):
        return [path for path in entries(folder) if os.path.isdir(path)]  # noqa: PTH112 (no OSError)
    return []


def images_below(folder: Path) -> list[Path]:
    """Return the images below ``folder``, sorted; not those in folders of LR pictures or masks.

    Links are followed, circles of them are not. What is left out is said.

    Raises:
        FileError: a folder cannot be read.
        DataError: there is none.
    """
    failures: list[BlindSRError] = []
    paths = below(folder, recursive=True, failures=failures)
    if failures:
        raise failures[0]
    images = [path for path in paths if path.suffix.lower() in IMAGES]
    kept = [path for path in images if not _beside_hr(path.relative_to(folder))]
    left_out = _left_out(folder, set(images) - set(kept), set(paths) - set(images))
    if lr := lr_beside_hr(kept):
        kept = [path for path in kept if path not in lr]
        say_once(
            f"{folder}: {len(lr)} LR pictures beside their HR left out ({min(lr).name}, ...); name "
            "the folder as that of LR pictures too to test with them"
        )
    if not kept:
        raise DataError(
            folder,
            found="no images" + (f" ({left_out})" if left_out else ""),
            expected="at least one HR picture",
            fix="Give the folder of the pictures",
        )
    if left_out:
        say_once(f"{folder}: {left_out}")
    return kept


def _beside_hr(path: Path) -> bool:
    """Say whether a folder in a relative path is named LR, mask or the like, as a whole word."""
    return any(
        says_lr(part) or not _MASKS.isdisjoint(words(part.lower())) for part in path.parts[:-1]
    )


def _left_out(folder: Path, beside: set[Path], others: set[Path]) -> str:
    """Describe the files that are not taken as HR; empty if there are none."""
    parts = []
    if beside:
        places = sorted({path.relative_to(folder).parent.as_posix() for path in beside})
        shown = ", ".join(places[:3]) + (", ..." if len(places) > 3 else "")
        parts.append(f"{len(beside)} left out in folders of LR pictures or masks ({shown})")
    if others:
        kinds = Counter(path.suffix.lower() or "no suffix" for path in others)
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        parts.append(f"{len(others)} left out that are no pictures ({shown})")
    return "; ".join(parts)
