"""Photographs of the public domain, reduced until they are sharp, under maps of any shape."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.data.scenes.leaves.shapes import filled, outline
from blindsr.data.scenes.leaves.textures import photograph_cut
from blindsr.data.scenes.photographs import TRAIN
from blindsr.degradation.gather import gather_blur

_REDUCTION = (1.3, 2.5)  # a camera's pixels are softer than a reduced picture's
RESTORER_REDUCTION = (1.15, 2.2)
"""Of a restorer's photographs: texture is scarce, blur need not be judged to a tenth."""
_WINDOW = 2.0  # the operator's window ends at 4 sigma of the largest then, so sigma is the true std


def sharp_photograph(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    held_out: bool = False,
    names: Sequence[str] = TRAIN,
    reduction: tuple[float, float] = _REDUCTION,
) -> NDArray[np.float32]:
    """Return a reduced part of a photograph, (height, width, 3) float32 in [0, 1]."""
    factor = rng.uniform(*reduction)
    rows, columns = round(factor * height), round(factor * width)
    part = photograph_cut(rng, rows, columns, held_out=held_out, names=names)
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))


def relief(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Draw a made-up depth in [0, 1]: a smooth relief or a slope, with pieces cut into it."""
    coarse = rng.random((int(rng.integers(2, 5)), int(rng.integers(2, 5)))).astype(np.float32)
    depth = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    if rng.random() < 0.3:
        depth = np.full_like(depth, rng.random())
    for _ in range(int(rng.integers(0, 6))):
        points = outline(rng, rng.uniform(0.08, 0.45) * min(height, width))
        inside = filled(
            points + (rng.random(2) * [width, height]).astype(np.float32), height, width
        )
        tilt = 0.3 * (depth - depth.mean()) if rng.random() < 0.5 else 0
        depth = np.where(inside > 0.5, rng.random() + tilt, depth)
    return np.clip(depth, 0, 1).astype(np.float32)


def blurred_photograph(
    picture: NDArray[np.float32], blur: NDArray[np.float32], sigma_max: float
) -> NDArray[np.float32]:
    """Blur every pixel by the Gaussian of its own sigma, without occlusion."""
    return gather_blur(picture, blur, sigma_max=_WINDOW * sigma_max, levels=24)
