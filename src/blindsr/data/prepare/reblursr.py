"""Makes a data set like ReBlurSR of one's own photographs: picks, masks, labels, corrections.

What is written is the *raw* layout of :mod:`blindsr.data.pbasr.reblursr_files`, so
:class:`blindsr.data.ReBlurSR` reads it, and beside it ``labels.csv`` and contact sheets, which are
there to be corrected by hand; :func:`correct_reblursr` reads the corrections back.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsr.data.files.disk import disk_errors
from blindsr.data.files.manifest import write_json
from blindsr.data.files.masks import Mask, mask_from_sigma, read_mask
from blindsr.data.files.pairing import pair, stems
from blindsr.data.loading.checked_options import check_choice, check_number
from blindsr.data.pbasr.reblursr_labels import FILES, VALUES, Label
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import write_png
from blindsr.imaging.photo import read_photo

from .reblursr_rows import (
    AUTOMATIC,
    DRAW,
    LABELS,
    MANUAL,
    Row,
    area_of,
    degree_of,
    read_rows,
    write_rows,
)
from .reblursr_sheet import write_sheets

Sigma = NDArray[np.floating]
HR, MASK, LEFT_OUT, RECORD = "ALL_HR", "ALL_mask", "left_out", "masks.json"
"""``masks.json`` has a checksum of every mask as it was made: another one was drawn by hand."""


@dataclass(frozen=True, kw_only=True)
class Picks:
    """Which pictures are taken, and how their labels are told.

    Attributes:
        threshold: sigma in pixels of the picture; below it a pixel is sharp.
        least: smallest blurred share of a picture in percent; the paper's is 5.
        most: largest, so that something is in focus; the paper's is 80.
        smallest: regions of fewer pixels take the value around them.
        type: ``defocus`` or ``motion``: what the pictures show; sigma does not tell them apart.
        test_share: percent of the pictures that are for testing.
        manual_share: percent of the masks that are to be drawn by hand; the paper has 20.
        seed: of both choices.
    """

    threshold: float = 1.0
    least: float = 5.0
    most: float = 80.0
    smallest: int = 400
    type: str = "defocus"
    test_share: float = 5.0
    manual_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("type", self.type, VALUES["type"])
        check_number("threshold", self.threshold, most=100.0, above=True)
        for name in ("least", "most", "test_share", "manual_share"):
            check_number(name, getattr(self, name), most=100.0)
        if self.least >= self.most:
            raise ConfigError(
                "least", found=f"{self.least:g}", expected=f"less than most, {self.most:g}"
            )


def prepare_reblursr(
    images: str | Path,
    out: str | Path,
    estimate: Callable[[NDArray[np.uint8]], Sigma],
    *,
    picks: Picks | None = None,
    masks: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Pick the pictures with intended blur, and write them with masks and labels.

    Args:
        images: folder of photographs.
        out: new or empty folder.
        estimate: (H, W, 3) uint8 -> (H, W) sigma in pixels of the picture.
        picks: which are taken.
        masks: folder of masks drawn by hand (255 sharp, 0 blurred), paired by name, for some.
        progress: called with the numbers of finished and of all pictures.

    Returns:
        A row for each picture that was taken, by name.

    Raises:
        FileError: a folder is missing, or ``out`` holds files.
        DataError: a file cannot be used, or no picture has intended blur.
    """
    picks, out = picks or Picks(), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileError(out, found="something already", expected="a new or empty folder")
    found = stems(Path(images), what="photographs")
    drawn = _drawn(masks, found)
    rows: list[Row] = []
    with disk_errors(out), _nothing_half_written(out):
        for number, (name, path) in enumerate(sorted(found.items()), 1):
            row = _picture(name, path, out, estimate, picks, drawn.get(name))
            rows += [row] if row else []
            if progress is not None:
                progress(number, len(found))
        if not rows:
            raise DataError(
                Path(images),
                found=f"{len(found)} pictures, none blurred by {picks.least:g} to {picks.most:g} %",
                expected="pictures with intended blur",
                fix="See --threshold, --least and --most",
            )
        rows = _split(rows, picks)
        write_json(out / RECORD, {row.name: _checksum(out, row.name) for row in rows})
        _finish(out, rows)
    return rows


@contextlib.contextmanager
def _nothing_half_written(out: Path) -> Iterator[None]:
    """Take away what was begun in a folder that was empty, if it comes to no end."""
    there = out.exists()
    try:
        yield
    except BaseException:
        for path in out.iterdir() if out.exists() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if out.exists() and not there:
            out.rmdir()
        raise


