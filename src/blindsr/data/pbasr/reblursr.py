"""Data module of ReBlurSR and general HR pictures: training and test data of PBaSR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from blindsr.data.files.pictures import PictureFiles
from blindsr.data.files.source_values import LARGEST_SIGMA
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_flags,
    check_folders,
    check_number,
    check_whole,
)
from blindsr.data.loading.two_streams import TwoStreamDataModule, TwoStreamDataset
from blindsr.data.pbasr.datamodule import ImageFolderDataModule, group_folders
from blindsr.data.pbasr.datasets import EvalFolderDataset
from blindsr.data.pbasr.hr_files import find_hr
from blindsr.data.pbasr.reblursr_files import ReBlurSRFolder, Subset
from blindsr.errors import ConfigError

BlurType = Literal["defocus", "motion"]
Degree = Literal["heavy", "middle", "little"]
Area = Literal["large", "medium", "small"]
Grouping = Literal["type", "degree", "area"]


class ReBlurSR(TwoStreamDataModule, ImageFolderDataModule):
    """Pictures with intended blur and their masks, and general HR pictures; one degradation.

    Training batches are ``{"general": Batch, "blur": Batch}``, both with ``lr``, ``hr``, ``name``
    and the second with ``mask`` (1 sharp, 0 blurred). Evaluation has ordinary batches of one group
    each, ``general-<name>`` or ``blur-<name>``; those of blur have ``mask``.

    Args:
        root: ReBlurSR as downloaded, or after its split script, or any folder with ``HR`` and
            ``mask``; see :mod:`blindsr.data.pbasr.reblursr_files`.
        general: folders of HR pictures, searched as
            :func:`blindsr.data.pbasr.hr_files.find_hr` says.
        types: kinds of intended blur to use; None is both. Like ``degrees`` and ``areas`` it holds
            for training, validation and test, and needs the label files where folders do not say.
        degrees: strengths of blur to use; None is all.
        areas: blurred shares to use: small (below 45 %), medium, large (above 55 %); None is all.
        test_types: kinds of intended blur to test on, where they shall differ from ``types``:
            subsets of the test set, the training set untouched (table 4 of the paper).
        test_degrees: the same for ``degrees``.
        test_areas: the same for ``areas``.
        group_by: labels that make the test groups of ReBlurSR: ["type"] yields ``blur-defocus``
            and ``blur-motion``, ["type", "degree"] ``blur-defocus-heavy`` and so on.
        general_test: name of a general test set -> its folder: HR pictures, or ``HR`` and
            ``LR/X4``; gives group ``general-<name>``.
        general_test_lr: name of a general test set -> folder of its LR pictures, paired by name. LR
            that is not there is made by ``degradation``, the same in every run of equal ``seed``.
        blur_test: more test sets of intended blur, name -> folder with ``HR`` and ``mask``; gives
            group ``blur-<name>``.
        validation: "holdout" validates on ``holdout`` training pictures of each stream (groups
            ``general`` and ``blur``), "test" on the test groups, as the authors do.
        sigma_masks: folder of ``<stem>_sigma.png``, written by ``blindsr estimate`` for the
            pictures of ``root``, to make masks of instead of reading files: for pictures without
            masks.
        sigma_threshold: with ``sigma_masks``: sharp below this sigma in pixels of the picture.
        smallest_region: with ``sigma_masks``: regions of fewer pixels take the value around them.
        allow_pickle: load label files that hold pickled dictionaries. A pickle can run any code:
            for files that you trust.
        options: see the base classes.

    Raises:
        ConfigError: an argument is out of range.
        FileError: in ``setup``: a folder or label file is missing.
        DataError: in ``setup``: a file has no partner or another size, labels do not fit.
    """

    def __init__(
        self,
        root: str = "data/reblursr",
        general: Sequence[str] = ("data/DIV2K", "data/Flickr2K"),
        *,
        types: Sequence[BlurType] | None = None,
        degrees: Sequence[Degree] | None = None,
        areas: Sequence[Area] | None = None,
        test_types: Sequence[BlurType] | None = None,
        test_degrees: Sequence[Degree] | None = None,
        test_areas: Sequence[Area] | None = None,
        group_by: Sequence[Grouping] = ("type",),
        general_test: dict[str, str] | None = None,
        general_test_lr: dict[str, str] | None = None,
        blur_test: dict[str, str] | None = None,
        validation: Literal["holdout", "test"] = "holdout",
        sigma_masks: str | None = None,
        sigma_threshold: float = 1.0,
        smallest_region: int = 0,
        allow_pickle: bool = False,
        num_workers: int = 4,
        **options: Any,
    ) -> None:
        super().__init__(num_workers=num_workers, **options)
        check_folders("general", general)
        check_flags(allow_pickle=allow_pickle)
        check_number("sigma_threshold", sigma_threshold, most=LARGEST_SIGMA, above=True)
        check_whole("smallest_region", smallest_region, least=0, most=LARGEST_SIDE**2)
        self.root, self.general = root, tuple(general)
        kept = {"types": types, "degrees": degrees, "areas": areas}
        tested = {"types": test_types, "degrees": test_degrees, "areas": test_areas}
        self.subset = _subset(kept)
        self.test_subset = _subset(kept | {k: v for k, v in tested.items() if v is not None})
        self.group_by = tuple(group_by)
        self.general_test, self.general_test_lr = group_folders(
            "general_test", general_test, general_test_lr
        )
        self.blur_test, _ = group_folders("blur_test", blur_test)
        self.validation = validation
        self.sigma_masks, self.allow_pickle = sigma_masks, allow_pickle
        self.store.sigma_threshold, self.store.smallest = sigma_threshold, smallest_region
        check_choice("validation", validation, ("holdout", "test"))
        if not set(self.group_by) <= {"type", "degree", "area"}:
            raise ConfigError(
                "group_by", found=str(list(self.group_by)), expected="some of type, degree, area"
            )

    def setup(self, stage: str | None = None) -> None:
        """Find the pictures of ``stage`` ("fit", "validate", "test", "predict"; None: all)."""
        folder = ReBlurSRFolder(
            self.root,
            sigma_masks=self.sigma_masks,
            scale=self.scale,
            allow_pickle=self.allow_pickle,
        )
        if stage in (None, "fit", "validate"):
            general = self._large_enough(find_hr(self.general))
            blur = self._large_enough(folder.files("train", self.subset))
            if self.validation == "holdout":
                general, held_general = self._split(general, "general")
                blur, held_blur = self._split(blur, "blur")
                self.val_sets = [held_general, held_blur]
            else:
                self.val_sets = self._test_groups(folder, self.val_crop)
            self.train_set = TwoStreamDataset(self._training(general), self._training(blur))
        if stage in (None, "test", "predict"):
            self.test_sets = self._test_groups(folder, None)

    def _test_groups(self, folder: ReBlurSRFolder, crop: int | None) -> list[EvalFolderDataset]:
        """Return the general sets, ReBlurSR by label, and further sets of blur."""
        lr = self.general_test_lr
        groups = [
            *self._folder_groups(self.general_test, lr, stream="general", crop=crop),
            *self._own_groups(folder, crop),
            *self._folder_groups(self.blur_test, {}, stream="blur", crop=crop),
        ]
        if not groups:
            raise ConfigError(
                "blur_test",
                found=f"no test set, and {self.root} has none",
                expected="a name and a folder, here or in general_test",
            )
        return groups

    def _own_groups(self, folder: ReBlurSRFolder, crop: int | None) -> list[EvalFolderDataset]:
        if folder.layout == "plain":
            return []
        members: dict[str, list[PictureFiles]] = {}
        for item in folder.files("valid", self.test_subset):
            words = [folder.kind(item.name, label) for label in self.group_by]
            members.setdefault("-".join(["blur", *words]), []).append(item)
        return [self._checked_whole(members[group], group, crop) for group in sorted(members)]


def _subset(kept: Mapping[str, Sequence[str] | None]) -> Subset:
    return Subset(**{key: None if words is None else tuple(words) for key, words in kept.items()})
