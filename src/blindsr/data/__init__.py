"""Data sets: files and embedded scenes -> :class:`~blindsr.types.Sample` -> batches.

Importing this package loads nothing; the DataModules load (with Lightning) when first touched.
"""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "BSRDataset": "bsr",
    "HRFolder": "hr_folder",
    "HRFolderDataset": "picture_set",
    "LeafScenes": "leaves.datamodule",
    "NYUv2BSR": "nyuv2",
    "PBaSRScenes": "pbasr_scenes",
    "PairedDataModule": "datamodule",
    "ReBlurSR": "reblursr",
    "Scenes": "scenes_datamodule",
    "TwoStreamDataModule": "two_stream_datamodule",
    "check_folder": "check",
    "intended_defocus": "intended_blur",
    "mask_from_sigma": "masks",
    "prepare_nyuv2": "prepare_nyuv2",
    "render_scene": "scenes",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
