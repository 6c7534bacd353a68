"""Renders rooms by ray casting, with exact depth and seg, from a seed.

They hold textured and flat surfaces in depth layers, thin poles and table legs in front of detail,
shadows and highlights. Rendering is plain
float32 NumPy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blindsr.data.scenes.materials import FOCAL, Material
from blindsr.data.scenes.rooms import CEILING, FLOOR, WALL, SceneLayout, Thing, random_layout
from blindsr.data.scenes.shapes import Surface
from blindsr.errors import ConfigError

_FACE_CLASSES = (WALL, WALL, FLOOR, CEILING, WALL, WALL)
_SMOOTH_ABOVE = 0.18
"""Contrast to a neighbour (of 1) above which a pixel is rendered with three rays."""
_SUBPIXELS = ((-1 / 3, 1 / 3), (1 / 3, -1 / 3))  # besides the centre


class SceneFrame(NamedTuple):
    """One rendered scene."""

    rgb: np.ndarray
    """(H, W, 3) uint8, sRGB."""
    depth: np.ndarray
    """(H, W) float32, metres along the optical axis through the pixel's centre, > 0."""
    seg: np.ndarray
    """(H, W) uint8, index into ``SCENE_CLASSES``, of the pixel's centre."""


class _Hits(NamedTuple):
    depth: np.ndarray  # (N,)
    surface: np.ndarray  # (N,) thing, or -1 - face of the room


def render_scene(seed: int, index: int, size: tuple[int, int] = (192, 256)) -> SceneFrame:
    """Render scene ``index`` of the series ``seed``.

    The scene does not depend on ``size`` (height, width), only its sampling does. Colours are
    anti-aliased where contrast is high; depth and ``seg`` are those of the central ray.

    Raises:
        ConfigError: a negative seed or index, or a size that is not positive.
    """
    if min(seed, index) < 0:
        raise ConfigError("seed, index", found=f"{seed}, {index}", expected="0 or more")
    if min(size) < 1:
        raise ConfigError("size", found=str(size), expected="a positive height and width")
    layout = random_layout(np.random.default_rng([seed, index]))
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32).reshape(2, -1)
    hits, colour = _cast(layout, columns, rows, size)
    colour = _smooth(layout, colour.reshape(3, height, width), size)
    classes = np.array(
        [thing.class_index for thing in layout.things] + list(reversed(_FACE_CLASSES)), np.uint8
    )
    return SceneFrame(
        rgb=np.rint(colour * 255).astype(np.uint8).transpose(1, 2, 0).copy(),
        depth=hits.depth.reshape(size),
        seg=classes[hits.surface].reshape(size),  # face f has index -1 - f: counted from the end
    )


