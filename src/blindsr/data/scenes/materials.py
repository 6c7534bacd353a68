"""Materials of the rendered rooms: a texture in two colours."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from blindsr.data.scenes import textures

FOCAL = 0.85
"""Focal length in image widths: 61 degrees across."""
_PIXEL = 1 / (256 * FOCAL)  # what a pixel of a picture 256 wide covers at 1 m, in metres
_HUES = (0.0, 0.03, 0.07, 0.1, 0.13, 0.16, 0.24, 0.38, 0.47, 0.53, 0.57, 0.61, 0.65, 0.78, 0.94)
"""Hues in use: even steps of HSV would be mostly green and magenta."""


@dataclass(frozen=True)
class Material:
    """A pattern between two colours."""

    pattern: textures.Pattern
    period: float
    """Metres."""
    dark: np.ndarray
    """(3,) linear light in [0, 1]."""
    light: np.ndarray
    turn: float = 0.0
    """Radians by which the pattern is turned on the surface."""
    shine: float = 0.0
    """Strength of the lamp's reflection."""


class MaterialMaker:
    """Draws the materials of one room, biased to one hue."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._main_hue = float(rng.choice(_HUES))

    def __call__(
        self,
        patterns: tuple[textures.Pattern, ...],
        distance: float,
        *,
        value: float = 0.75,
        saturation: float = 0.65,
        turned: bool = False,
    ) -> Material:
        """Draw a pattern whose period spans 6 to 30 pixels at ``distance`` (of 256 across)."""
        rng = self._rng
        pattern = patterns[int(rng.integers(len(patterns)))]
        period = distance * _PIXEL * float(np.exp(rng.uniform(np.log(6), np.log(30))))
        natural = pattern in (textures.wood, textures.planks) and rng.random() < 0.8
        hue = self._hue(natural or (patterns is textures.FLOORS and rng.random() < 0.4))
        value = float(np.clip(value + rng.normal(0, 0.12), 0.25, 0.97))
        saturation = float(np.clip(saturation * rng.uniform(0.5, 1.3), 0, 0.9))
        second_hue = (hue + rng.choice([0.0, 0.02, 0.12, 0.5], p=[0.45, 0.3, 0.15, 0.1])) % 1
        second_value = value * rng.uniform(0.25, 0.7) if value > 0.5 else min(1, value * 2.2)
        return Material(
            pattern,
            period,
            _colour(hue, saturation, value),
            _colour(second_hue, saturation * rng.uniform(0.2, 1.1), second_value),
            turn=float(rng.uniform(0, np.pi)) if turned and rng.random() < 0.5 else 0.0,
            shine=float(rng.choice([0.0, 0.15, 0.5])),
        )

    def _hue(self, brown: bool) -> float:
        """Draw a hue: brown, or any with a bias to the room's own colours."""
        rng = self._rng
        if brown:
            return float(rng.uniform(0.04, 0.12))
        hue = self._main_hue if rng.random() < 0.35 else float(rng.choice(_HUES))
        return float(hue + rng.normal(0, 0.015)) % 1


def _colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return linear light (3,) float32 of an HSV colour."""
    rgb = np.asarray(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)
    return rgb**2  # the renderer shows linear light with gamma 2
