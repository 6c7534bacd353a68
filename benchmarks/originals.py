"""Sharp originals blurred by known maps: RGB-D pictures by their depth, Set5 by made-up relief."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from blur_maps_pictures import FOCUS, LARGEST, sharp_pictures

from blindsr.data.scenes.leaves.photographs import relief
from blindsr.degradation.defocus import sigma_from_depth
from blindsr.degradation.gather import gather_blur
from blindsr.degradation.layered import layered_blur
from blindsr.imaging.files import read_rgb


class Original(NamedTuple):
    """One picture under one map."""

    picture: str
    """Name of the picture; maps of one picture are no independent trials."""
    name: str
    """Of picture and map."""
    sharp: np.ndarray
    """(H, W, 3) float32, sides are multiples of the scale."""
    seen: np.ndarray
    """(H, W, 3) float32, blurred; the same as ``sharp`` for no blur."""
    blur: np.ndarray
    """(H, W) float32 pixels of this picture."""


def fitted(picture: np.ndarray, scale: int, largest: int | None = None) -> np.ndarray:
    """Reduced to a longer side of at most ``largest``, sides cut to multiples of ``scale``."""
    factor = 1.0 if largest is None else min(1.0, largest / max(picture.shape[:2]))
    if factor < 1:
        size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
        picture = np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1)
    height, width = (side // scale * scale for side in picture.shape[:2])
    return np.ascontiguousarray(picture[:height, :width])


def originals(
    folder: Path, sigma_max: float, *, scale: int, largest: int = LARGEST
) -> Iterator[Original]:
    """RGB-D pictures under two focus planes, Set5 under made-up maps; for 0 each once, sharp.

    Args:
        folder: holds ``rgbd/`` and ``sr/set5``; what is missing is left out.
        sigma_max: largest sigma, HR pixels; the operator's windows do not cut it.
        scale: the sides are cut to its multiples.
        largest: longer side of the RGB-D pictures, which are reduced to it and so become sharp.
    """
    if (folder / "rgbd").is_dir():
        for name, picture, depth in sharp_pictures(folder / "rgbd", largest):
            sharp = fitted(picture, scale)
            near = depth[: sharp.shape[0], : sharp.shape[1]]
            for rank in FOCUS if sigma_max else ():
                sigma = sigma_from_depth(near, sigma_max=sigma_max, focus_rank=rank)
                sigma = np.round(sigma * 8) / 8  # fewer layers
                seen = layered_blur(sharp, sigma, near, sigma_max=2 * sigma_max, merge_coc=0.5)
                yield Original(name, f"{name} {rank:g}", sharp, seen, sigma)
            if not sigma_max:
                yield Original(name, name, sharp, sharp, np.zeros_like(near))
    for number, path in enumerate(sorted((folder / "sr" / "set5").glob("*"))):
        sharp = fitted(read_rgb(path), scale)
        depth = relief(np.random.default_rng(number), *sharp.shape[:2])
        sigma = np.round(sigma_max * depth * 8) / np.float32(8)
        seen = gather_blur(sharp, sigma, sigma_max=2 * sigma_max) if sigma_max else sharp
        yield Original(path.stem, path.stem, sharp, seen, sigma)
