"""Contact sheet of a checked BSR folder: GT, LR, blur and seg of a few pictures."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blindsr.data.check.folder import Report, spread
from blindsr.data.check.picture import ImageFacts, VariantFacts
from blindsr.data.files.sigma_maps import decode_blur
from blindsr.drawing.page import ALARM, INK
from blindsr.drawing.strips import strip_page
from blindsr.errors import BlindSRError, ConfigError, DataError, FileError, os_error
from blindsr.imaging.files import read_array
from blindsr.types import IGNORE_INDEX

_NUM_CLASSES = {"zero_void": 40, "train_ids": 19}
_KEY, _CONTENT = "blindsr", "contact sheet of a data set"
_MARK = f"{_KEY}\0{_CONTENT}".encode()
_HEAD = 400  # bytes of a sheet that hold the mark

_Row = tuple[str, ImageFacts, VariantFacts]


def check_place(path: Path) -> None:
    """Refuse a place where no sheet can be written, before minutes are spent on its content.

    Raises:
        ConfigError: the name does not end in ``.png``.
        FileError: it is a folder, or another file than an earlier sheet.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(
            "--out", found=str(path), expected="a name that ends in .png", fix="Name a PNG file"
        )
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
        with path.open("rb") if regular else contextlib.nullcontext() as file:
            ours = file is not None and _MARK in file.read(_HEAD)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise os_error(error, path, "written") from error
    if not ours:
        raise FileError(
            path,
            found="something else than an earlier contact sheet",
            expected="a new name",
            fix="Give another name with -o, or remove it first",
        )


def write_sheet(path: str | Path, report: Report, *, rows: int = 6) -> None:
    """Write the sheet as a PNG: faulty pictures first (at most two thirds), then good ones.

    Sigma is coloured from 0 to ``report.sigma_max``. What cannot be read is an empty tile.

    Raises:
        FileError: it cannot be written.
    """
    count = _NUM_CLASSES[report.seg_format]
    page = strip_page(
        [_sample(report, row) for row in _chosen(report, rows)],
        sigma_max=report.sigma_max,
        class_names=[*map(str, range(count)), "beyond the classes"],
        title=f"{report.root.name}: {len(report.facts)} GT pictures, {len(report.faults)} faults",
    )
    page.title_colour = ALARM if report.faults else INK
    try:
        page.save(path, text={_KEY: _CONTENT})
    except (OSError, ValueError) as error:
        raise os_error(error, path, "written") from error


def _chosen(report: Report, rows: int) -> list[_Row]:
    """Return some faulty and some good pictures, each kind spread over the parts."""
    everything = [(part, *pair) for part, pictures in report.parts for pair in pictures]
    faulty = [row for row in everything if _faults(report, row)]
    good = [row for row in everything if not _faults(report, row)]
    bad = min(len(faulty), max(rows * 2 // 3, rows - len(good)))
    return [faulty[i] for i in spread(len(faulty), bad)] + [
        good[i] for i in spread(len(good), rows - bad)
    ]


def _faults(report: Report, row: _Row) -> list[str]:
    """Return the faults of the files that make up one row."""
    part, facts, variant = row
    split, name = facts.item.split, facts.item.name
    folders = {f"{split}/GT", f"{split}/semseg", f"{split}/depth"}
    folders |= {f"{part}/LRx{report.scale}", f"{part}/blur", f"{part}/blur16"}
    blur = next((v.blur for v in facts.item.variants if v.group == variant.group), None)
    stems = {name} if blur is None else {name, blur.stem}
    return [
        f"{Path(fault.file).parent.name}: {fault.found.partition(' (')[0]}"
        for fault in report.faults
        if str(Path(fault.file).parent) in folders and Path(fault.file).stem in stems
    ]


def _sample(report: Report, row: _Row) -> dict[str, Any]:
    """Return what there is to see of a row, see :func:`blindsr.drawing.strips.strip_page`."""
    part, facts, variant = row
    files = next(v for v in facts.item.variants if v.group == variant.group)
    faults = _faults(report, row)
    pictures = {
        "hr": _read(facts.item.hr, _colour),
        "lr": _read(files.lr, _colour),
        "blur": _read(files.blur, decode_blur),
        "seg": _read(facts.item.seg, lambda array: _classes(array, report.seg_format)),
    }
    return {
        "name": f"{part}/{facts.item.name}" + (f"   {'; '.join(faults)}" if faults else ""),
        "faulty": bool(faults),
        **{key: picture for key, picture in pictures.items() if picture is not None},
    }


def _read(path: Path | None, decode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
    """Return what a file holds; None for what is missing or cannot be drawn."""
    try:
        return None if path is None else decode(read_array(path))
    except (BlindSRError, IndexError):
        return None


def _colour(stored: np.ndarray) -> np.ndarray:
    """Return a picture in [0, 1].

    Raises:
        DataError: no RGB picture of 8 bit.
    """
    if stored.dtype != np.uint8 or stored.ndim != 3 or stored.shape[2] != 3:
        raise DataError("picture", found=f"shape {stored.shape}, {stored.dtype}")
    return stored.astype(np.float32) / np.float32(255)


def _classes(stored: np.ndarray, seg_format: str) -> np.ndarray:
    """Return class indices, 255 = no class; values beyond the format are one class more."""
    stored = (stored if stored.ndim == 2 else stored[..., 0]).astype(int)
    count = _NUM_CLASSES[seg_format]
    seg = stored - 1 if seg_format == "zero_void" else stored
    void = stored == (0 if seg_format == "zero_void" else IGNORE_INDEX)
    wrong = ~void & ((seg < 0) | (seg >= count))
    return np.where(void, IGNORE_INDEX, np.where(wrong, count, seg))
