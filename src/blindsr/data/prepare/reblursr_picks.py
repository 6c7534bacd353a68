"""Looks at one photograph: whether it has intended blur, its mask and its labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.data.files.masks import Mask, mask_from_sigma, read_mask
from blindsr.data.loading.checked_options import check_choice, check_number
from blindsr.data.pbasr.reblursr_labels import VALUES
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.photo import read_photo

from .reblursr_rows import AUTOMATIC, MANUAL, Row, area_of, degree_of

Estimate = Callable[[NDArray[np.uint8]], NDArray[np.floating]]
"""(H, W, 3) uint8 -> (H, W) sigma in pixels of the picture."""


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


class Looked(NamedTuple):
    """A photograph that was looked at."""

    picture: NDArray[np.uint8]
    """(H, W, 3)"""
    mask: Mask
    """(H, W), 0 blurred, 1 sharp."""
    row: Row | None
    """``None`` for one that is not taken."""


def look_at(path: Path, estimate: Estimate, picks: Picks, drawn: Path | None) -> Looked:
    """Look at a photograph.

    Args:
        path: of it; its name without suffix is that of its row.
        estimate: of its blur.
        picks: which are taken.
        drawn: its mask, if it was drawn by hand.

    Raises:
        FileError: it cannot be read.
        DataError: the mask is of another size.
    """
    picture = (read_photo(path).rgb() * 255).round().astype(np.uint8)
    sigma = estimate(picture)
    if drawn is None:
        mask = mask_from_sigma(sigma, threshold=picks.threshold, smallest=picks.smallest)
    else:
        mask = _fitting(drawn, picture.shape[:2])
    share = 100 * float((mask == 0).mean())
    if not picks.least <= share <= picks.most:
        return Looked(picture, mask, None)
    typical = float(np.median(sigma[mask == 0]))
    row = Row(
        name=path.stem,
        use=True,
        type=picks.type,
        degree=degree_of(typical),
        area=area_of(share),
        split="train",
        mask=AUTOMATIC if drawn is None else MANUAL,
        share=share,
        sigma=typical,
    )
    return Looked(picture, mask, row)


def _fitting(path: Path, size: tuple[int, int]) -> Mask:
    mask = read_mask(path)
    if mask.shape != size:
        raise DataError(
            path,
            found=f"{mask.shape[1]} x {mask.shape[0]} pixels",
            expected=f"{size[1]} x {size[0]}, the size of its picture",
        )
    return mask
