"""Base of the data modules of all BSR data sets: splits, test groups, manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from blindsr.data.augment.datamodule import AugmentedDataModule
from blindsr.data.augment.on_the_fly import Regenerate
from blindsr.data.augment.paired import PairedTransform
from blindsr.data.bsr.dataset import BSRDataset
from blindsr.data.bsr.layout import (
    BSRFiles,
    Pairing,
    SegFormat,
    check_root,
    find_files,
    find_groups,
)
from blindsr.data.bsr.shards import INDEX, TrainingShards
from blindsr.data.files.depth_maps import MILLIMETRE
from blindsr.data.files.manifest import MANIFEST, read_manifest
from blindsr.data.files.source_values import finite
from blindsr.data.loading.checked_options import check_choice, check_whole, is_list
from blindsr.data.loading.evaluation import split_holdout
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import Downsampler

Validation = Literal["holdout", "group1", "val"]


class BSRDataModule(AugmentedDataModule):
    """A folder of one BSR data set, prepared by ``blindsr prepare`` or as its authors offer it.

    A subclass gives the attributes below, and in ``__init__`` its own default of ``root`` and
    whatever else differs. :mod:`blindsr.data.bsr.layout` says how the files lie; a data set that
    keeps them otherwise overrides :meth:`find`.

    Args:
        root: folder with ``train`` and the split of the test groups.
        downsampler: how LR was made, for a folder without manifest (the authors'): s-fold is
            inferred, not published. A manifest wins.
        validation: "holdout" validates on a seeded part of the training list; "group1" on the
            first test group, as the paper does (its choice of weights has seen the test set);
            "val" on the split of that name, where the data set has one.
        holdout: share of the training list kept for validation, at least one picture.
        groups: numbers of the test groups to test on.
        test_pictures: of each test group, the first ones alone, for methods that take minutes for
            each; ``None`` is all. A paper's figures need all.
        pairing: "name", or "sorted" for folders whose files have unlike names.
        shards: folder or URL (``s3://bucket/folder``) of what ``blindsr prepare shards`` made, to
            train from instead of ``root/train``; equal samples for equal seeds. Held-out pictures
            lie in there, test groups in ``root``.
        options: see the base classes. ``iva_only`` keeps the pictures that the manifest lists as
            IVA, or blurs every sample invariantly with ``on_the_fly``, which needs ``depth``.

    Raises:
        ConfigError: an argument is out of range, or the manifest disagrees.
        FileError: in ``setup``: a folder is missing.
        DataError: the preparation was interrupted or the manifest is damaged; in ``setup``: a file
            has no partner, or there is no depth for ``on_the_fly``.
    """

    metric_depth = True
    test_split: ClassVar[str] = "test"
    """Folder of the test groups."""
    seg_format: ClassVar[SegFormat] = "zero_void"
    """How ``semseg`` stores classes."""
    depth_step: ClassVar[float] = MILLIMETRE
    """Metres of one step of the stored depth."""
    validations: ClassVar[tuple[str, ...]] = ("holdout", "group1")
    """What ``validation`` may be."""
    how_to_get: ClassVar[str] = "Prepare or download the data set, or correct root"
    """What to do where the folder is missing; ``{root}`` is replaced."""

    def __init__(
        self,
        root: str,
        *,
        downsampler: Downsampler = "sfold",
        validation: Validation = "holdout",
        holdout: float = 0.1,
        groups: Sequence[int] = (1, 2, 3, 4, 5),
        test_pictures: int | None = None,
        pairing: Pairing = "name",
        shards: str | None = None,
        **options: Any,
    ) -> None:
        self.root = Path(root)
        self.manifest = read_manifest(self.root)
        self.shards = None if shards is None else TrainingShards(shards)
        if self.manifest is None and self.shards is not None:
            self.manifest = self.shards.manifest
        if self.manifest is not None:
            downsampler = self.manifest["settings"]["downsampler"]
        super().__init__(downsampler=downsampler, **options)
        check_choice("validation", validation, self.validations)
        check_choice("pairing", pairing, ("name", "sorted"))
        if not finite(holdout, above=0, most=1) or holdout == 1:
            raise ConfigError("holdout", found=str(holdout), expected="0 < holdout < 1")
        _check_groups(groups)
        if test_pictures is not None:
            check_whole("test_pictures", test_pictures, least=1, most=1_000_000)
        self.test_pictures = test_pictures
        self.validation, self.holdout = validation, holdout
        self.groups = tuple(groups)
        self.pairing: Pairing = pairing
        self._check_manifest()

    def setup(self, stage: str | None = None) -> None:
        """Find the files of ``stage`` ("fit", "validate", "test", "predict"; None: all)."""
        held_out = stage in ("fit", "validate") and self.validation == "holdout"
        if self.shards is None or not held_out:
            check_root(self.root, self.how_to_get.format(root=self.root))
        if self.manifest is None:  # perhaps prepared since
            self.manifest = read_manifest(self.root)
            self._check_manifest()
        if stage in (None, "fit", "validate"):
            files, self.val_set = self.split()
            if self.iva_only and isinstance(self.transform, PairedTransform):
                files = self._invariant(files)
            self.train_set = self.dataset(files, self.transform, shards=self.shards)
        if stage in (None, "test", "predict"):
            most = self.test_pictures
            self.test_sets = [self._group(f"Group{number}", most) for number in self.groups]

    def find(self, split: str, group: str = "") -> list[BSRFiles]:
        """Return the files of a split, or of one group of it.

        Raises:
            FileError: a folder is missing.
            DataError: a file has no partner.
        """
        return find_files(self.root, split, scale=self.scale, group=group, pairing=self.pairing)

    def split(self) -> tuple[list[BSRFiles], BSRDataset]:
        """Return the files to train on and the data set to validate on."""
        files = self.find("train") if self.shards is None else self.shards.files
        if self.validation == "group1":
            return files, self._group("Group1")
        if self.validation == "val":
            return files, self.dataset(self.find("val"))
        files, held = split_holdout(files, self.holdout, self.seed, "training")
        return files, self.dataset(held, shards=self.shards)

    def dataset(
        self,
        files: list[BSRFiles],
        transform: PairedTransform | Regenerate | None = None,
        group: str = "",
        shards: TrainingShards | None = None,
    ) -> BSRDataset:
        """Return the data set of some files, whole pictures without ``transform``."""
        return BSRDataset(
            files,
            scale=self.scale,
            sigma_max=self.sigma_max,
            num_classes=self.num_classes,
            seg_format=self.seg_format,
            transform=transform,
            group=group,
            depth_step=self.depth_step,
            depth=self.with_depth,
            shards=shards,
        )

    def _invariant(self, files: list[BSRFiles]) -> list[BSRFiles]:
        """Return the files that the manifest lists as IVA.

        Raises:
            DataError: there is no manifest, or no such file.
        """
        draws = (self.manifest or {}).get("train", {})
        chosen = [file for file in files if draws.get(file.name, {}).get("kind") == "IVA"]
        if not chosen:
            listed = f"{len(files)} training pictures, none of them IVA"
            raise DataError(
                self.root,
                found=listed if draws else f"no {MANIFEST} that lists the blur of each picture",
                expected="pictures of invariant blur for iva_only",
                fix="Prepare the data set with blindsr prepare, or set on_the_fly to true",
            )
        return chosen

    def _group(self, group: str, most: int | None = None) -> BSRDataset:
        found = find_groups(self.root, self.test_split)
        if group not in found:
            raise ConfigError(
                "groups", found=group, expected=f"of {self.root}: {', '.join(found) or 'none'}"
            )
        return self.dataset(self.find(self.test_split, group)[:most], group=group)

    def _check_manifest(self) -> None:
        """Refuse options that contradict how the folder was prepared."""
        if self.shards is not None:
            self._check_settings(self.shards.settings, f"{self.shards.place}/{INDEX}")
        if self.manifest is not None:
            self._check_settings(self.manifest["settings"], f"{self.root / MANIFEST}")

    def _check_settings(self, recorded: Mapping[str, Any], where: str) -> None:
        for key in ("scale", "sigma_max", "downsampler"):
            found, wanted = getattr(self, key), recorded.get(key)
            if wanted is not None and found != wanted:
                found, wanted = (f"{v:g}" if key == "sigma_max" else v for v in (found, wanted))
                raise ConfigError(
                    key,
                    found=str(found),
                    expected=f"{wanted}, with which {where} was prepared",
                    fix=f"Set {key}: {wanted}, or prepare another folder",
                )


def _check_groups(groups: Sequence[int]) -> None:
    if not is_list(groups) or not groups:
        found = "none" if is_list(groups) else repr(groups)
        raise ConfigError("groups", found=found, expected="a list of one or more of 1..5")
    for group in groups:
        check_whole("groups", group, least=1, most=99)
    if len(set(groups)) < len(groups):
        raise ConfigError("groups", found=str(list(groups)), expected="each group once")
