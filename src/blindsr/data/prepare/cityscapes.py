"""Prepares Cityscapes-BSR from the official packages, in the layout of the CMOS authors.

``train|val/{GT,LRx4,blur,semseg}``, ``test/GT`` and ``test/Group1..5/{LRx4,blur}``, with
``manifest.json`` on top, and ``depth`` beside ``GT`` on request. The test frames have no published
labels. Blur follows from ratios of disparity alone, so no camera file is needed; with one, the
stored depth is in true metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from blindsr.data.files.depth_maps import CENTIMETRE
from blindsr.data.files.source_values import finite
from blindsr.data.loading.checked_options import LARGEST_SIDE, check_choice, check_whole
from blindsr.data.prepare.cityscapes_files import (
    MATCHED,
    OFFICIAL,
    CityscapesFrame,
    Fit,
    find_cityscapes,
)
from blindsr.data.prepare.folder import (
    TEST_GROUPS,
    Part,
    Preparation,
    PrepareOptions,
    check_size,
)
from blindsr.errors import ConfigError

MOST_JITTER = 4.0


def prepare_cityscapes(
    root: str | Path,
    out: str | Path,
    *,
    size: tuple[int, int] = (480, 640),
    fit: Fit = "resize",
    disparity: str = "official",
    disparity_jitter: float = 0.0,
    sigma_max: float = 15.0,
    **options: Any,
) -> dict[str, Any]:
    """Write Cityscapes-BSR and return its manifest.

    The files are the same bit for bit whatever the number of workers. A run that was interrupted
    (or killed) goes on when started again with the same settings; finished frames are skipped.
    The full set has 2380 VA and 595 IVA training pictures, 400 and 100 for validation, and five
    test groups of 1220 and 305: each of the 1525 test pictures is IVA in exactly one.

    Args:
        root: holds ``leftImg8bit``, ``gtFine``, and ``disparity`` or ``rightImg8bit``.
        out: folder to write; new, empty, or one of the same settings unless ``overwrite``.
        size: height and width of HR.
        fit: ``resize`` to ``size`` (the paper does not say how 2:1 became 4:3; this is the
            simplest and keeps every class) or ``crop`` the middle first.
        disparity: ``official`` (with holes, which are filled along the edges of the picture),
            ``sgbm`` (matched here with OpenCV) or a folder of maps, named as the frames, in
            ``.npy``, ``.png`` (the official form) or ``.pfm``; the paper's came from CREStereo.
        disparity_jitter: change disparity by object and smoothly, by factors up to 1 + this, see
            :func:`~blindsr.data.prepare.disparity_jitter.jitter`: for disparity that was made up
            from labels, whose edges blur would follow else. Reads labels of the test too.
        sigma_max: largest nominal sigma in HR pixels.
        options: those of every preparation, see
            :class:`~blindsr.data.prepare.folder.PrepareOptions`.

    Raises:
        FileError: a source file is missing or damaged, or the disk is full.
        DataError: a source does not hold what it should, or ``out`` holds something else.
        ConfigError: an option has no meaning.
    """
    common = PrepareOptions(sigma_max=sigma_max, **options)
    check_choice("fit", fit, get_args(Fit))
    for length in size:
        check_whole("size", length, least=common.scale, most=LARGEST_SIDE)
    check_size("size", size, common.scale)
    if disparity_jitter != 0 and not finite(disparity_jitter, above=0, most=MOST_JITTER):
        raise ConfigError(
            "disparity_jitter", found=f"{disparity_jitter}", expected=f"0 to {MOST_JITTER:g}"
        )
    found = find_cityscapes(Path(root), disparity, objects=disparity_jitter > 0)
    parts, first = [], 1
    for split, frames in found.items():
        readers = [
            CityscapesFrame(files, size, fit, disparity_jitter, common.seed) for files in frames
        ]
        groups = TEST_GROUPS if split == "test" else 0
        parts.append(Part(split, split, groups, dict(enumerate(readers, start=first))))
        first += len(readers)
    settings = {
        "dataset": "cityscapes",
        "hr_size": list(size),
        "fit": fit,
        "disparity": disparity if disparity in (OFFICIAL, MATCHED) else "maps",
        **({"disparity_jitter": disparity_jitter} if disparity_jitter else {}),
        **{f"{part.folder}_frames": len(part.frames) for part in parts},
    }
    preparation = Preparation(
        parts=parts,
        settings=settings,
        depth_step=CENTIMETRE,
        options=common,
    )
    return preparation.write(Path(out))
