"""Crops of public-domain photographs with invented depth, as sharp pictures.

The pictures are in the public domain and come with scikit-image: two photographs, one grey one and
three grey textures, which get random colours. A restorer learns from more of them, and from a
portrait that comes with matplotlib. Depth is invented: a slope, a smooth relief, sometimes a nearer
shape with an edge. It is unrelated to the picture, so networks learn the appearance of blur on
photographs, not its place. On request a share of the crops is made soft first: real photographs
contain defocus and smooth surfaces, which a restorer must not change, and these are sharp
everywhere.
``rocket`` is kept for validation and test; ``astronaut`` is never used, pictures in the
documentation are made of it.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from PIL import Image

from blindsr.data.scenes.render import SceneFrame
from blindsr.degradation.defocus import sample_focus_rank, sigma_from_depth
from blindsr.degradation.gather import gather_blur
from blindsr.errors import ConfigError
from blindsr.imaging.files import to_uint8
from blindsr.types import IGNORE_INDEX

GRACE_HOPPER = "grace_hopper"
"""Portrait that comes with matplotlib (public domain)."""
TRAIN = ("chelsea", "coffee", "camera", "brick", "grass", "gravel")
RESTORER = (
    *(3 * ("chelsea", "coffee")),
    *(2 * ("camera", "coins", GRACE_HOPPER)),
    *("brick", "grass", "gravel", "clock", "page", "text", "hubble_deep_field"),
)
"""What a restorer learns from, as often as named: also prints, stars and a portrait."""
HELD_OUT = ("rocket",)
_NEAR, _FAR = 1.0, 10.0  # metres
_SHAPE_SHARE = 0.5  # of the crops with a nearer shape
_LARGEST_REDUCTION = 2.0
_SOFTEST = (1.0, 12.0)  # range of the largest sigma of soft crops, pixels
_EVEN_SHARE = 0.3  # of those that are soft everywhere alike


def photo_frame(
    seed: int,
    number: int,
    size: tuple[int, int],
    *,
    soft: float = 0.0,
    held_out: bool = False,
) -> SceneFrame:
    """Cut frame ``number`` of the series ``seed``: random place, reduction, colours and depth.

    Args:
        seed: of the series.
        number: of the frame.
        size: height and width.
        soft: probability that the crop is out of focus by itself.
        held_out: from the photograph that is kept for validation and test.

    Returns:
        RGB, depth in metres; no pixel has a class.

    Raises:
        ConfigError: without scikit-image, or for a size that is larger than the pictures.
    """
    rng = np.random.default_rng([seed, number, 4])
    names = HELD_OUT if held_out else TRAIN
    picture = photograph(names[int(rng.integers(len(names)))])
    rgb = _cut(picture, size, rng)
    if picture.ndim == 2:
        rgb = _coloured(rgb, rng)
    if soft and rng.random() < soft:
        rgb = _softened(rgb, rng)
    return SceneFrame(rgb, made_up_depth(size, rng), np.full(size, IGNORE_INDEX, np.uint8))


@cache
def photograph(name: str) -> np.ndarray:
    """Return a picture of scikit-image or matplotlib, (H, W, 3) or, if grey, (H, W) uint8.

    Raises:
        ConfigError: without scikit-image.
    """
    if name == GRACE_HOPPER:
        from matplotlib.cbook import get_sample_data

        path = str(get_sample_data(f"{name}.jpg", asfileobj=False))
        return np.asarray(Image.open(path).convert("RGB"))
    try:
        from skimage import data
    except ImportError:
        raise ConfigError(
            "data.photographs",
            found="no scikit-image, which brings them",
            expected="it installed",
            fix="Type: uv pip install scikit-image",
        ) from None
    return np.ascontiguousarray(getattr(data, name)())


def _cut(picture: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random part, reduced by up to 2: reduced pictures are sharper than the camera's pixels."""
    height, width = size
    room = min(picture.shape[0] / height, picture.shape[1] / width)
    if room < 1:
        raise ConfigError(
            "data.size",
            found=f"{height}x{width}",
            expected=f"at most {picture.shape[0]}x{picture.shape[1]}, the size of a photograph",
        )
    factor = rng.uniform(1, min(room, _LARGEST_REDUCTION))
    rows, columns = round(height * factor), round(width * factor)
    top = int(rng.integers(picture.shape[0] - rows + 1))
    left = int(rng.integers(picture.shape[1] - columns + 1))
    part = picture[top : top + rows, left : left + columns]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)


def _coloured(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Map the grey levels to a ramp between two colours."""
    dark, light = rng.uniform(0, 110, 3), rng.uniform(140, 255, 3)
    return np.rint(dark + grey[..., None] / 255.0 * (light - dark)).astype(np.uint8)


def _softened(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture out of focus; this blur is not part of the blur map."""
    strength = float(rng.uniform(*_SOFTEST))
    if rng.random() < _EVEN_SHARE:
        blur = np.full(rgb.shape[:2], strength, np.float32)
    else:
        depth = made_up_depth(rgb.shape[:2], rng)
        blur = sigma_from_depth(depth, sigma_max=strength, focus_rank=sample_focus_rank(rng))
    picture = rgb.astype(np.float32) / np.float32(255)
    return to_uint8(gather_blur(picture, blur, sigma_max=strength))


def made_up_depth(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 metres: a smooth relief on a slope, and perhaps a nearer shape."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * rows / height + np.sin(angle) * columns / width
    coarse = rng.random((3, 4)).astype(np.float32)
    relief = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    nearness = slope + rng.uniform(0, 1.5) * relief
    nearness -= nearness.min()
    nearness /= max(float(nearness.max()), 1e-6)
    depth = _NEAR + (_FAR - _NEAR) * (1 - nearness)
    if rng.random() < _SHAPE_SHARE:
        y, x = rng.uniform(0, height), rng.uniform(0, width)
        radii = rng.uniform(0.15, 0.5, 2) * min(size)
        inside = ((rows - y) / radii[0]) ** 2 + ((columns - x) / radii[1]) ** 2 < 1
        depth[inside] = np.minimum(depth[inside], rng.uniform(_NEAR, _FAR))
    return np.ascontiguousarray(depth, dtype=np.float32)
