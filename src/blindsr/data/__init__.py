"""Data sets: files and embedded scenes -> :class:`~blindsr.types.Sample` -> batches.

Importing this package loads nothing; the DataModules load (with Lightning) when first touched.
"""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "BSRDataModule": "bsr.datamodule",
    "BSRDataset": "bsr.dataset",
    "CityscapesBSR": "bsr.cityscapes",
    "GaussianFolder": "folders.gaussian",
    "HRFolder": "pbasr.hr_folder",
    "HRFolderDataset": "pbasr.datasets",
    "ImageFolderDataModule": "pbasr.datamodule",
    "LeafScenes": "scenes.leaves.datamodule",
    "NYUv2BSR": "bsr.nyuv2",
    "PBaSRScenes": "scenes.pbasr",
    "PairedDataModule": "loading.datamodule",
    "PairedFolder": "folders.paired",
    "ReBlurSR": "pbasr.reblursr",
    "PhotographFolder": "scenes.leaves.own_photographs",
    "RGBDFolder": "bsr.rgbd_folder",
    "RestorationScenes": "scenes.leaves.restoration_datamodule",
    "Scenes": "scenes.datamodule",
    "TwoStreamDataModule": "loading.two_streams",
    "check_folder": "check.folder",
    "intended_defocus": "scenes.intended_blur",
    "mask_from_sigma": "files.masks",
    "correct_reblursr": "prepare.reblursr_corrected",
    "prepare_cityscapes": "prepare.cityscapes",
    "prepare_folder": "prepare.rgbd_folder",
    "prepare_nyuv2": "prepare.nyuv2",
    "prepare_reblursr": "prepare.reblursr",
    "prepare_shards": "prepare.shards",
    "render_scene": "scenes.render",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
