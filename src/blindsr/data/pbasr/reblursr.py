"""ReBlurSR beside general HR pictures for Lightning: the training and test data of PBaSR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.manifest_content import LARGEST_SIGMA
from blindsr.data.files.pictures import PictureFiles, PictureStore, checked_pictures
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_flags,
    check_folders,
    check_number,
    check_whole,
    named_folders,
)
from blindsr.data.loading.eval_folder import EvalFolderDataset
from blindsr.data.loading.eval_groups import check_group_names, folder_groups, split_off
from blindsr.data.loading.two_stream_datamodule import TwoStreamDataModule
from blindsr.data.loading.two_streams import TwoStreamDataset
from blindsr.data.pbasr.datasets import HRFolderDataset
from blindsr.data.pbasr.hr_files import find_hr
from blindsr.data.pbasr.hr_folder import check_holdout
from blindsr.data.pbasr.reblursr_files import ReBlurSRFolder, Subset
from blindsr.degradation.random.by_name import Degradation, checked_degradation, downsampler_of
from blindsr.degradation.random.recipe import smallest_side
from blindsr.errors import ConfigError

BlurType = Literal["defocus", "motion"]
Degree = Literal["heavy", "middle", "little"]
Area = Literal["large", "medium", "small"]
Grouping = Literal["type", "degree", "area"]


class ReBlurSR(TwoStreamDataModule):
    """Pictures with intended blur and their masks, and general HR pictures, degraded alike.

    Training batches are ``{"general": Batch, "blur": Batch}``, both with ``lr``, ``hr``, ``name``
    and the second with ``mask`` (1 sharp, 0 blurred). Evaluation has ordinary batches of one group
    each, ``general-<name>`` or ``blur-<name>``; those of blur have ``mask``.

    Args:
        root: ReBlurSR as downloaded, or after its split script, or any folder with ``HR`` and
            ``mask``; see :mod:`blindsr.data.pbasr.reblursr_files`.
        general: folders of HR pictures, searched as :func:`blindsr.data.pbasr.hr_files.find_hr`
        says.
        scale: HR is ``scale`` times LR.
        degradation: of both streams: "bsrgan" (the paper's), "bsrgan_plus", "realesrgan" (drawn
            anew for every patch), or one of the plain down-samplings "bicubic", "area", "sfold".
        sharpen: let "bsrgan_plus" and "realesrgan" sharpen the HR of training patches.
        batch_size: patches of *each* stream in a training batch.
        eval_batch_size: pictures of a validation or test batch; they differ in size, so more than
            1 needs pictures of equal size or ``val_crop``.
        num_workers: loader processes.
        steps_per_epoch: batches of an epoch; None lasts until the longer stream was seen once.
        crop: side of training patches in HR pixels, a multiple of ``scale``.
        random_resize: shrink pictures at random before the crop, their short side uniform between
            the crop and its own length, as PBaSR does.
        flip: mirror left-right.
        vertical_flip: mirror top-bottom.
        transpose: swap the axes.
        types: kinds of intended blur to use; None is both. Like ``degrees`` and ``areas`` it holds
            for training, validation and test, and needs the label files where folders do not say.
        degrees: strengths of blur to use; None is all.
        areas: blurred shares to use: small (below 45 %), medium, large (above 55 %); None is all.
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
        holdout: pictures of each stream kept from training, at most half.
        val_crop: side of a centred crop for validation in HR pixels; None is the whole picture.
        sigma_masks: folder of ``<stem>_sigma.png``, written by ``blindsr estimate`` for the
            pictures of ``root``, to make masks of instead of reading files: for pictures without
            masks.
        sigma_threshold: with ``sigma_masks``: sharp below this sigma in pixels of the picture.
        smallest_region: with ``sigma_masks``: regions of fewer pixels take the value around them.
        allow_pickle: load label files that hold pickled dictionaries. A pickle can run any code:
            for files that you trust.
        cache: folder for decoded pictures, 3 bytes per pixel; see
            :class:`blindsr.data.files.pictures.PictureStore`. None decodes every time.
        skip_small: leave out pictures smaller than the crop instead of refusing them.
        seed: of the holdout, the order, the patches and the LR of test pictures.
        pin_memory: for faster copies to a GPU.

    Raises:
        ConfigError: an argument has no meaning.
        FileError: in ``setup``: a folder or label file is missing.
        DataError: in ``setup``: a file has no partner or another size, labels do not fit.
    """

    def __init__(
        self,
        root: str = "data/reblursr",
        general: Sequence[str] = ("data/DIV2K", "data/Flickr2K"),
        scale: int = 4,
        degradation: Degradation = "bsrgan",
        sharpen: bool = True,
        batch_size: int = 8,
        eval_batch_size: int = 1,
        num_workers: int = 4,
        steps_per_epoch: int | None = None,
        crop: int = 256,
        random_resize: bool = True,
        flip: bool = True,
        vertical_flip: bool = True,
        transpose: bool = True,
        types: Sequence[BlurType] | None = None,
        degrees: Sequence[Degree] | None = None,
        areas: Sequence[Area] | None = None,
        group_by: Sequence[Grouping] = ("type",),
        general_test: dict[str, str] | None = None,
        general_test_lr: dict[str, str] | None = None,
        blur_test: dict[str, str] | None = None,
        validation: Literal["holdout", "test"] = "holdout",
        holdout: int = 16,
        val_crop: int | None = 512,
        sigma_masks: str | None = None,
        sigma_threshold: float = 1.0,
        smallest_region: int = 0,
        allow_pickle: bool = False,
        cache: str | None = None,
        skip_small: bool = False,
        seed: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            scale=scale,
            sigma_max=0.0,
            downsampler=downsampler_of(checked_degradation(degradation)),
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            num_workers=num_workers,
            steps_per_epoch=steps_per_epoch,
            pin_memory=pin_memory,
            seed=seed,
        )
        check_folders("general", general)
        check_flags(skip_small=skip_small, allow_pickle=allow_pickle)
        check_number("sigma_threshold", sigma_threshold, most=LARGEST_SIGMA, above=True)
        check_whole("smallest_region", smallest_region, least=0, most=LARGEST_SIDE**2)
        self.root, self.general = root, tuple(general)
        self.degradation = degradation
        self.subset = Subset(*(None if v is None else tuple(v) for v in (types, degrees, areas)))
        self.group_by = tuple(group_by)
        self.general_test = named_folders("general_test", general_test)
        self.general_test_lr = named_folders("general_test_lr", general_test_lr)
        self.blur_test = named_folders("blur_test", blur_test)
        self.validation, self.holdout, self.val_crop = validation, holdout, val_crop
        self.sigma_masks, self.allow_pickle = sigma_masks, allow_pickle
        self.skip_small = skip_small
        self._check_options()
        self.store = PictureStore(cache, sigma_threshold=sigma_threshold, smallest=smallest_region)
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
        folder = ReBlurSRFolder(
            self.root,
            sigma_masks=self.sigma_masks,
            scale=self.scale,
            allow_pickle=self.allow_pickle,
        )
        if stage in (None, "fit", "validate"):
            general = self._checked(find_hr(self.general))
            blur = self._checked(folder.files("train", self.subset))
            if self.validation == "holdout":
                general, held_general = split_off(general, self.holdout, self.seed, "general")
                blur, held_blur = split_off(blur, self.holdout, self.seed, "blur")
                self.val_sets = [
                    self._eval_set(held_general, "general", self.val_crop),
                    self._eval_set(held_blur, "blur", self.val_crop),
                ]
            else:
                self.val_sets = self._test_groups(folder, self.val_crop)
            self.train_set = TwoStreamDataset(
                HRFolderDataset(general, self.patch, self.store),
                HRFolderDataset(blur, self.patch, self.store),
            )
        if stage in (None, "test", "predict"):
            self.test_sets = self._test_groups(folder, None)

    def _check_options(self) -> None:
        check_holdout(self.holdout, self.val_crop, self.scale)
        check_group_names("general_test", self.general_test, self.general_test_lr)
        check_group_names("blur_test", self.blur_test, {})
        if not self.general:
            raise ConfigError("general", found="no folder", expected="at least one")
        if not set(self.group_by) <= {"type", "degree", "area"}:
            raise ConfigError(
                "group_by", found=str(list(self.group_by)), expected="some of type, degree, area"
            )
        check_choice("validation", self.validation, ("holdout", "test"))

    def _checked(self, files: list[PictureFiles]) -> list[PictureFiles]:
        return checked_pictures(files, smallest=self.patch.crop, skip_small=self.skip_small)

    def _test_groups(self, folder: ReBlurSRFolder, crop: int | None) -> list[EvalFolderDataset]:
        """Return the general sets, ReBlurSR by label, and further sets of blur."""
        named = [
            folder_groups(
                stream,
                folders,
                lr,
                scale=self.scale,
                degradation=self.degradation,
                seed=self.seed,
                store=self.store,
                crop=crop,
            )
            for stream, folders, lr in (
                ("general", self.general_test, self.general_test_lr),
                ("blur", self.blur_test, {}),
            )
        ]
        groups = [*named[0], *self._own_groups(folder, crop), *named[1]]
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
        for item in folder.files("valid", self.subset):
            words = [folder.kind(item.name, label) for label in self.group_by]
            members.setdefault("-".join(["blur", *words]), []).append(item)
        return [self._eval_set(members[group], group, crop) for group in sorted(members)]

    def _eval_set(
        self, files: list[PictureFiles], group: str, crop: int | None
    ) -> EvalFolderDataset:
        return EvalFolderDataset(
            checked_pictures(files, smallest=smallest_side(self.scale)),
            scale=self.scale,
            degradation=self.degradation,
            group=group,
            seed=self.seed,
            crop=crop,
            store=self.store,
        )
