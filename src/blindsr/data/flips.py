"""Mirroring and transposing by albumentations, which is met in this file alone.

Only these operations treat LR and HR of different size alike; its crops and affine maps apply the
HR geometry to LR (without an error, for Affine).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

# albumentations asks the network for newer versions when imported
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_TARGETS = {"hr": "image", "blur": "mask", "seg": "mask", "mask": "mask"}


class RandomFlips:
    """Mirror and transpose all arrays of a sample alike, each operation with probability 0.5."""

    def __init__(self, *, horizontal: bool, vertical: bool, transpose: bool) -> None:
        import albumentations  # heavy: loaded only where something is flipped

        wanted = (
            (horizontal, albumentations.HorizontalFlip),
            (vertical, albumentations.VerticalFlip),
            (transpose, albumentations.Transpose),
        )
        self._pipeline = albumentations.Compose(
            [operation(p=0.5) for is_wanted, operation in wanted if is_wanted],
            additional_targets=_TARGETS,
            is_check_shapes=False,  # LR and HR differ in size by design
        )

    def __call__(self, arrays: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
        """Return the arrays (each (H, W) or (H, W, C)) flipped as ``seed`` decides."""
        # Each operation has a stream of its own that no other seed reaches, alike in all workers.
        # Seeding the pipeline would give all of them one stream: they would flip together.
        seeds = np.random.SeedSequence(seed).generate_state(len(self._pipeline.transforms))
        for operation, own_seed in zip(self._pipeline.transforms, seeds, strict=True):
            operation.set_random_seed(int(own_seed))
        renamed: dict[str, Any] = {("image" if k == "lr" else k): v for k, v in arrays.items()}
        flipped = self._pipeline(**renamed)
        return {key: flipped["image" if key == "lr" else key] for key in arrays}
