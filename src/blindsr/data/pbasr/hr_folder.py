"""Data module of any folders of HR pictures: DIV2K, Flickr2K, DF2K, DIV8K or one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blindsr.data.loading.checked_options import check_folders
from blindsr.data.pbasr.datamodule import ImageFolderDataModule, group_folders
from blindsr.data.pbasr.hr_files import find_hr
from blindsr.errors import ConfigError


class HRFolder(ImageFolderDataModule):
    """Random patches of HR pictures, degraded by name: batches of ``lr``, ``hr`` and ``name``.

    Args:
        folders: of HR pictures, searched as :func:`blindsr.data.pbasr.hr_files.find_hr` says.
        test: name of a test group -> its folder: HR pictures, or ``HR`` with ``LR/X4``.
        test_lr: name of a test group -> folder of its LR pictures, paired by name. LR that is not
            there is made by ``degradation``, the same in every run of equal ``seed``.
        options: see the base classes.

    Raises:
        ConfigError: an argument is out of range.
        FileError: in ``setup``: a folder is missing.
        DataError: in ``setup``: a folder holds no picture, one too small, or one without partner.
    """

    def __init__(
        self,
        folders: Sequence[str] = ("data/DIV2K", "data/Flickr2K"),
        *,
        test: dict[str, str] | None = None,
        test_lr: dict[str, str] | None = None,
        batch_size: int = 16,
        **options: Any,
    ) -> None:
        super().__init__(batch_size=batch_size, **options)
        check_folders("folders", folders)
        self.folders = tuple(folders)
        self.test, self.test_lr = group_folders("test", test, test_lr)

    def setup(self, stage: str | None = None) -> None:
        """Find the pictures of ``stage`` ("fit", "validate", "test", "predict"; None: all)."""
        if stage in (None, "fit", "validate"):
            kept, self.val_set = self._split(self._large_enough(find_hr(self.folders)))
            self.train_set = self._training(kept)
        if stage == "test" and not self.test:
            raise ConfigError("test", found="no folder", expected="a name and a folder of pictures")
        if stage in (None, "test", "predict"):
            self.test_sets = self._folder_groups(self.test, self.test_lr)
