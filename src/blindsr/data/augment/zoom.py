"""Zoom of LR and HR pairs whose blur is already made.

Enlarging a picture by z enlarges its blur by z as well, so sigma has to be multiplied by z. The
released code divides: with factors 1.2 and 1.5 its sigma is wrong by factors of 1.44 and 2.25.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from blindsr.data.files.source_values import finite
from blindsr.data.loading.checked_options import is_list
from blindsr.errors import ConfigError
from blindsr.imaging.resample import sample_cubic, sample_nearest, zoom_positions

Zoom = Literal["physical", "paper"]
ZOOM_FACTORS = (1.0, 1.2, 1.5)
"""Factors of the released code."""
_TOLERANCE = 1e-3  # of sigma that went through float16


class RandomZoom:
    """Zoom all arrays of a sample alike.

    ``physical``: sigma is multiplied by the factor. A factor is drawn among those that keep sigma
    within ``sigma_max`` in what stays visible, 1 always among them; a picture that is blurred to
    the end of the range is therefore not zoomed. LR is read on its own grid about the LR position
    of the HR centre, so the pair keeps its phase. Colours are interpolated by a cubic, clipped and
    rounded to 8 bit; ``blur`` and ``seg`` take the nearest pixel.

    ``paper``: the arithmetic of the released code. Every factor is equally likely, both pictures
    are warped about (w/2, h/2) of their own grid by OpenCV, and sigma is *divided* by the factor.
    That centre is one point for a phase of 0 (s-fold); for bicubic and area LR it shifts LR by
    ``phase (1 - 1/z)`` HR pixels, 0.5 for x4 and z = 1.5.

    Args:
        mode: "physical" or "paper".
        scale: HR is ``scale`` times LR.
        phase: HR position of LR pixel 0.
        sigma_max: end of the sigma range in HR pixels.
        factors: what is drawn from, each at least 1.
        wraparound: "paper" only: let the cubic's overshoot wrap around in 8 bit as the released
            code does (white turns to black specks on about 1 % of the pixels) instead of clipping.

    Raises:
        ConfigError: an unknown mode, factors below 1, or ``wraparound`` without "paper".
    """

    def __init__(
        self,
        mode: Zoom,
        *,
        scale: int,
        phase: float,
        sigma_max: float,
        factors: Sequence[float] = ZOOM_FACTORS,
        wraparound: bool = False,
    ) -> None:
        if mode not in get_args(Zoom):
            raise ConfigError("zoom", found=repr(mode), expected="physical, paper or null")
        if wraparound and mode != "paper":
            raise ConfigError("wraparound", found=f"true with zoom {mode}", expected="zoom: paper")
        self.mode: Zoom = mode
        self.scale, self.phase, self.sigma_max = scale, phase, sigma_max
        self.factors = checked_factors(factors)
        self.wraparound = wraparound

    def __call__(
        self, arrays: dict[str, np.ndarray], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return the arrays (``lr``, and any of ``hr``, ``blur``, ``seg``, ``mask``) zoomed."""
        factors = self.factors if self.mode == "paper" else self._allowed(arrays.get("blur"))
        return self.zoomed(arrays, float(factors[rng.integers(len(factors))]))

    def zoomed(self, arrays: dict[str, np.ndarray], factor: float) -> dict[str, np.ndarray]:
        """Return the arrays zoomed by ``factor``."""
        if factor == 1:
            return arrays
        height, width = (self.scale * length for length in arrays["lr"].shape[:2])
        centre = (height - 1) / 2, (width - 1) / 2
        result = {}
        for key, array in arrays.items():
            if self.mode == "paper":
                result[key] = self._warped(array, factor, picture=key in ("lr", "hr"))
            elif key == "lr":
                own = tuple((place - self.phase) / self.scale for place in centre)
                result[key] = _enlarged(array, factor, own)
            elif key == "hr":
                result[key] = _enlarged(array, factor, centre)
            else:
                result[key] = sample_nearest(array, *_positions(array, factor, centre))
        if "blur" in result:
            gain = 1 / factor if self.mode == "paper" else factor
            result["blur"] = result["blur"] * np.float32(gain)
        return result

    def _allowed(self, blur: np.ndarray | None) -> list[float]:
        """Return the factors that keep sigma in its range; 1 is one of them."""
        allowed = [1.0]
        for factor in self.factors:
            if factor == 1:
                continue
            top = 0.0 if blur is None else float(_visible(blur, factor).max())
            if factor * top <= self.sigma_max + _TOLERANCE:
                allowed.append(factor)
        return allowed if 1 in self.factors or len(allowed) == 1 else allowed[1:]

    def _warped(self, array: np.ndarray, factor: float, *, picture: bool) -> np.ndarray:
        height, width = array.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, factor)
        if not picture:
            return cv2.warpAffine(array, matrix, (width, height), flags=cv2.INTER_NEAREST)
        levels = array.astype(np.float32) * np.float32(255)
        warped = cv2.warpAffine(levels, matrix, (width, height), flags=cv2.INTER_CUBIC)
        if self.wraparound:  # as a cast to 8 bit on common processors: truncate, then modulo 256
            stored = np.trunc(warped).astype(np.int32).astype(np.uint8)
        else:
            stored = np.rint(np.clip(warped, 0, 255)).astype(np.uint8)
        return stored.astype(np.float32) / np.float32(255)


def checked_factors(factors: Sequence[float]) -> tuple[float, ...]:
    """Return the factors as a tuple.

    Raises:
        ConfigError: there is none, or one below 1 (what lies outside a picture is unknown).
    """
    good = is_list(factors) and factors and all(finite(f, above=0, most=10) for f in factors)
    if not good or min(factors) < 1:
        raise ConfigError("zoom_factors", found=str(factors), expected="numbers in 1..10")
    return tuple(float(factor) for factor in factors)


def _positions(
    array: np.ndarray, factor: float, centre: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = (
        zoom_positions(length, factor, place)
        for length, place in zip(array.shape[:2], centre, strict=True)
    )
    return rows, columns


def _enlarged(image: np.ndarray, factor: float, centre: tuple[float, ...]) -> np.ndarray:
    """Return a picture in [0, 1] on the 8 bit levels that a file would hold."""
    return on_levels(sample_cubic(image, *_positions(image, factor, centre)))


def on_levels(image: np.ndarray) -> np.ndarray:
    """Return float32 in [0, 1], clipped and rounded to whole 255ths; the input is overwritten."""
    np.clip(image, 0, 1, out=image)
    image *= np.float32(255)
    np.rint(image, out=image)
    image /= np.float32(255)
    return image


def _visible(blur: np.ndarray, factor: float) -> np.ndarray:
    """Return the middle of the map that a zoom by ``factor`` leaves visible."""
    rows, columns = (
        zoom_positions(length, factor, (length - 1) / 2)[[0, -1]] for length in blur.shape
    )
    return blur[
        int(np.floor(rows[0])) : int(np.ceil(rows[1])) + 1,
        int(np.floor(columns[0])) : int(np.ceil(columns[1])) + 1,
    ]
