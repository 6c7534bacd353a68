"""Contact sheets of a ReBlurSR of one's own: each picture, its mask, its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from blindsr.data.files.masks import read_mask, resize_mask
from blindsr.drawing.strips import strip_page
from blindsr.imaging.files import read_rgb

from .reblursr_rows import Row

SHEET = "sheet_{:03d}.png"
_ROWS = 12
_SIDE = 320  # pixels of a thumbnail
_CLASSES = ("blurred", "sharp")


def write_sheets(out: Path, rows: Sequence[Row]) -> None:
    """Write ``sheet_001.png`` and so on in place of earlier ones, twelve pictures on each."""
    for old in out.glob(SHEET.format(0).replace("000", "*")):
        old.unlink(missing_ok=True)  # another shard may be here
    pages = range(0, len(rows), _ROWS)
    for number, first in enumerate(pages, 1):
        samples = [_sample(out, row) for row in rows[first : first + _ROWS]]
        page = strip_page(
            samples,
            sigma_max=1.0,
            class_names=_CLASSES,
            title=f"{out.name}, sheet {number} of {len(pages)}",
        )
        page.save(out / SHEET.format(number))


def _sample(out: Path, row: Row) -> dict[str, Any]:
    picture = read_rgb(out / "ALL_HR" / f"{row.name}.png")
    factor = min(1.0, _SIDE / max(picture.shape[:2]))
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    mask = resize_mask(read_mask(out / "ALL_mask" / f"{row.name}.png"), (height, width))
    words = [row.type, row.degree, f"{row.area} ({row.share:.0f} %)", row.split, row.mask]
    return {"name": f"{row.name}: {', '.join(words)}", "input": small, "seg": mask}
