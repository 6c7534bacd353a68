"""Takes over what people corrected in a data set like ReBlurSR of their own photographs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from blindsr.data.files.disk import disk_errors
from blindsr.data.files.pairing import stems
from blindsr.errors import DataError, FileError

from .reblursr import HR, MASK, RECORD, checksum, mask_of, write_labels
from .reblursr_rows import LABELS, MANUAL, Row, area_of, read_rows

LEFT_OUT = "left_out"


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
        write_labels(out, kept)
    return kept


def _corrected(out: Path, row: Row, record: Mapping[str, int]) -> Row:
    mask = mask_of(out, row.name)
    if checksum(mask) == record.get(row.name):
        return row  # with the area that the user may have named
    share = 100 * float((mask == 0).mean())
    return row.changed(mask=MANUAL, share=share, area=area_of(share))


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