def _smooth(layout: SceneLayout, colour: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Add two rays to each pixel that differs much from a neighbour."""
    rough = np.zeros(size, bool)
    for axis in (1, 2):
        jump = (np.abs(np.diff(colour, axis=axis)) > _SMOOTH_ABOVE).any(axis=0)
        low, high = (rough[:-1], rough[1:]) if axis == 1 else (rough[:, :-1], rough[:, 1:])
        low |= jump
        high |= jump
    rows, columns = (position.astype(np.float32) for position in np.nonzero(rough))
    if rows.size:
        x = np.concatenate([columns + dx for dx, _ in _SUBPIXELS])
        y = np.concatenate([rows + dy for _, dy in _SUBPIXELS])
        _, fine = _cast(layout, x, y, size)
        total = colour[:, rough] + fine.reshape(3, len(_SUBPIXELS), -1).sum(axis=1)
        colour[:, rough] = total / (1 + len(_SUBPIXELS))
    return colour


def _cast(
    layout: SceneLayout, columns: np.ndarray, rows: np.ndarray, size: tuple[int, int]
) -> tuple[_Hits, np.ndarray]:
    """Return hits and colours (3, N) in [0, 1] sRGB of rays through pixel positions (N,)."""
    height, width = size
    focal = np.float32(FOCAL * width)
    x = (columns + np.float32(0.5 - width / 2)) / focal
    y = (np.float32(height / 2 - 0.5) - rows) / focal
    camera = layout.rotation.astype(np.float32)
    directions = camera @ np.stack([x, y, np.ones_like(x)])
    hits = _intersect(layout, x, y, directions)
    points = layout.origin[:, None].astype(np.float32) + hits.depth * directions
    # sorted by surface, so that each is one slice
    order = np.argsort(hits.surface, kind="stable")
    surfaces, starts = np.unique(hits.surface[order], return_index=True)
    points = points[:, order]
    colour, normal, shine = np.empty_like(points), np.empty_like(points), np.empty_like(x)
    for index, part in zip(surfaces, _slices(starts, order.size), strict=True):
        surface, material = _surface(layout, int(index), points[:, part])
        colour[:, part] = _paint(material, surface)
        normal[:, part] = surface.normal
        shine[part] = material.shine
    factor, addend = _light(layout, points, normal, shine)
    colour *= factor
    colour += addend
    shown = np.empty_like(colour)
    shown[:, order] = np.sqrt(np.clip(colour, 0, 1, out=colour))  # gamma 2
    return hits, shown


def _slices(starts: np.ndarray, end: int) -> list[slice]:
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], end], strict=True)]


def _intersect(layout: SceneLayout, x: np.ndarray, y: np.ndarray, directions: np.ndarray) -> _Hits:
    """Find the first hit of every ray; (x, y) are its image coordinates at unit depth."""
    depth, face = layout.room.intersect(layout.origin, directions)
    index = (-1 - face).astype(np.int16)
    for number, thing in enumerate(layout.things):
        near = _maybe_visible(layout, thing, x, y)
        if near is None:
            continue
        t = thing.shape.intersect(layout.origin, directions[:, near])
        closer = t < depth[near]
        chosen = near[closer]
        depth[chosen], index[chosen] = t[closer], number
    return _Hits(depth, index)


def _maybe_visible(
    layout: SceneLayout, thing: Thing, x: np.ndarray, y: np.ndarray
) -> np.ndarray | None:
    """Return the rays that pass the rectangle around the thing's corners; None for none."""
    right, up, depth = layout.rotation.T @ (thing.shape.corners() - layout.origin[:, None])
    if depth.max() <= 0:
        return None
    if depth.min() <= 0.01:  # reaches behind the camera: no rectangle
        return np.arange(x.size)
    across, above = (right / depth).astype(np.float32), (up / depth).astype(np.float32)
    inside = (x >= across.min()) & (x <= across.max()) & (y >= above.min()) & (y <= above.max())
    near = np.flatnonzero(inside)
    return near if near.size else None


def _surface(layout: SceneLayout, index: int, points: np.ndarray) -> tuple[Surface, Material]:
    if index < 0:
        face = -1 - index
        return layout.room.surface(points, face), layout.faces[face]
    thing = layout.things[index]
    return thing.shape.surface(points), thing.material


def _paint(material: Material, surface: Surface) -> np.ndarray:
    """Return the surface colour (3, N), linear light."""
    period = np.float32(material.period)
    u, v = surface.u / period, surface.v / period
    if material.turn:
        c, s = np.float32(np.cos(material.turn)), np.float32(np.sin(material.turn))
        u, v = c * u + s * v, c * v - s * u
    weight = np.asarray(material.pattern(u, v), np.float32)
    return material.dark[:, None] + (material.light - material.dark)[:, None] * weight


def _light(
    layout: SceneLayout, points: np.ndarray, normal: np.ndarray, shine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (factor, addend), each (N,): ambient light darker in corners, lamp, highlight."""
    beams = points - layout.lamp[:, None].astype(np.float32)
    squared = _dot(beams, beams)
    distance = np.sqrt(squared)
    towards = beams / -distance
    lit = np.maximum(_dot(normal, towards), 0) * (6 / (4 + squared))
    lit *= 1 - _shadow(layout, beams, distance)
    factor = _corners(layout, points) * np.float32(layout.ambient) + np.float32(1.05) * lit
    addend = np.zeros_like(lit)
    shiny = np.flatnonzero((shine > 0) & (lit > 0))
    views = layout.origin[:, None].astype(np.float32) - points[:, shiny]
    half_way = towards[:, shiny] + views / np.sqrt(_dot(views, views))
    gloss = np.maximum(_dot(normal[:, shiny], half_way), 0) ** 2 / _dot(half_way, half_way)
    for _ in range(4):  # to the power of 32: Blinn's highlight
        gloss *= gloss
    addend[shiny] = shine[shiny] * gloss
    return factor, addend


def _corners(layout: SceneLayout, points: np.ndarray) -> np.ndarray:
    """Return (N,) how much ambient light reaches points of the room: less near other walls."""
    open_share = np.ones_like(points[0])
    for low, high, position in zip(layout.room.low, layout.room.high, points, strict=True):
        gap = np.minimum(position - np.float32(low), np.float32(high) - position)
        near = np.flatnonzero((gap > 1e-3) & (gap < 1))  # a wall (gap 0) does not darken itself
        open_share[near] *= 1 - 0.3 * np.exp(gap[near] * np.float32(-4))
    return open_share


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", a, b)


def _shadow(layout: SceneLayout, beams: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return 1 where a thing lies between the lamp and the point, 0 elsewhere; beams (3, N)."""
    shadow = np.zeros_like(distance)
    for thing in layout.things:
        offset = (thing.shape.centre - layout.lamp).astype(np.float32)
        reach = float(np.linalg.norm(offset))
        radius = thing.shape.radius
        if reach <= radius:
            continue
        # inside the cone around the bounding sphere, and not in front of it
        cosine = np.float32(np.sqrt(1 - (radius / reach) ** 2) * reach)
        near = np.flatnonzero((offset @ beams > cosine * distance) & (distance > reach - radius))
        if near.size:
            t = thing.shape.intersect(layout.lamp, beams[:, near])
            shadow[near[t < 0.998]] = 1
    return shadow
