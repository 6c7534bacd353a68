"""Pictures whose blur is known, none of which a training sees: for demonstrations and notebooks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import downsample

Image = NDArray[np.float32]
SCALE, SIGMA_MAX = 4, 8.0  # sigma in HR pixels: 2 pixels of the picture given
SIZE = (320, 416)
_LEAVES_SEED = 6
_ROOM, _FOCUS_RANK = (7, 1_000_004), 0.05
_FACE, _FACE_RADIUS, _SLOPE = (0.2, 0.44), 0.13, 16.0  # in widths of the picture, HR px per width


@dataclass(frozen=True)
class Case:
    """A picture whose blur is known.

    Attributes:
        name: of the picture.
        lr: (h, w, 3) in [0, 1], 8 bit.
        hr: (4h, 4w, 3) sharp.
        blur: (4h, 4w) true sigma in HR pixels.
    """

    name: str
    lr: Image
    hr: Image
    blur: Image


def cases() -> list[Case]:
    """scikit-image's `astronaut` (CC0), overlapping leaves and a room; no training saw them."""
    from blindsr.data.scenes.leaves.samples import defocused_scene, leaf_scene

    rng = np.random.default_rng(_LEAVES_SEED)
    leaves = defocused_scene(leaf_scene(rng, *SIZE, held_out=True), rng, SIGMA_MAX, with_sharp=True)
    assert leaves.sharp is not None
    return [
        _photograph(),
        _case("dead leaves", leaves.sharp, leaves.picture, leaves.blur),
        _room(),
    ]


def _photograph() -> Case:
    """Sharp at the face, and the softer the farther from it."""
    from blindsr.data.scenes.photographs import photograph
    from blindsr.degradation.gather import gather_blur

    hr = photograph("astronaut")[:416].astype(np.float32) / np.float32(255)
    rows, columns = np.mgrid[: hr.shape[0], : hr.shape[1]] / np.float32(hr.shape[1])
    away = np.hypot(rows - _FACE[0], columns - _FACE[1])
    blur = np.clip(_SLOPE * (away - _FACE_RADIUS), 0, SIGMA_MAX).astype(np.float32)
    return _case("astronaut", hr, gather_blur(hr, blur, sigma_max=SIGMA_MAX), blur)


def _room() -> Case:
    """In focus in front, with exact occlusion."""
    from blindsr.data.scenes.render import render_scene
    from blindsr.degradation.defocus import sigma_from_depth
    from blindsr.degradation.layered import layered_blur

    frame = render_scene(*_ROOM, SIZE)
    sharp = frame.rgb.astype(np.float32) / np.float32(255)
    blur = sigma_from_depth(frame.depth, sigma_max=SIGMA_MAX, focus_rank=_FOCUS_RANK)
    blur = np.round(blur * 8) / np.float32(8)  # few layers
    wide = 2 * SIGMA_MAX  # a window that cuts nothing off
    blurred = layered_blur(sharp, blur, frame.depth, sigma_max=wide, merge_coc=0.5)
    return _case("room", sharp, blurred, blur)


def _case(name: str, hr: Image, blurred: Image, blur: Image) -> Case:
    lr = to_uint8(downsample(blurred, SCALE, "bicubic"))
    return Case(name, lr.astype(np.float32) / np.float32(255), hr, blur)
