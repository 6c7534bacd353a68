"""Pictures with known blur: RGB-D pictures under two focus planes, even blur, scenes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from blindsr.degradation.defocus import sigma_from_depth
from blindsr.degradation.gather import gather_blur
from blindsr.degradation.layered import layered_blur
from blindsr.degradation.random.noise import GaussianNoise
from blindsr.degradation.random.operators import compress_jpeg
from blindsr.imaging.files import read_array, read_rgb, to_uint8

SIGMA_MAX = 8.0
LARGEST = 640
"""Longer side; the pictures are reduced to it, which also makes them sharp."""
FOCUS = (0.1, 0.8)  # ranks of depth in focus: something near, something far
_WINDOW = 2 * SIGMA_MAX  # windows end at 4 sigma, so sigma is the true standard deviation


class Case(NamedTuple):
    """One blurred picture."""

    name: str
    sharp: np.ndarray
    """(H, W, 3) float32."""
    blurred: np.ndarray
    """(H, W, 3) float32, 8 bit."""
    blur: np.ndarray
    """(H, W) pixels of the picture."""


def rounded(picture: np.ndarray) -> np.ndarray:
    return to_uint8(np.clip(picture, 0, 1)).astype(np.float32) / np.float32(255)


def sharp_pictures(
    folder: Path, largest: int = LARGEST
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, picture and depth of ``rgbd/`` (any unit, positive), no side above ``largest``."""
    files = [(p, None) for p in sorted((folder / "rgb").iterdir())]
    painted = folder / "nyu_inpainted"
    if painted.is_dir():
        files.append((painted / "rgb.png", painted / "depth_mm.png"))
    for path, depth_file in files:
        picture = read_rgb(path)
        factor = min(1.0, largest / max(picture.shape[:2]))
        size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
        sharp = np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1)
        if depth_file is None:
            name = path.stem
            depth = beside(folder / "disp", name)
        else:
            name, depth = "nyu", np.asarray(read_array(depth_file), np.float32)
        yield name, sharp, cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST)


def beside(folder: Path, name: str) -> np.ndarray:
    """Depth from the file of disparity (or depth, where it is called so) of a picture."""
    file = next(iter(sorted(folder.glob(f"{name}*"))))
    if file.suffix == ".npz":
        with np.load(file) as content:
            values = content[content.files[0]]
    else:
        values = read_array(file)
    values = np.asarray(values, np.float32)
    values = values if values.ndim == 2 else values[..., 0]
    if "depth" in file.stem:
        return values
    holes = ~np.isfinite(values) | (values <= 0)
    top = float(values[~holes].max())
    bytes_ = np.where(holes, 0, np.rint(values * (255 / top))).astype(np.uint8)
    filled = cv2.inpaint(bytes_, holes.astype(np.uint8), 5, cv2.INPAINT_NS) * (top / 255)
    disparity = np.where(holes, filled, values)
    return (1 / np.maximum(disparity, 0.02 * top)).astype(np.float32)


def defocused(folder: Path) -> list[Case]:
    """Every RGB-D picture with two focus planes, sigma from 0 to 8 pixels, with occlusion."""
    cases = []
    for name, sharp, depth in sharp_pictures(folder):
        for rank in FOCUS:
            sigma = sigma_from_depth(depth, sigma_max=SIGMA_MAX, focus_rank=rank)
            sigma = np.round(sigma * 8) / 8  # fewer layers
            seen = layered_blur(sharp, sigma, depth, sigma_max=_WINDOW, merge_coc=0.5)
            cases.append(Case(f"{name} {rank:g}", sharp, rounded(seen), sigma))
    return cases


def even(sharp: np.ndarray, sigma: float) -> np.ndarray:
    """One blur everywhere."""
    everywhere = np.full(sharp.shape[:2], sigma, np.float32)
    return rounded(gather_blur(sharp, everywhere, sigma_max=max(2 * sigma, 1.0)))


def noisy(picture: np.ndarray) -> np.ndarray:
    return rounded(GaussianNoise("colour", level=5.0, seed=0)(picture))


def compressed(picture: np.ndarray) -> np.ndarray:
    return compress_jpeg(picture, 75)


def hue_turned(picture: np.ndarray) -> np.ndarray:
    """By 120 degrees: red becomes green, green blue, blue red."""
    return np.ascontiguousarray(picture[..., [2, 0, 1]])


def contrast(sharp: np.ndarray) -> np.ndarray:
    """Local standard deviation of the sharp picture in 8 bit levels."""
    grey = sharp.mean(axis=2)
    mean = cv2.GaussianBlur(grey, (0, 0), 4)
    return 255 * np.sqrt(np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), 4) - mean * mean, 0))