def correct_reblursr(out: str | Path) -> list[Row]:
    """Read ``labels.csv`` and the masks back after they were corrected; write labels and sheets.

    Pictures with ``use`` no go to ``left_out`` with their masks. A mask that differs from the one
    that was made counts as drawn by hand; its area is measured anew.

    Returns:
        The rows that are left.

    Raises:
        FileError: it is no such folder.
        DataError: a row or a mask has no meaning.
    """
    out = Path(out)
    rows = read_rows(out / LABELS)
    record = _record(out / RECORD)
    pictures = stems(out / HR, what="pictures")
    for row in rows:
        if row.name not in pictures:
            raise DataError(out / LABELS, found=f"{row.name}, no picture of {HR}")
    kept = [_corrected(out, row, record) for row in rows if row.use]
    if not kept:
        raise DataError(out / LABELS, found="no picture to use", expected="at least one")
    with disk_errors(out):
        for name in set(pictures) - {row.name for row in kept}:
            _leave_out(out, pictures[name], name)
        _finish(out, kept)
    return kept


def _drawn(masks: str | Path | None, found: Mapping[str, Path]) -> dict[str, Path]:
    """Masks by the name of their picture.

    Raises:
        DataError: a mask has no picture.
    """
    if masks is None:
        return {}
    paired = pair(dict(found), stems(Path(masks), what="masks"), Path(masks))
    if paired.extra:
        raise DataError(
            Path(masks), found=f"{paired.extra[0]}, of no photograph", expected="masks by name"
        )
    return paired.found


def _picture(
    name: str,
    path: Path,
    out: Path,
    estimate: Callable[[NDArray[np.uint8]], Sigma],
    picks: Picks,
    drawn: Path | None,
) -> Row | None:
    """Write one picture with its mask, if it is taken."""
    picture = (read_photo(path).rgb() * 255).round().astype(np.uint8)
    sigma = estimate(picture)
    if drawn is None:
        mask = mask_from_sigma(sigma, threshold=picks.threshold, smallest=picks.smallest)
    else:
        mask = _fitting(drawn, picture.shape[:2])
    share = 100 * float((mask == 0).mean())
    if not picks.least <= share <= picks.most:
        return None
    typical = float(np.median(sigma[mask == 0]))
    write_png(out / HR / f"{name}.png", picture)
    write_png(out / MASK / f"{name}.png", (mask * 255).astype(np.uint8))
    return Row(
        name=name,
        use=True,
        type=picks.type,
        degree=degree_of(typical),
        area=area_of(share),
        split="train",
        mask=AUTOMATIC if drawn is None else MANUAL,
        share=share,
        sigma=typical,
    )


def _fitting(path: Path, size: tuple[int, int]) -> Mask:
    mask = read_mask(path)
    if mask.shape != size:
        raise DataError(
            path,
            found=f"{mask.shape[1]} x {mask.shape[0]} pixels",
            expected=f"{size[1]} x {size[0]}, the size of its picture",
        )
    return mask


def _split(rows: Sequence[Row], picks: Picks) -> list[Row]:
    """Choose test pictures, and masks to draw, by the seed."""
    rng = np.random.default_rng(picks.seed)
    order = rng.permutation(len(rows))
    tested = set(order[: round(len(rows) * picks.test_share / 100)].tolist())
    wanted = round(len(rows) * picks.manual_share / 100)
    missing = max(0, wanted - sum(row.mask == MANUAL for row in rows))
    free = [index for index in rng.permutation(len(rows)) if rows[index].mask == AUTOMATIC]
    draw = set(map(int, free[:missing]))
    return [
        row.changed(
            split="valid" if index in tested else "train", mask=DRAW if index in draw else row.mask
        )
        for index, row in enumerate(rows)
    ]


def _corrected(out: Path, row: Row, record: Mapping[str, int]) -> Row:
    path = out / MASK / f"{row.name}.png"
    mask = read_mask(path)
    share = 100 * float((mask == 0).mean())
    if _checksum(out, row.name) == record.get(row.name):
        return row  # with the area that the user may have named
    return row.changed(mask=MANUAL, share=share, area=area_of(share))


def _checksum(out: Path, name: str) -> int:
    """Of the mask's pixels, so that saving it again changes nothing."""
    return zlib.crc32(read_mask(out / MASK / f"{name}.png").tobytes())


def _record(path: Path) -> dict[str, int]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise FileError(
            path,
            found="missing or damaged",
            expected="a folder that `blindsr prepare reblursr` made",
        ) from error


def _leave_out(out: Path, picture: Path, name: str) -> None:
    for folder, path in ((HR, picture), (MASK, out / MASK / f"{name}.png")):
        target = out / LEFT_OUT / folder / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(target)


def _finish(out: Path, rows: Sequence[Row]) -> None:
    """Write labels as ReBlurSR has them, the table for people, and the sheets."""
    labels: tuple[Label, ...] = ("type", "degree", "area", "split")
    ordered = sorted(rows, key=lambda row: row.name)
    for label in labels:
        numbers = [VALUES[label].index(getattr(row, label)) for row in ordered]
        np.save(out / FILES[label], np.array(numbers, np.int64))
    write_rows(out / LABELS, ordered)
    write_sheets(out, ordered)
