"""Bases of the data modules of HR patches: degradation by name, image folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.pictures import PictureFiles, PictureStore, checked_pictures
from blindsr.data.files.source_values import whole
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_flags,
    check_whole,
    named_folders,
)
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.evaluation import split_holdout
from blindsr.data.pbasr.datasets import EvalFolderDataset, HRFolderDataset
from blindsr.data.pbasr.hr_files import find_test_pictures
from blindsr.degradation.random.by_name import Named, checked_degradation, downsampler_of
from blindsr.degradation.random.recipe import smallest_side
from blindsr.errors import ConfigError


class PatchDataModule(PairedDataModule):
    """Makes ``patch``, which cuts and degrades training patches.

    Args:
        degradation: "bsrgan", "bsrgan_plus", "realesrgan" (drawn anew for every training patch,
            always the same in evaluation), one of the plain down-samplings "bicubic", "area",
            "sfold", or one that you added to ``blindsr.degradation.DEGRADATIONS``.
        sharpen: let "bsrgan_plus" and "realesrgan" sharpen the HR of training patches.
        crop: side of training patches in HR pixels, a multiple of ``scale``.
        random_resize: shrink pictures at random before the crop, their short side uniform between
            the crop and its own length, as PBaSR does.
        flip: mirror left-right.
        vertical_flip: mirror top-bottom.
        transpose: swap the axes.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        degradation: str = "bsrgan",
        sharpen: bool = True,
        crop: int = 256,
        random_resize: bool = True,
        flip: bool = True,
        vertical_flip: bool = True,
        transpose: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.degradation: Named = checked_degradation(degradation)
        self.downsampler = downsampler_of(degradation)
        self.patch = RandomPatch(
            crop=crop,
            scale=self.scale,
            degradation=degradation,
            random_resize=random_resize,
            horizontal=flip,
            vertical=vertical_flip,
            transpose=transpose,
            sharpen=sharpen,
        )


class ImageFolderDataModule(PatchDataModule):
    """Trains on pictures of folders, validates on some of them, tests on further folders.

    Args:
        holdout: pictures (of each stream) kept from training for validation, at most half.
        val_crop: side of a centred crop for validation in HR pixels; None is the whole picture,
            which needs ``eval_batch_size`` 1 where pictures differ in size.
        cache: folder for decoded pictures, 3 bytes per pixel; see
            :class:`blindsr.data.files.pictures.PictureStore`. None decodes every time.
        skip_small: leave out pictures smaller than the crop instead of refusing them.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        holdout: int = 16,
        val_crop: int | None = 512,
        cache: str | None = None,
        skip_small: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_whole("holdout", holdout, least=1, most=10**9)
        if val_crop is not None and (
            not whole(val_crop, least=4 * self.scale, most=LARGEST_SIDE) or val_crop % self.scale
        ):
            multiple = f"a multiple of scale = {self.scale}, or null"
            raise ConfigError("val_crop", found=str(val_crop), expected=multiple)
        check_flags(skip_small=skip_small)
        self.holdout, self.val_crop, self.skip_small = holdout, val_crop, skip_small
        self.store = PictureStore(cache)

    def _training(self, files: Sequence[PictureFiles]) -> HRFolderDataset:
        """Return the data set of random patches."""
        return HRFolderDataset(files, self.patch, self.store)

    def _large_enough(self, files: list[PictureFiles]) -> list[PictureFiles]:
        """Return the pictures that a patch fits in; the others are refused or left out."""
        return checked_pictures(files, smallest=self.patch.crop, skip_small=self.skip_small)

    def _split(
        self, files: list[PictureFiles], stream: str = ""
    ) -> tuple[list[PictureFiles], EvalFolderDataset]:
        """Return the pictures to train on, and the data set of those held out of them."""
        kept, held = split_holdout(files, self.holdout, self.seed, stream or "training")
        return kept, self._whole(held, stream, self.val_crop)

    def _whole(
        self, files: Sequence[PictureFiles], group: str, crop: int | None = None
    ) -> EvalFolderDataset:
        """Return the data set of whole pictures, or of crops from their middle."""
        return EvalFolderDataset(
            files,
            scale=self.scale,
            degradation=self.degradation,
            group=group,
            seed=self.seed,
            crop=crop,
            store=self.store,
        )

    def _checked_whole(
        self, files: list[PictureFiles], group: str, crop: int | None = None
    ) -> EvalFolderDataset:
        """Return :meth:`_whole` after a check of sizes by the headers of the files."""
        return self._whole(checked_pictures(files, smallest=smallest_side(self.scale)), group, crop)

    def _folder_groups(
        self,
        folders: Mapping[str, str],
        lr: Mapping[str, str],
        *,
        stream: str = "",
        crop: int | None = None,
    ) -> list[EvalFolderDataset]:
        """Return a data set for each folder: group ``<stream>-<name>`` or, alone, ``<name>``.

        Raises:
            FileError, DataError: see :func:`blindsr.data.pbasr.hr_files.find_test_pictures`.
        """
        return [
            self._checked_whole(
                find_test_pictures(folder, lr_folder=lr.get(name), scale=self.scale),
                f"{stream}-{name}" if stream else name,
                crop,
            )
            for name, folder in folders.items()
        ]


def group_folders(key: str, folders: Any, lr: Any = None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the folders of test groups and those of their LR pictures, by name of the group.

    Raises:
        ConfigError: one is no mapping of names to folders, a name is empty or holds a slash (no
            score could be logged under it), or ``lr`` knows a name that ``folders`` does not.
    """
    folders, lr = named_folders(key, folders), named_folders(f"{key}_lr", lr)
    for name in folders:
        if not name or "/" in name or "\\" in name:
            raise ConfigError(key, found=f"a group named {name!r}", expected="a name without /")
    unknown = sorted(set(lr) - set(folders))
    if unknown:
        raise ConfigError(
            f"{key}_lr", found=", ".join(unknown), expected=f"names of {key}: {', '.join(folders)}"
        )
    return folders, lr
