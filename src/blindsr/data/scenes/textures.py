"""Procedural textures of the rendered rooms: surface coordinates -> brightness pattern.

A texture maps (u, v), metres on the surface, to the weight in [0, 1] of a second colour. Random
cells come from one fixed table, so a texture is a pure function of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(u, v) in periods of the texture, each (N,) float32 -> weight (N,) float32 in [0, 1]."""

_TABLE = np.random.default_rng(1877).random((64, 64), dtype=np.float32)
_MASK = 63


def _cell(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return one random number in [0, 1) for every whole-number cell."""
    return _TABLE[u.astype(np.int32) & _MASK, v.astype(np.int32) & _MASK]


def value_noise(u: np.ndarray, v: np.ndarray, octaves: int = 1) -> np.ndarray:
    """Return smooth noise in [0, 1], octaves of half the size and half the strength."""
    total = np.zeros_like(u)
    weight, share = 0.5, 0.0
    for _ in range(octaves):
        column, row = np.floor(u), np.floor(v)
        x, y = u - column, v - row
        x, y = x * x * (3 - 2 * x), y * y * (3 - 2 * y)
        i, j = column.astype(np.int32) & _MASK, row.astype(np.int32) & _MASK
        i1, j1 = (i + 1) & _MASK, (j + 1) & _MASK
        left = _TABLE[i, j] * (1 - y) + _TABLE[i, j1] * y
        right = _TABLE[i1, j] * (1 - y) + _TABLE[i1, j1] * y
        total += weight * (left * (1 - x) + right * x)
        share += weight
        u, v, weight = u * 2 + 17, v * 2 + 5, weight / 2
    return total / share


def plain(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """One colour: no pattern to read blur from except its outline."""
    return np.zeros_like(u + v)


def checker(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Squares of half a period."""
    return ((np.floor(2 * u) + np.floor(2 * v)) % 2).astype(np.float32)


def stripes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Bands across u, every third one narrow."""
    phase = (u + 0 * v) % 1.5
    return ((phase < 0.5) | ((phase > 1.1) & (phase < 1.25))).astype(np.float32)


def gingham(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Crossed bands of cloth in three tones."""
    return (((u % 1) < 0.5).astype(np.float32) + ((v % 1) < 0.5)) / 2


def dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Discs on a staggered grid."""
    row = np.floor(v)
    x, y = (u + 0.5 * (row % 2)) % 1 - 0.5, v - row - 0.5
    return (x * x + y * y < 0.09).astype(np.float32)


def bricks(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Bricks of 1 x 0.4 periods with mortar, each with a tone of its own."""
    row = np.floor(v * 2.5)
    shifted = u + 0.5 * (row % 2)
    column = np.floor(shifted)
    mortar = (shifted - column < 0.06) | (v * 2.5 - row < 0.15)
    return np.where(mortar, np.float32(1), 0.45 * _cell(column, row))


def tiles(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Square tiles with joints and slightly different tones."""
    column, row = np.floor(u), np.floor(v)
    joint = (u - column < 0.06) | (v - row < 0.06)
    return np.where(joint, np.float32(1), 0.35 * _cell(column, row))


def planks(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Floor boards along v, with grain and joints."""
    column = np.floor(u)
    shifted = v / 6 + 0.37 * column
    row = np.floor(shifted)
    joint = (u - column < 0.05) | (shifted - row < 0.012)
    grain = value_noise(u * 9 + 13 * column, v * 0.7, 2)
    return np.where(joint, np.float32(1), 0.4 * _cell(column, row) + 0.45 * grain)


def wood(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rings of a sawn trunk."""
    ring = (u + 0.8 * value_noise(u * 0.6, v * 0.25)) * 2
    return (ring % 1) ** 2 * 0.8 + 0.2 * value_noise(u * 14, v * 2)


def stone(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rough plaster or stone: four octaves of noise with contrast."""
    return np.clip((value_noise(u, v, 4) - 0.5) * 2.4 + 0.5, 0, 1)


def plaster(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Low contrast grain."""
    return 0.35 * value_noise(u * 2, v * 2, 3)


def marble(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Veins bent by noise."""
    return 0.5 + 0.5 * np.sin(6.283 * (u + 1.5 * value_noise(u * 0.8, v * 0.8, 3)))


def terrazzo(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Chips in a plain ground."""
    chips = value_noise(u * 4, v * 4)
    return np.where(chips > 0.68, 0.8, np.where(chips < 0.25, 0.4, 0.0)).astype(np.float32)


def weave(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Basket weave: short hatches that change direction."""
    flat = (np.floor(u) + np.floor(v)) % 2 == 0
    return 0.5 + 0.5 * np.sin(18.85 * np.where(flat, u, v))


def books(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Book backs on shelves: upright bands of uneven tone between dark boards."""
    shelf = np.floor(v / 2.5)
    spine = np.floor(u * 2.2)
    board = v / 2.5 - shelf < 0.08
    height = 0.7 + 0.25 * _cell(spine + 7, shelf)
    above = v / 2.5 - shelf > height
    label = np.abs(v / 2.5 - shelf - 0.45) < 0.04
    tone = _cell(spine, shelf + 31)
    return np.where(board | above, np.float32(1), np.where(label, 0.9 - tone, 0.85 * tone))


def writing(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Lines of words on paper: the finest detail of all textures."""
    line, letter = np.floor(v * 2), np.floor(u * 5)
    ink = (v * 2 - line > 0.35) & (_cell(letter // 2, line) > 0.22) & (_cell(letter, line) > 0.3)
    return ink.astype(np.float32)


def landscape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Ridges one behind the other under a sky, as on a painting; v counts upwards."""
    tone = np.clip(0.15 * v, 0, 0.35)
    for layer, height in enumerate((1.6, 1.0, 0.4)):
        ridge = height + 1.2 * (value_noise(u * (0.5 + 0.3 * layer) + 9 * layer, 0 * u, 3) - 0.5)
        tone = np.where(v < ridge, np.float32(0.5 + 0.22 * layer), tone)
    return tone.astype(np.float32)


WALLS: tuple[Pattern, ...] = (plain, plain, bricks, bricks, plaster, stripes, gingham, tiles, dots)
FLOORS: tuple[Pattern, ...] = (planks, planks, tiles, tiles, checker, stone, terrazzo, weave)
CEILINGS: tuple[Pattern, ...] = (plain, plain, plaster, tiles, planks)
PICTURES: tuple[Pattern, ...] = (landscape, landscape, writing, marble, gingham, dots)
FURNITURE: tuple[Pattern, ...] = (wood, wood, planks, marble, plain)
BOXES: tuple[Pattern, ...] = (books, wood, checker, writing, stone, weave, tiles, bricks, plain)
BALLS: tuple[Pattern, ...] = (stripes, checker, dots, marble, terrazzo, plain, gingham)
CYLINDERS: tuple[Pattern, ...] = (stripes, wood, marble, weave, checker, bricks, plain, dots)
