"""One's own photographs, reduced until they are sharp and blurred by made-up maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.data.files.folder_walk import IMAGES, below
from blindsr.data.files.source_values import existing_folder
from blindsr.data.loading.checked_options import check_number
from blindsr.data.scenes.leaves.photographs import blurred_photograph, relief
from blindsr.data.scenes.leaves.restoration import RestorationPictures
from blindsr.data.scenes.leaves.restoration_datamodule import RestorationScenes
from blindsr.data.scenes.leaves.samples import BlurredPicture, draw_sigma
from blindsr.errors import BlindSRError, DataError
from blindsr.imaging.photo import read_photo

LARGEST_REDUCTION = 2.5
"""A reduced photograph is sharper than the camera's pixels; more would leave little of it."""
_KEPT = 8  # photographs in the memory of a worker


class OwnPhotographs(RestorationPictures):
    """Pairs out of photographs: each is cut, reduced, blurred by a made-up map and made small.

    Args:
        files: photographs, each at least as large as a picture.
        options: see the base class; nothing of what is embedded is seen.
    """

    def __init__(self, files: Sequence[Path], **options: Any) -> None:
        self.files = tuple(files)
        super().__init__(**options)

    def _blurred(self, rng: np.random.Generator, number: int) -> BlurredPicture:
        sharp = self._cut(rng, self._photograph(number % len(self.files)))
        blur = draw_sigma(rng, relief(rng, self.size, self.size), self.sigma_max, self.widths)
        return BlurredPicture(blurred_photograph(sharp, blur, self.sigma_max), blur, sharp)

    def _cut(self, rng: np.random.Generator, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a part of a photograph and reduce it, (size, size, 3)."""
        room = min(picture.shape[:2]) / self.size
        side = round(self.size * rng.uniform(min(1.3, room), min(room, LARGEST_REDUCTION)))
        top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
        part = picture[top : top + side, left : left + side]
        made = cv2.resize(part, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return np.asarray(made, np.float32)

    def _read(self, index: int) -> NDArray[np.float32]:
        return read_photo(self.files[index]).rgb()

    def _remember(self) -> None:
        super()._remember()
        self._photograph = lru_cache(maxsize=_KEPT)(self._read)


class PhotographFolder(RestorationScenes):
    """A folder of photographs as LR and sharp HR pairs; some of them are kept for validation.

    Training batches hold ``lr``, ``hr`` and ``blur`` in HR pixels (true standard deviations).

    Args:
        root: the folder; its folders are looked into too.
        val_share: share of the photographs that no training sees, at least one.
        noise: give LR the noise and the JPEG of a camera too.
        options: see the base class; ``size`` also says how small a photograph may be.

    Raises:
        FileError: there is no such folder.
        DataError: fewer than two photographs can be used.
    """

    def __init__(
        self, root: str | Path, *, val_share: float = 0.1, noise: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        check_number("val_share", val_share, most=0.9)
        self.root, self.noise = Path(root), noise
        self.refused: list[BlindSRError] = []
        files = self._usable()
        kept = min(max(1, round(val_share * len(files))), len(files) - 1)
        self.val_files = [files[(2 * i + 1) * len(files) // (2 * kept)] for i in range(kept)]
        self.train_files = [path for path in files if path not in self.val_files]

    def _usable(self) -> list[Path]:
        existing_folder(self.root, "a folder of photographs", "Check the path")
        paths = below(self.root, recursive=True, failures=self.refused)
        usable = []
        for path in paths:
            if path.suffix.lower() not in IMAGES:
                continue
            try:
                height, width = read_photo(path).color.shape[:2]
            except BlindSRError as error:
                self.refused.append(error)
                continue
            if min(height, width) < self.size:
                found = f"{width} x {height} pixels"
                fix = f"A size of {min(height, width) // 16 * 16} takes it."
                small = DataError(path, found=found, expected=f"{self.size} a side", fix=fix)
                self.refused.append(small)
                continue
            usable.append(path)
        if len(usable) < 2:
            raise DataError(
                self.root,
                found=f"{len(usable)} photographs of {self.size} pixels a side or more",
                expected="two or more: one is kept to see what is learnt",
                fix=str(self.refused[0]) if self.refused else "",
            )
        return usable

    def _made(self, *, held_out: bool, clean: bool, **options: Any) -> RestorationPictures:
        files = self.val_files if held_out else self.train_files
        clean = clean or not self.noise
        return OwnPhotographs(files, held_out=held_out, clean=clean, **options)
