"""The contact sheet of a checked BSR folder: GT, LR, sigma and classes of a few pictures."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from blindsr.data.check.folder import Report, spread
from blindsr.data.check.picture import ImageFacts, VariantFacts
from blindsr.data.files.sigma_maps import decode_sigma
from blindsr.drawing.palette import blur_to_rgb, classes_to_rgb
from blindsr.errors import BlindSRError, ConfigError, FileError, os_error
from blindsr.imaging.files import read_array, write_png
from blindsr.types import IGNORE_INDEX

_COLUMNS = ("GT", "LR", "sigma", "classes")
_TILE = 240  # width in pixels
_GAP, _LINE = 8, 20
_PAPER, _INK, _RED = (255, 255, 255), (40, 40, 40), (190, 20, 20)

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
    chosen = _chosen(report, rows)
    strips = [_strip(report, row) for row in chosen]
    width = _GAP + len(_COLUMNS) * (_TILE + _GAP)
    heading = 2 * _LINE
    height = heading + sum(strip.height for strip in strips) + _GAP
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(_COLUMNS):
        text = f"sigma, 0 to {report.sigma_max:g} px" if name == "sigma" else name
        _write(draw, (_GAP + column * (_TILE + _GAP), _LINE), text, _INK)
    summary = f"{report.root.name}: {len(report.facts)} GT pictures, {len(report.faults)} faults"
    _write(draw, (_GAP, 2), summary, _RED if report.faults else _INK)
    top = heading
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    try:
        write_png(path, np.asarray(sheet), text={_KEY: _CONTENT})
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
        f"{Path(fault.file).parent.name}: {fault.found}"
        for fault in report.faults
        if str(Path(fault.file).parent) in folders and Path(fault.file).stem in stems
    ]


def _strip(report: Report, row: _Row) -> Image.Image:
    part, facts, variant = row
    files = next(v for v in facts.item.variants if v.group == variant.group)
    tiles = [
        _tile(facts.item.hr, lambda array: array),
        _tile(files.lr, lambda array: array),
        _tile(files.blur, lambda array: blur_to_rgb(decode_sigma(array), report.sigma_max)),
        _tile(facts.item.seg, lambda array: _classes(array, report.seg_format)),
    ]
    height = max((tile.shape[0] for tile in tiles if tile is not None), default=_TILE * 3 // 4)
    strip = Image.new("RGB", (_GAP + len(tiles) * (_TILE + _GAP), height + _LINE + _GAP), _PAPER)
    draw = ImageDraw.Draw(strip)
    faults = _faults(report, row)
    label = f"{part}/{facts.item.name}" + (f"   {'; '.join(faults)}" if faults else "")
    _write(draw, (_GAP, 0), label, _RED if faults else _INK)
    for column, tile in enumerate(tiles):
        left = _GAP + column * (_TILE + _GAP)
        if tile is None:
            draw.rectangle((left, _LINE, left + _TILE - 1, _LINE + height - 1), outline=_INK)
            _write(draw, (left + _GAP, _LINE + height // 2 - 8), "nothing to show", _INK)
        else:
            strip.paste(Image.fromarray(tile), (left, _LINE))
    return strip


def _tile(path: Path | None, colour: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
    """Return a picture (., _TILE, 3) uint8; None for what is missing or cannot be drawn."""
    if path is None:
        return None
    try:
        picture: Any = colour(read_array(path))
    except (BlindSRError, IndexError):
        return None
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        return None
    height = max(1, round(_TILE * picture.shape[0] / picture.shape[1]))
    shrinks = picture.shape[1] > _TILE
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, (_TILE, min(height, 4 * _TILE)), interpolation=kind))


def _classes(stored: np.ndarray, seg_format: str) -> np.ndarray:
    """Return label colours; labels beyond the format are white."""
    stored = (stored if stored.ndim == 2 else stored[..., 0]).astype(int)
    count = 40 if seg_format == "zero_void" else 19
    classes = stored - 1 if seg_format == "zero_void" else stored
    void = stored == (0 if seg_format == "zero_void" else IGNORE_INDEX)
    wrong = ~void & ((classes < 0) | (classes >= count))
    picture = classes_to_rgb(np.where(void | wrong, IGNORE_INDEX, classes), count)
    picture[wrong] = 255
    return picture


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, colour: tuple[int, int, int]
) -> None:
    letters = (len(_COLUMNS) * (_TILE + _GAP) - _GAP) // 7
    draw.text(at, text[:letters], fill=colour, font=ImageFont.load_default(13))
