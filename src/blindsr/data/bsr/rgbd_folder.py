"""Data module of anybody's pictures with depth, prepared by ``blindsr prepare folder``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blindsr.data.bsr.datamodule import BSRDataModule
from blindsr.data.files.depth_maps import CENTIMETRE
from blindsr.data.loading.checked_options import check_whole
from blindsr.errors import ConfigError
from blindsr.types import IGNORE_INDEX


class RGBDFolder(BSRDataModule):
    """A folder that ``blindsr prepare folder`` wrote.

    Without labels there are no classes: CMOS then estimates blur alone, and RRDB-SFT is told blur
    alone.

    Args:
        root: folder with ``train`` and ``test``.
        num_classes: that of the manifest, or ``None``. For a set without labels, that of a network
            with classes that is tested on it.
        groups: numbers of the test groups.
        options: see the base classes.

    Raises:
        ConfigError, FileError, DataError: see the base class.
    """

    seg_format = "train_ids"
    depth_step = CENTIMETRE
    how_to_get = "Type: blindsr prepare folder --images DIR --depth DIR --out {root}"

    def __init__(
        self,
        root: str = "data/rgbd_folder",
        *,
        num_classes: int | None = None,
        groups: Sequence[int] = (1,),
        **options: Any,
    ) -> None:
        super().__init__(root, groups=groups, **options)
        settings = {} if self.manifest is None else self.manifest["settings"]
        labelled = settings.get("classes", num_classes or 0)
        found = labelled or num_classes or 0
        self._labels_missing = found != labelled
        if num_classes is not None and num_classes != found:
            raise ConfigError(
                "num_classes", found=str(num_classes), expected=f"{found}, as {root} was prepared"
            )
        check_whole("classes", found, least=0, most=IGNORE_INDEX)
        self.class_names = tuple(f"class {index}" for index in range(found))
        self.metric_depth = bool(settings.get("metric_depth", False))

    def setup(self, stage: str | None = None) -> None:
        """Find the files of ``stage``.

        Raises:
            ConfigError: there are no labels to learn ``num_classes`` from.
        """
        if self._labels_missing and stage == "fit":
            raise ConfigError(
                "num_classes",
                found=str(len(self.class_names)),
                expected=f"none: {self.root} has no labels to learn them from",
                fix="Leave it out, or prepare the set with --labels",
            )
        super().setup(stage)
