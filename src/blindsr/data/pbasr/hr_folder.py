"""Any folders of HR pictures for Lightning: DIV2K, Flickr2K, DF2K, DIV8K or one's own."""

from __future__ import annotations

from collections.abc import Sequence

from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.pictures import PictureStore, checked_pictures
from blindsr.data.files.source_values import whole
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_flags,
    check_folders,
    check_whole,
    named_folders,
)
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.eval_folder import EvalFolderDataset
from blindsr.data.loading.eval_groups import check_group_names, folder_groups, split_off
from blindsr.data.pbasr.datasets import HRFolderDataset
from blindsr.data.pbasr.hr_files import find_hr
from blindsr.degradation.random.by_name import Degradation, checked_degradation, downsampler_of
from blindsr.errors import ConfigError


class HRFolder(PairedDataModule):
    """Random patches of HR pictures, degraded by name: batches of ``lr``, ``hr`` and ``name``.

    Args:
        folders: of HR pictures, searched as :func:`blindsr.data.pbasr.hr_files.find_hr` says.
        scale: HR is ``scale`` times LR.
        degradation: "bsrgan", "bsrgan_plus", "realesrgan" (drawn anew for every patch), or one of
            the plain down-samplings "bicubic", "area", "sfold".
        sharpen: let "bsrgan_plus" and "realesrgan" sharpen the HR of training patches.
        batch_size: patches of a training batch.
        eval_batch_size: pictures of a validation or test batch; they differ in size, so more than
            1 needs pictures of equal size or ``val_crop``.
        num_workers: loader processes.
        crop: side of training patches in HR pixels, a multiple of ``scale``.
        random_resize: shrink pictures at random before the crop, their short side uniform between
            the crop and its own length.
        flip: mirror left-right.
        vertical_flip: mirror top-bottom.
        transpose: swap the axes.
        test: name of a test group -> its folder: HR pictures, or ``HR`` with ``LR/X4``.
        test_lr: name of a test group -> folder of its LR pictures, paired by name. LR that is not
            there is made by ``degradation``, the same in every run of equal ``seed``.
        holdout: pictures kept from training for validation, at most half.
        val_crop: side of a centred crop for validation in HR pixels; None is the whole picture.
        cache: folder for decoded pictures, 3 bytes per pixel; see
            :class:`blindsr.data.files.pictures.PictureStore`. None decodes every time.
        skip_small: leave out pictures smaller than the crop instead of refusing them.
        seed: of the holdout, the order, the patches and the LR of test pictures.
        pin_memory: for faster copies to a GPU.

    Raises:
        ConfigError: an argument has no meaning.
        FileError: in ``setup``: a folder is missing.
        DataError: in ``setup``: a folder holds no picture, one too small, or one without partner.
    """

    def __init__(
        self,
        folders: Sequence[str] = ("data/DIV2K", "data/Flickr2K"),
        scale: int = 4,
        degradation: Degradation = "bsrgan",
        sharpen: bool = True,
        batch_size: int = 16,
        eval_batch_size: int = 1,
        num_workers: int = 2,
        crop: int = 256,
        random_resize: bool = True,
        flip: bool = True,
        vertical_flip: bool = True,
        transpose: bool = True,
        test: dict[str, str] | None = None,
        test_lr: dict[str, str] | None = None,
        holdout: int = 16,
        val_crop: int | None = 512,
        cache: str | None = None,
        skip_small: bool = False,
        seed: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            scale=scale,
            num_classes=0,
            sigma_max=0.0,
            class_names=(),
            downsampler=downsampler_of(checked_degradation(degradation)),
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            seed=seed,
        )
        check_holdout(holdout, val_crop, scale)
        check_folders("folders", folders)
        check_flags(skip_small=skip_small)
        self.folders, self.degradation = tuple(folders), degradation
        if not self.folders:
            raise ConfigError("folders", found="none", expected="at least one")
        self.test = named_folders("test", test)
        self.test_lr = named_folders("test_lr", test_lr)
        check_group_names("test", self.test, self.test_lr)
        self.holdout, self.val_crop, self.skip_small = holdout, val_crop, skip_small
        self.store = PictureStore(cache)
        self.patch = RandomPatch(
            crop=crop,
            scale=scale,
            degradation=degradation,
            random_resize=random_resize,
            horizontal=flip,
            vertical=vertical_flip,
            transpose=transpose,
            sharpen=sharpen,
        )

    def setup(self, stage: str | None = None) -> None:
        """Find the pictures of ``stage`` ("fit", "validate", "test", "predict"; None: all)."""
        if stage in (None, "fit", "validate"):
            files = checked_pictures(
                find_hr(self.folders), smallest=self.patch.crop, skip_small=self.skip_small
            )
            kept, held = split_off(files, self.holdout, self.seed, "training")
            self.train_set = HRFolderDataset(kept, self.patch, self.store)
            self.val_set = EvalFolderDataset(
                held,
                scale=self.scale,
                degradation=self.degradation,
                group="",
                seed=self.seed,
                crop=self.val_crop,
                store=self.store,
            )
        if stage == "test" and not self.test:
            raise ConfigError("test", found="no folder", expected="a name and a folder of pictures")
        if stage in (None, "test", "predict"):
            self.test_sets = folder_groups(
                "",
                self.test,
                self.test_lr,
                scale=self.scale,
                degradation=self.degradation,
                seed=self.seed,
                store=self.store,
            )


def check_holdout(holdout: int, val_crop: int | None, scale: int) -> None:
    """Refuse validation without a picture, and crops that are no multiple of ``scale``.

    Raises:
        ConfigError: as said.
    """
    check_whole("holdout", holdout, least=1, most=10**9)
    if val_crop is not None and (
        not whole(val_crop, least=4 * scale, most=LARGEST_SIDE) or val_crop % scale
    ):
        raise ConfigError(
            "val_crop", found=str(val_crop), expected=f"a multiple of scale = {scale}, or null"
        )
