"""Data module of Cityscapes-BSR, the outdoor data set of CMOS: 2975 training frames."""

from __future__ import annotations

from typing import Any

from blindsr.data.bsr.datamodule import BSRDataModule, Validation
from blindsr.data.files.depth_maps import CENTIMETRE
from blindsr.errors import ConfigError

CITYSCAPES_CLASSES: tuple[str, ...] = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip
"""The 19 evaluated classes by train id (Cordts et al., CVPR 2016)."""


class CityscapesBSR(BSRDataModule):
    """Cityscapes-BSR as ``blindsr prepare cityscapes`` writes it, or as the CMOS authors do.

    Test pictures have no labels, so a test scores blur and restoration alone.

    Args:
        root: folder with ``train``, ``val`` and ``test``.
        num_classes: 19.
        sigma_max: largest sigma in HR pixels.
        validation: "val" validates on the set's own 500 frames; the other choices of the base
            class are there too.
        options: see the base classes.

    Raises:
        ConfigError, FileError, DataError: see the base class.
    """

    class_names = CITYSCAPES_CLASSES
    seg_format = "train_ids"
    depth_step = CENTIMETRE
    validations = ("val", "holdout", "group1")
    how_to_get = "Type: blindsr prepare cityscapes --root CITYSCAPES --out {root}"

    def __init__(
        self,
        root: str = "data/cityscapes_bsr",
        *,
        num_classes: int = 19,
        sigma_max: float = 15.0,
        validation: Validation = "val",
        **options: Any,
    ) -> None:
        super().__init__(root, sigma_max=sigma_max, validation=validation, **options)
        if num_classes != len(CITYSCAPES_CLASSES):
            raise ConfigError("num_classes", found=str(num_classes), expected="19 for Cityscapes")
