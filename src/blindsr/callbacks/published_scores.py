"""Figures of the papers, to stand beside ours where the same images were scored.

CMOS (CVPR 2023, arXiv 2304.03542): means over the five test groups of NYUv2-BSR, 654 images each.
"""

from __future__ import annotations

from collections.abc import Mapping

from .score_rows import MEAN, Row

FULL_GROUPS = 5
FULL_IMAGES = 654
NYUV2 = [
    Row("paper: MANet + RRDB-SFT", MEAN, {"psnr": 30.12, "ssim": 0.9106}),
    Row("paper: CMOS + RRDB-SFT", MEAN, {"psnr": 32.03, "ssim": 0.9154}),
    Row("paper: RRDB-SFT, true maps", MEAN, {"psnr": 33.75, "ssim": 0.9300}),
    Row("paper: CMOS", MEAN, {"blur_psnr": 24.52, "blur_ssim": 0.8340, "miou": 0.3561}),
]


def paper_rows(data: str, scale: int, images: Mapping[str, int], scores: set[str]) -> list[Row]:
    """Rows of the paper that may stand beside ours; none unless the full test set was scored.

    Args:
        data: class name of the data.
        scale: HR size over LR size.
        images: number of images scored by group.
        scores: names of our scores; rows that share none are left out.
    """
    full = len(images) == FULL_GROUPS and all(n == FULL_IMAGES for n in images.values())
    if data != "NYUv2BSR" or scale != 4 or not full:
        return []
    return [row for row in NYUV2 if scores & set(row.scores)]
