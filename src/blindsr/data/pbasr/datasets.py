"""Training data set of HR pictures: a random degraded patch of each."""

from __future__ import annotations

from collections.abc import Sequence

from torch.utils.data import Dataset

from blindsr.data.augment.paired import to_sample
from blindsr.data.augment.patches import RandomPatch
from blindsr.data.files.pictures import PictureFiles, PictureStore
from blindsr.data.loading.samplers import Draw
from blindsr.degradation.random.recipe import Recipe
from blindsr.errors import DataError
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
        masked = {item.mask is not None or item.sigma is not None for item in self.files}
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
