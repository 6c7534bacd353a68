"""Data sets of HR pictures: random degraded patches, or whole pictures to score."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from blindsr.data.augment.paired import Arrays, to_sample
from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.pictures import PictureFiles, PictureStore, read_picture
from blindsr.data.loading.samplers import Draw
from blindsr.degradation.random.by_name import (
    Named,
    NamedResult,
    checked_degradation,
    degrade_by_name,
    sample_recipe,
)
from blindsr.degradation.random.recipe import Recipe
from blindsr.errors import DataError
from blindsr.imaging.files import to_uint8
from blindsr.types import Sample


class HRFolderDataset(Dataset[Sample]):
    """Map-style data set: ``lr``, ``hr``, ``name`` and, where pictures have one, ``mask``.

    Index it with an int, or with a :class:`~blindsr.data.loading.samplers.Draw` to fix patch and
    degradation: equal draws give equal samples.

    Args:
        files: from :func:`blindsr.data.pbasr.hr_files.find_hr` and the like; either all with a mask
            (or sigma map) or all without.
        patch: cuts and degrades.
        store: reads.

    Raises:
        FileError: a file is missing or damaged (when the item is read).
        DataError: a mask has another size than its picture (when the item is read).
    """

    def __init__(
        self, files: Sequence[PictureFiles], patch: RandomPatch, store: PictureStore | None = None
    ) -> None:
        self.files = list(files)
        self.patch = patch
        self.store = PictureStore() if store is None else store
        masked = {item.mask is not None or item.blur is not None for item in self.files}
        if len(masked) > 1:
            raise DataError(
                self.files[0].hr.parent,
                found="pictures with and without a mask",
                expected="one kind, or batches would not have a common set of keys",
            )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | Draw) -> Sample:
        position, seed = index if isinstance(index, Draw) else (index, None)
        files = self.files[position]
        picture = self.store.picture(files.hr)
        mask = self.store.mask(files, (picture.shape[0], picture.shape[1]))
        return to_sample(self.patch(picture, mask, seed), name=files.name)

    def recipe(self, draw: Draw) -> Recipe | None:
        """Return how the LR of ``draw`` is made; None for a plain down-sampling."""
        return self.patch.recipe(draw.seed)


class EvalFolderDataset(Dataset[Sample]):
    """Map-style data set of whole pictures: ``lr``, ``hr``, ``name``, ``group``, perhaps more.

    ``mask`` comes from a file, ``blur`` from a degradation that knows it.

    HR is cropped at the bottom and at the right to a multiple of ``scale``. Where a picture has no
    LR file, LR is made, always the same: the random numbers depend on ``seed`` and the name alone,
    not on the order, the other pictures or the process. HR is never sharpened here: scores compare
    with the picture itself. An LR is made once and kept in memory, unless its blur is known: maps
    would fill that.

    Args:
        files: from :func:`blindsr.data.pbasr.hr_files.find_test_pictures` and the like.
        scale: HR is ``scale`` times LR.
        degradation: makes LR where there is no file.
        group: value of ``Sample["group"]``.
        seed: of the degradations.
        crop: side of a centred crop in HR pixels, a multiple of ``scale``; None keeps everything.
        store: reads.

    Raises:
        FileError: a file is missing or damaged (when the item is read).
        DataError: sizes do not fit (when the item is read).
    """

    def __init__(
        self,
        files: Sequence[PictureFiles],
        *,
        scale: int,
        degradation: Named,
        group: str,
        seed: int = 0,
        crop: int | None = None,
        store: PictureStore | None = None,
    ) -> None:
        self.files = list(files)
        self.scale, self.group, self.seed, self.crop = scale, group, seed, crop
        self.degradation = checked_degradation(degradation)
        self.store = PictureStore() if store is None else store
        self._made: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        files = self.files[index]
        picture = self.store.picture(files.hr)
        lr_size = (picture.shape[0] // self.scale, picture.shape[1] // self.scale)
        mask = self.store.mask(files, (picture.shape[0], picture.shape[1]))
        rows, columns = (self._part(length) for length in lr_size)
        part = _scaled(rows, self.scale), _scaled(columns, self.scale)
        hr = picture[part]
        lr, blur = self._made.get(index), None
        if lr is None:
            if files.lr is None:
                made = self._degraded(files, hr)
                lr, blur = to_uint8(made.lr), made.blur
            else:
                lr = read_lr(files, lr_size, self.scale)[rows, columns]
            if blur is None:
                self._made[index] = lr
        arrays: Arrays = {"lr": _unit(lr), "hr": _unit(hr)}
        if blur is not None:
            arrays["blur"] = blur
        if mask is not None:
            arrays["mask"] = mask[part].astype(np.float32)
        return to_sample(arrays, name=files.name, group=self.group)

    def recipe(self, index: int) -> Recipe | None:
        """Return how the LR of a picture is made; None for a file or a plain down-sampling."""
        if self.files[index].lr is not None:
            return None
        return sample_recipe(
            self.degradation, self._rng(self.files[index]), scale=self.scale, sharpen=False
        )

    def _degraded(self, files: PictureFiles, hr: NDArray[np.uint8]) -> NamedResult:
        rng = self._rng(files)
        return degrade_by_name(_unit(hr), self.degradation, rng, scale=self.scale, sharpen=False)

    def _part(self, length: int) -> slice:
        """Return the rows or columns of LR that are kept."""
        wanted = length if self.crop is None else min(length, self.crop // self.scale)
        start = (length - wanted) // 2
        return slice(start, start + wanted)

    def _rng(self, files: PictureFiles) -> np.random.Generator:
        digest = hashlib.sha256(os.fsencode(files.name)).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest[:8], "little")])


def read_lr(files: PictureFiles, size: tuple[int, int], scale: int) -> NDArray[np.uint8]:
    """Return the LR picture of a file, (h, w, 3) uint8.

    Args:
        files: with ``lr``.
        size: height and width that it must have.
        scale: for the error.

    Raises:
        FileError: it is missing or damaged.
        DataError: it has another size.
    """
    assert files.lr is not None
    lr = read_picture(files.lr)
    check_lr_size(files, lr.shape[:2], size, scale)
    return np.ascontiguousarray(lr)


def check_lr_size(
    files: PictureFiles, found: tuple[int, ...], size: tuple[int, int], scale: int
) -> None:
    """Refuse an LR of another size (height, width).

    Raises:
        DataError: it is.
    """
    if found != size:
        raise DataError(
            files.lr,
            found=f"{found[1]} x {found[0]} pixels",
            expected=f"{size[1]} x {size[0]}, 1 / {scale} of {files.hr}",
            fix="Check scale, and that the two belong together",
        )


def _scaled(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)


def _unit(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return image.astype(np.float32) / np.float32(255)
