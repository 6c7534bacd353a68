"""Dead leaves: random shapes that lie over each other, each at a depth of its own."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.data.scenes.leaves.defocus import Layer
from blindsr.data.scenes.leaves.shapes import filled, outline, power_law_radius
from blindsr.data.scenes.leaves.textures import palette, photograph_cut, surface

_FINE = 2  # drawn at twice the size, then reduced: sharp, and without steps
_SHEETS = 5  # surfaces of one scene, of which the leaves are cut
_PHOTOGRAPHS = 0.45  # share of the surfaces
_MOST_LEAVES = 60


class LeafScene(NamedTuple):
    """A sharp scene of layers, from which any number of defocused pictures can be made."""

    backdrop: NDArray[np.uint8]
    """(H, W, 3) the farthest plane."""
    leaves: tuple[Layer, ...]
    """From far to near; their paint is uint8 here."""
    depths: NDArray[np.float32]
    """(1 + leaves,) place of the backdrop and of the leaves in [0, 1], falling: 1 is farthest."""


def draw_scene(
    rng: np.random.Generator, height: int, width: int, *, held_out: bool = False
) -> LeafScene:
    """Draw a scene: outlines of power-law size over a backdrop.

    Args:
        rng: draws everything.
        height: of the picture.
        width: of the picture.
        held_out: photographs on the surfaces are those that no training sees.
    """
    colours = palette(rng, held_out=held_out)
    fine = (_FINE * height, _FINE * width)
    sheets = [_sheet(rng, fine, colours, held_out=held_out) for _ in range(_SHEETS)]
    backdrop = _reduced(sheets[0])
    count = int(np.exp(rng.uniform(np.log(4), np.log(_MOST_LEAVES))))
    smallest = np.exp(rng.uniform(np.log(8), np.log(30)))
    exponent = rng.uniform(1.3, 2.7)
    leaves = []
    for _ in range(count):
        radius = power_law_radius(
            rng, smallest=smallest, largest=0.45 * min(height, width), exponent=exponent
        )
        leaf = _leaf(rng, sheets[int(rng.integers(_SHEETS))], radius)
        if leaf is not None:
            leaves.append(leaf)
    return LeafScene(_to_bytes(backdrop), tuple(leaves), _depths(rng, len(leaves)))


def _depths(rng: np.random.Generator, leaves: int) -> NDArray[np.float32]:
    """Every leaf for itself, or a few planes with several leaves each."""
    if rng.random() < 0.5:
        depths = rng.random(leaves)
    else:
        planes = rng.random(int(rng.integers(1, 5)))
        depths = rng.choice(planes, leaves)
    return np.concatenate([[1.0], np.sort(depths)[::-1]]).astype(np.float32)


def _sheet(
    rng: np.random.Generator,
    size: tuple[int, int],
    colours: NDArray[np.float32],
    *,
    held_out: bool,
) -> NDArray[np.float32]:
    if rng.random() < _PHOTOGRAPHS:
        return photograph_cut(rng, *size, held_out=held_out)
    return surface(rng, *size, colours)


def _leaf(rng: np.random.Generator, sheet: NDArray[np.float32], radius: float) -> Layer | None:
    """Cut a leaf out of a sheet at the size of drawing, and lay it somewhere in the picture."""
    fine_height, fine_width = sheet.shape[:2]
    points = outline(rng, _FINE * radius)
    points += rng.uniform(0, 1, 2).astype(np.float32) * [fine_width, fine_height]
    first = np.maximum(np.floor(points.min(0)).astype(int) - 2, 0) // _FINE * _FINE
    last = np.minimum(np.ceil(points.max(0)).astype(int) + 2, [fine_width, fine_height])
    columns, rows = last - first
    columns, rows = columns // _FINE * _FINE, rows // _FINE * _FINE
    if min(columns, rows) < _FINE:
        return None
    cover = filled(points - first.astype(np.float32), rows, columns)[..., None]
    # another part of the sheet than the one that lies there, turned and lighter or darker
    top, left = (
        int(rng.integers(room - need + 1))
        for room, need in ((fine_height, rows), (fine_width, columns))
    )
    part = sheet[top : top + rows, left : left + columns]
    part = part[:: int(rng.choice([-1, 1])), :: int(rng.choice([-1, 1]))]
    colour = np.clip(part * rng.uniform(0.55, 1.4) + rng.normal(0, 0.08, 3), 0, 1)
    paint = np.concatenate([colour * cover, cover], axis=2).astype(np.float32)
    return Layer(_to_bytes(_reduced(paint)), int(first[1]) // _FINE, int(first[0]) // _FINE)


def _reduced(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (fine.shape[1] // _FINE, fine.shape[0] // _FINE)
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA))


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(values * 255).astype(np.uint8)
