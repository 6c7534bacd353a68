"""NYUv2-BSR for Lightning: CMOS's indoor data set, 795 training frames and five test groups."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from blindsr.data.augment.blur_draw import IVA_SHARE
from blindsr.data.augment.on_the_fly import Regenerate
from blindsr.data.augment.options import training_transform
from blindsr.data.augment.paired import PairedTransform
from blindsr.data.augment.zoom import ZOOM_FACTORS, Zoom
from blindsr.data.bsr.dataset import BSRDataset
from blindsr.data.bsr.layout import BSRFiles, Pairing, check_root, find_files, find_groups
from blindsr.data.bsr.nyuv2_classes import NYUV2_CLASSES
from blindsr.data.bsr.sharp_dataset import SharpBSRDataset
from blindsr.data.files.manifest import MANIFEST, read_manifest
from blindsr.data.files.manifest_content import LARGEST_SIGMA, checked_manifest
from blindsr.data.files.source_values import finite
from blindsr.data.loading.checked_options import (
    check_choice,
    check_flags,
    check_number,
    check_whole,
    is_list,
)
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.degradation.paired import Operator
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import Downsampler

_TEST_SPLIT = "val"  # the name of the test split in the released data set


class NYUv2BSR(PairedDataModule):
    """NYUv2-BSR as ``blindsr prepare nyuv2`` writes it, or as the CMOS authors distribute it.

    Args:
        root: folder with ``train`` and ``val``.
        scale: HR is ``scale`` times LR.
        sigma_max: largest sigma of the data set in HR pixels.
        num_classes: 40.
        batch_size: pictures of a training batch.
        eval_batch_size: pictures of a validation or test batch.
        num_workers: loader processes.
        crop: LR height and width of random training crops; None trains on whole pictures.
        flip: mirror left-right: True keeps LR and HR aligned, "paper" mirrors as the released
            code does (HR off by ``scale - 1`` pixels), False is off.
        vertical_flip: mirror top-bottom as well.
        transpose: swap the axes at random; needs a square ``crop``.
        validation: "holdout" validates on a seeded part of the training list; "group1" on the
            first test group, as the paper does (its choice of weights has seen the test set).
        holdout: share of the training list kept for validation, at least one picture.
        groups: test groups to test on, 1..5.
        seed: of the holdout, the order and the augmentation.
        pin_memory: for faster copies to a GPU.
        downsampler: how LR was made, for a folder without manifest (the authors'): s-fold is
            inferred, not published. A manifest wins.
        zoom: enlarge samples at random by ``zoom_factors``. "physical" multiplies sigma by the
            factor and leaves out factors that would exceed ``sigma_max``; "paper" is the released
            code's arithmetic, which divides sigma; None is off. See
            :class:`blindsr.data.augment.zoom.RandomZoom`.
        zoom_factors: drawn from with equal probability.
        wraparound: with ``zoom: paper``, wrap overshoot around in 8 bit as the released code does.
        on_the_fly: draw focus, sigma, zoom and crop of every training sample anew in every epoch
            and blur the sharp picture again, from GT and
            ``depth``.
        photometric: with ``on_the_fly``, strength 0..1 of changes of colour before the blur.
        iva_only: train on invariantly blurred pictures alone (an ablation): those that the manifest
            lists as IVA, or every sample with ``on_the_fly``.
        operator: blur of ``on_the_fly``: "gather" (fast) or "layered" (with occlusion, as the
            prepared pictures).
        pairing: "name", or "sorted" for folders whose files have unlike names.

    Raises:
        FileError: in ``setup``: a folder is missing.
        DataError: in ``setup``: a file has no partner, or there is no depth for ``on_the_fly``.
        ConfigError: in ``setup``: scale or sigma_max disagree with the manifest.
    """

    def __init__(
        self,
        root: str = "data/nyuv2_bsr",
        scale: int = 4,
        sigma_max: float = 5.0,
        num_classes: int = 40,
        batch_size: int = 8,
        eval_batch_size: int = 1,
        num_workers: int = 2,
        crop: list[int] | None = None,
        flip: bool | Literal["paper"] = True,
        vertical_flip: bool = False,
        transpose: bool = False,
        validation: Literal["holdout", "group1"] = "holdout",
        holdout: float = 0.1,
        groups: Sequence[int] = (1, 2, 3, 4, 5),
        seed: int = 0,
        pin_memory: bool = False,
        downsampler: Downsampler = "sfold",
        zoom: Zoom | None = None,
        zoom_factors: Sequence[float] = ZOOM_FACTORS,
        wraparound: bool = False,
        on_the_fly: bool = False,
        photometric: float = 0.0,
        iva_only: bool = False,
        operator: Operator = "gather",
        pairing: Pairing = "name",
    ) -> None:
        super().__init__(
            scale=scale,
            num_classes=num_classes,
            sigma_max=sigma_max,
            class_names=NYUV2_CLASSES,
            downsampler=_recorded_downsampler(Path(root)) or downsampler,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            seed=seed,
            metric_depth=True,
        )
        if num_classes != len(NYUV2_CLASSES):
            raise ConfigError("num_classes", found=str(num_classes), expected="40 for NYUv2")
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA, above=True)
        check_choice("validation", validation, ("holdout", "group1"))
        check_choice("pairing", pairing, ("name", "sorted"))
        check_flags(iva_only=iva_only)
        if not finite(holdout, above=0, most=1) or holdout == 1:
            raise ConfigError("holdout", found=str(holdout), expected="0 < holdout < 1")
        _check_groups(groups)
        self.root = Path(root)
        self.validation = validation
        self.holdout = holdout
        self.groups = tuple(groups)
        self.pairing: Pairing = pairing
        self.iva_only = iva_only
        self.transform = training_transform(
            scale=scale,
            sigma_max=sigma_max,
            downsampler=self.downsampler,
            operator=operator,
            iva=1.0 if iva_only else 1 / IVA_SHARE,
            crop=crop,
            flip=flip,
            vertical_flip=vertical_flip,
            transpose=transpose,
            zoom=zoom,
            zoom_factors=zoom_factors,
            wraparound=wraparound,
            on_the_fly=on_the_fly,
            photometric=photometric,
        )

    def setup(self, stage: str | None = None) -> None:
        """Find the files of ``stage`` ("fit", "validate", "test", "predict"; None: all)."""
        check_root(self.root, self._fix())
        self._check_manifest()
        if stage in (None, "fit", "validate"):
            files = find_files(self.root, "train", scale=self.scale, pairing=self.pairing)
            if self.validation == "holdout":
                kept, held = split_holdout(files, self.holdout, self.seed)
                self.val_set = self._set(held)
            else:
                kept = files
                self.val_set = self._group("Group1")
            self.train_set = self._training_set(kept)
        if stage in (None, "test", "predict"):
            self.test_sets = [self._group(f"Group{number}") for number in self.groups]

    def _training_set(self, files: list[BSRFiles]) -> BSRDataset | SharpBSRDataset:
        if isinstance(self.transform, Regenerate):
            return SharpBSRDataset(files, self.transform, num_classes=self.num_classes)
        if self.iva_only:
            files = self._invariant(files)
        return self._set(files, transform=self.transform)

    def _invariant(self, files: list[BSRFiles]) -> list[BSRFiles]:
        """Return the files that the manifest lists as IVA.

        Raises:
            DataError: there is no manifest, or no such file.
        """
        draws = (read_manifest(self.root) or {}).get("train", {})
        chosen = [file for file in files if draws.get(file.name, {}).get("kind") == "IVA"]
        if not chosen:
            listed = f"{len(files)} training pictures, none of them IVA"
            raise DataError(
                self.root,
                found=listed if draws else f"no {MANIFEST} that lists the blur of each picture",
                expected="pictures of invariant blur for iva_only",
                fix="Prepare the data set with blindsr prepare nyuv2, or set on_the_fly to true",
            )
        return chosen

    def _set(
        self, files: list[BSRFiles], *, transform: PairedTransform | None = None, group: str = ""
    ) -> BSRDataset:
        return BSRDataset(
            files,
            scale=self.scale,
            sigma_max=self.sigma_max,
            num_classes=self.num_classes,
            transform=transform,
            group=group,
        )

    def _group(self, group: str) -> BSRDataset:
        found = find_groups(self.root, _TEST_SPLIT)
        if group not in found:
            raise ConfigError(
                "groups", found=group, expected=f"of {self.root}: {', '.join(found) or 'none'}"
            )
        files = find_files(
            self.root, _TEST_SPLIT, scale=self.scale, group=group, pairing=self.pairing
        )
        return self._set(files, group=group)

    def _fix(self) -> str:
        return (
            "Type: blindsr prepare nyuv2 --mat nyu_depth_v2_labeled.mat --splits splits.mat "
            f"--classes classMapping40.mat --out {self.root}"
        )

    def _check_manifest(self) -> None:
        manifest = read_manifest(self.root)
        if manifest is None:
            return
        for key in ("scale", "sigma_max"):
            recorded, wanted = manifest["settings"][key], getattr(self, key)
            if recorded != wanted:
                raise ConfigError(
                    key,
                    found=f"{wanted:g}",
                    expected=f"{recorded:g}, with which {self.root / MANIFEST} was prepared",
                    fix=f"Set {key}: {recorded:g}, or prepare another folder",
                )
        if manifest["settings"]["downsampler"] != self.downsampler:
            raise ConfigError(  # phase was handed to networks and transforms at construction
                "downsampler",
                found=self.downsampler,
                expected=f"{manifest['settings']['downsampler']}, as {self.root} is now",
                fix="The folder changed meanwhile: make the DataModule again",
            )


def _check_groups(groups: Sequence[int]) -> None:
    if not is_list(groups) or not groups:
        found = "none" if is_list(groups) else repr(groups)
        raise ConfigError("groups", found=found, expected="a list of one or more of 1..5")
    for group in groups:
        check_whole("groups", group, least=1, most=99)
    if len(set(groups)) < len(groups):
        raise ConfigError("groups", found=str(list(groups)), expected="each group once")


def split_holdout(
    files: list[BSRFiles], share: float, seed: int
) -> tuple[list[BSRFiles], list[BSRFiles]]:
    """Return (kept, held out): a seeded random ``share`` of the files, at least one of each.

    Raises:
        DataError: there are fewer than two files.
    """
    if len(files) < 2:
        raise DataError(
            "validation",
            found=f"{len(files)} training file",
            expected="two or more to hold one out",
        )
    count = min(max(1, round(share * len(files))), len(files) - 1)
    chosen = set(np.random.default_rng([seed, len(files)]).permutation(len(files))[:count].tolist())
    kept = [file for position, file in enumerate(files) if position not in chosen]
    return kept, [file for position, file in enumerate(files) if position in chosen]


def _recorded_downsampler(root: Path) -> Downsampler | None:
    """Return the downsampler in the manifest of ``root``, if there is one."""
    path = root / MANIFEST
    if not os.path.lexists(path):
        return None
    downsampler: Downsampler = checked_manifest(path)["settings"]["downsampler"]
    return downsampler
