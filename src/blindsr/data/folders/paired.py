"""Data module of LR and HR pictures that exist: RealSR, DIV2K with its LR, one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.augment.paired import PairedTransform, to_sample
from blindsr.data.files.pictures import PictureFiles, PictureStore, checked_pictures
from blindsr.data.loading.checked_options import check_choice, check_flags, check_whole
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.evaluation import split_holdout
from blindsr.data.loading.samplers import Draw
from blindsr.data.pbasr.datamodule import group_folders
from blindsr.data.pbasr.datasets import EvalFolderDataset, check_lr_size, read_lr
from blindsr.data.pbasr.hr_files import find_hr, find_test_pictures, with_lr
from blindsr.errors import ConfigError
from blindsr.imaging.decoding.decode import picture_size
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler
from blindsr.types import Sample


class PairedFolder(PairedDataModule):
    """LR and HR pictures of two folders, paired by name: batches of ``lr``, ``hr`` and ``name``.

    Names need not be equal: ``0001.png`` and ``0001x4.png``, ``a_HR.png`` and ``a_LR4.png`` belong
    together, see :mod:`blindsr.data.files.pairing`. HR may have up to ``scale - 1`` pixels more at
    the right and below.

    Args:
        hr: folder of HR pictures, searched as :func:`blindsr.data.pbasr.hr_files.find_hr` says.
        lr: folder of their LR pictures; may be the same one.
        downsampler: how LR was made, which says where LR pixels lie: "sfold" at the first pixel of
            each block, "bicubic" and "area" (and cameras) at its middle.
        crop: LR height and width of random training crops; None trains on whole pictures.
        flip: mirror left-right; LR and HR stay aligned.
        vertical_flip: mirror top-bottom.
        transpose: swap the axes at random; needs a square ``crop``.
        holdout: pairs kept from training for validation, at most half.
        test: name of a test group -> its folder: HR pictures, or ``HR`` with ``LR/X4``.
        test_lr: name of a test group -> folder of its LR pictures; LR that is not there is made by
            ``downsampler``.
        cache: folder for decoded HR pictures, see
            :class:`blindsr.data.files.pictures.PictureStore`.
        options: see the base class.

    Raises:
        ConfigError: an argument is out of range.
        FileError: in ``setup``: a folder is missing.
        DataError: in ``setup``: a picture has no partner, one of another size, or is too small.
    """

    def __init__(
        self,
        hr: str = "data/pairs/HR",
        lr: str = "data/pairs/LR",
        *,
        downsampler: Downsampler = "bicubic",
        crop: list[int] | None = [48, 48],  # noqa: B006 - not changed
        flip: bool = True,
        vertical_flip: bool = True,
        transpose: bool = True,
        holdout: int = 16,
        test: dict[str, str] | None = None,
        test_lr: dict[str, str] | None = None,
        cache: str | None = None,
        batch_size: int = 16,
        **options: Any,
    ) -> None:
        super().__init__(batch_size=batch_size, **options)
        check_choice("downsampler", downsampler, DOWNSAMPLERS)
        check_flags(flip=flip, vertical_flip=vertical_flip, transpose=transpose)
        check_whole("holdout", holdout, least=1, most=10**9)
        self.hr, self.lr, self.holdout = Path(hr), Path(lr), holdout
        self.downsampler: Downsampler = downsampler
        self.test, self.test_lr = group_folders("test", test, test_lr)
        self.store = PictureStore(cache)
        self.transform = PairedTransform(
            scale=self.scale,
            phase=self.phase,
            crop=crop,
            horizontal=flip,
            vertical=vertical_flip,
            transpose=transpose,
        )

    def setup(self, stage: str | None = None) -> None:
        """Find the pairs of ``stage`` ("fit", "validate", "test", "predict"; None: all)."""
        if stage in (None, "fit", "validate"):
            pairs = self._checked(with_lr(find_hr([self.hr]), self.lr), crop=self.transform.crop)
            kept, held = split_holdout(pairs, self.holdout, self.seed, "training")
            self.train_set = PairedFolderDataset(
                kept, scale=self.scale, transform=self.transform, store=self.store
            )
            self.val_set = self._whole(held, "")
        if stage == "test" and not self.test:
            raise ConfigError("test", found="no folder", expected="a name and a folder of pictures")
        if stage in (None, "test", "predict"):
            self.test_sets = [self._group(name) for name in self.test]

    def _group(self, name: str) -> EvalFolderDataset:
        lr = self.test_lr.get(name)
        found = find_test_pictures(self.test[name], lr_folder=lr, scale=self.scale)
        return self._whole(self._checked(found), name)

    def _whole(self, files: Sequence[PictureFiles], group: str) -> EvalFolderDataset:
        return EvalFolderDataset(
            files,
            scale=self.scale,
            degradation=self.downsampler,
            group=group,
            seed=self.seed,
            store=self.store,
        )

    def _checked(
        self, files: list[PictureFiles], *, crop: tuple[int, int] | None = None
    ) -> list[PictureFiles]:
        """Look at the headers: sizes of a pair must agree."""
        kept = checked_pictures(files, smallest=self.scale * min(crop or (1, 1)))
        for item in kept:
            if item.lr is not None:
                height, width = (side // self.scale for side in picture_size(item.hr))
                check_lr_size(item, picture_size(item.lr), (height, width), self.scale)
        return kept


class PairedFolderDataset(Dataset[Sample]):
    """Map-style data set of training pairs: ``lr``, ``hr`` and ``name``.

    Index it with an int, or with a :class:`~blindsr.data.loading.samplers.Draw` to fix the crop.

    Args:
        files: with ``lr``.
        scale: HR is ``scale`` times LR.
        transform: crops and flips.
        store: reads HR.

    Raises:
        FileError: a file is missing or damaged (when the item is read).
        DataError: sizes do not fit (when the item is read).
    """

    def __init__(
        self,
        files: Sequence[PictureFiles],
        *,
        scale: int,
        transform: PairedTransform,
        store: PictureStore,
    ) -> None:
        self.files = list(files)
        self.scale, self.transform, self.store = scale, transform, store

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        files = self.files[position]
        hr = self.store.picture(files.hr)
        height, width = (side // self.scale for side in hr.shape[:2])
        lr = read_lr(files, (height, width), self.scale)
        whole = {"lr": lr, "hr": hr[: height * self.scale, : width * self.scale]}
        arrays = self.transform(whole, seed)
        unit = {key: part.astype(np.float32) / np.float32(255) for key, part in arrays.items()}
        return to_sample(unit, name=files.name)
