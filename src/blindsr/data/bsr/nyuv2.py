"""Data module of NYUv2-BSR, the indoor data set of CMOS: 795 training frames, five test groups."""

from __future__ import annotations

from typing import Any

from blindsr.data.bsr.datamodule import BSRDataModule
from blindsr.errors import ConfigError

_NAMES = """
wall, floor, cabinet, bed, chair, sofa, table, door, window, bookshelf, picture, counter, blinds,
desk, shelves, curtain, dresser, pillow, mirror, floor mat, clothes, ceiling, books,
refridgerator, television, paper, towel, shower curtain, box, whiteboard, person, night stand,
toilet, sink, lamp, bathtub, bag, otherstructure, otherfurniture, otherprop
"""  # "refridgerator" is spelt as in the source
NYUV2_CLASSES: tuple[str, ...] = tuple(name.strip() for name in _NAMES.split(","))
"""The 40 classes of NYU Depth V2 (Gupta, Arbelaez, Malik, CVPR 2013): ``NYUV2_CLASSES[k]`` names
class index k of ``Sample["seg"]`` (file value k + 1)."""


class NYUv2BSR(BSRDataModule):
    """NYUv2-BSR as ``blindsr prepare nyuv2`` writes it, or as the CMOS authors distribute it.

    Args:
        root: folder with ``train`` and ``val``.
        num_classes: 40.
        options: see the base classes.

    Raises:
        ConfigError, FileError, DataError: see the base class.
    """

    class_names = NYUV2_CLASSES
    test_split = "val"  # so named in the released data set
    how_to_get = (
        "Type: blindsr prepare nyuv2 --mat nyu_depth_v2_labeled.mat --splits splits.mat "
        "--classes classMapping40.mat --out {root}"
    )

    def __init__(
        self, root: str = "data/nyuv2_bsr", *, num_classes: int = 40, **options: Any
    ) -> None:
        super().__init__(root, **options)
        if num_classes != len(NYUV2_CLASSES):
            raise ConfigError("num_classes", found=str(num_classes), expected="40 for NYUv2")
