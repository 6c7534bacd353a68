"""Random flips and changes of colour; the only file that uses albumentations.

Of its geometric operations only mirroring and transposing are right for LR and HR of different
size; crops and affine maps apply the geometry of HR to LR (Affine does so without an error).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

# albumentations asks the network for newer versions when imported
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_TARGETS = {"hr": "image", "blur": "mask", "seg": "mask", "mask": "mask", "depth": "mask"}


class RandomFlips:
    """Mirror and transpose all arrays of a sample alike, each operation with probability 0.5."""

    def __init__(self, *, horizontal: bool, vertical: bool, transpose: bool) -> None:
        self._pipeline: Any = None
        if not (horizontal or vertical or transpose):
            return
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
        if self._pipeline is None:
            return arrays
        _seed(self._pipeline, seed)
        main = "lr" if "lr" in arrays else "hr"  # albumentations requires one array of this name
        names = {key: "image" if key == main else key for key in arrays}
        renamed: dict[str, Any] = {names[key]: array for key, array in arrays.items()}
        flipped = self._pipeline(**renamed)
        return {key: flipped[name] for key, name in names.items()}


class RandomColours:
    """Change brightness, contrast, gamma and hue a little, before anything is blurred.

    At strength 1: brightness by up to 20 % of the range, contrast by up to 20 %, gamma between 0.8
    and 1.25, hue by up to 10 of 360 degrees.

    Args:
        strength: scales all ranges; above 0.
    """

    def __init__(self, strength: float) -> None:
        import albumentations  # heavy: loaded only where colours change

        gamma = 100 * 1.25**strength
        self._pipeline = albumentations.Compose(
            [
                albumentations.RandomBrightnessContrast(
                    brightness_limit=0.2 * strength, contrast_limit=0.2 * strength, p=1.0
                ),
                albumentations.RandomGamma(gamma_limit=(1e4 / gamma, gamma), p=1.0),
                albumentations.HueSaturationValue(
                    hue_shift_limit=5 * strength,  # OpenCV's hue has 180 steps
                    sat_shift_limit=0,
                    val_shift_limit=0,
                    p=1.0,
                ),
            ]
        )

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Return ``image`` (H, W, 3) uint8 changed as ``seed`` decides."""
        _seed(self._pipeline, seed)
        changed: np.ndarray = self._pipeline(image=image)["image"]
        return changed


def _seed(pipeline: Any, seed: int) -> None:
    """Give every operation a stream of its own that no other seed reaches, alike in all workers.

    Seeding the pipeline would give all of them one stream: they would flip together.
    """
    seeds = np.random.SeedSequence(seed).generate_state(len(pipeline.transforms))
    for operation, own_seed in zip(pipeline.transforms, seeds, strict=True):
        operation.set_random_seed(int(own_seed))
