"""One picture and the standard deviation of its blur at every pixel."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.data.scenes.leaves.defocus import Aperture, composite
from blindsr.data.scenes.leaves.photographs import blurred_photograph, relief, sharp_photograph
from blindsr.data.scenes.leaves.scene import LeafScene, draw_scene
from blindsr.data.scenes.render import render_scene
from blindsr.degradation.layered import layered_blur

SIGMA_MAX = 10.0
"""Pixels of the picture; estimates are wanted to 8, so the end of the range lies beyond."""
_EVEN = 0.2  # share of pictures with one blur everywhere
_MARGIN = 24  # drawn around the picture, so that leaves outside blur into it


class BlurredPicture(NamedTuple):
    """A picture before the camera."""

    picture: NDArray[np.float32]
    """(H, W, 3) in [0, 1]."""
    blur: NDArray[np.float32]
    """(H, W) standard deviation of the blur, pixels."""
    sharp: NDArray[np.float32] | None = None
    """The picture without blur, where it was asked for."""


Widths = Literal["octaves", "even"]
"""How the largest sigma of a picture is drawn: as often in every octave, or evenly (wider blur)."""


def draw_sigma(
    rng: np.random.Generator,
    depth: NDArray[np.float32],
    sigma_max: float = SIGMA_MAX,
    widths: Widths = "octaves",
) -> NDArray[np.float32]:
    """Focus somewhere in a depth of [0, 1] with an aperture of any size.

    Args:
        rng: draws focus and aperture.
        depth: any shape.
        sigma_max: largest sigma, pixels.
        widths: how the largest sigma of this picture is drawn.

    Returns:
        The same shape, in [0, sigma_max], from 0 where it is in focus.
    """
    if rng.random() < _EVEN:
        # as many sharp and slightly soft pictures as very soft ones
        sigma = _drawn(rng, 0.03 * sigma_max, sigma_max, widths)
        even = 0.0 if rng.random() < 0.2 else sigma
        return np.full(depth.shape, even, np.float32)
    # focus on something that is there, not in empty space between
    focus = rng.choice(depth.ravel()) if rng.random() < 0.7 else rng.random()
    away = np.abs(depth - np.float32(focus))
    widest = _drawn(rng, 0.08 * sigma_max, 1.2 * sigma_max, widths)
    return np.minimum(away * (widest / max(float(away.max()), 0.25)), sigma_max)


def _drawn(rng: np.random.Generator, least: float, most: float, widths: Widths) -> float:
    if widths == "even":
        return float(rng.uniform(least, most))
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def defocused_scene(
    scene: LeafScene,
    rng: np.random.Generator,
    sigma_max: float = SIGMA_MAX,
    widths: Widths = "octaves",
    *,
    with_sharp: bool = False,
) -> BlurredPicture:
    """Make one of the many pictures of a scene; its outermost 24 pixels are cut off."""
    sigmas = draw_sigma(rng, scene.depths, sigma_max, widths)
    aperture: Aperture = "disc" if rng.random() < 0.5 else "gaussian"
    unit = np.float32(1 / 255)
    leaves = [leaf._replace(paint=leaf.paint * unit) for leaf in scene.leaves]
    backdrop = scene.backdrop * unit
    picture, blur = composite(backdrop, leaves, [float(s) for s in sigmas], aperture)
    inner = slice(_MARGIN, -_MARGIN)
    sharp = None
    if with_sharp:
        sharp = composite(backdrop, leaves, [0.0] * len(sigmas), aperture)[0][inner, inner]
    return BlurredPicture(picture[inner, inner], blur[inner, inner], sharp)


def leaf_scene(
    rng: np.random.Generator, height: int, width: int, *, held_out: bool = False
) -> LeafScene:
    """Draw a scene for pictures of the given size: it is larger by the margin."""
    return draw_scene(rng, height + 2 * _MARGIN, width + 2 * _MARGIN, held_out=held_out)


def defocused_photograph(
    rng: np.random.Generator,
    height: int,
    width: int,
    sigma_max: float = SIGMA_MAX,
    widths: Widths = "octaves",
    **choice: Any,
) -> BlurredPicture:
    """Blur a reduced photograph by a map of slopes and pieces that it knows nothing of.

    ``choice``: which photographs and how far they are reduced, see :func:`sharp_photograph`.
    """
    sharp = sharp_photograph(rng, height, width, **choice)
    blur = draw_sigma(rng, relief(rng, height, width), sigma_max, widths)
    return BlurredPicture(blurred_photograph(sharp, blur, sigma_max), blur, sharp)


def defocused_room(
    rng: np.random.Generator,
    height: int,
    width: int,
    sigma_max: float = SIGMA_MAX,
    widths: Widths = "octaves",
    *,
    held_out: bool = False,
) -> BlurredPicture:
    """Defocus a ray-cast room by its depth, with occlusion."""
    series = 1_000_000 if held_out else 0
    frame = render_scene(7, series + int(rng.integers(1_000_000)), (height, width))
    near = 1 / frame.depth
    depth = (near - near.min()) / np.float32(max(float(near.max() - near.min()), 1e-6))
    blur = np.round(draw_sigma(rng, depth, sigma_max, widths) * 8) / np.float32(8)  # few layers
    sharp = frame.rgb.astype(np.float32) / np.float32(255)
    picture = layered_blur(sharp, blur, frame.depth, sigma_max=2 * sigma_max, merge_coc=0.5)
    return BlurredPicture(picture, blur, sharp)
