"""Keep intended blur: where it is large, the result is the bicubic enlargement.

    result = bicubic + a (model - bicubic),   a = strength * (1 - kept)

``kept`` rises from 0 to 1 around a threshold of sigma, in pixels of the picture given. Where the
estimate is unsure it counts as higher, since the enlargement does no harm, and the rise is wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample_rows
from blindsr.inference.pictures import Picture

FINEST = 0.25
"""Threshold at ``keep_blur`` 1, pixels: less cannot be seen."""
DEFAULT_KEEP_BLUR = 0.3
"""Keeps blur of more than 0.83 pixels; chosen by measurement, see docs/guides/keep_blur.md."""
_RISE = 0.3  # half the width of the rise around the threshold, as a share of it
_ROWS = 64  # blended at a time, to keep intermediate arrays small


def check_share(name: str, value: object) -> float:
    """Return a number from 0 to 1, or refuse it.

    Raises:
        ConfigError: if it is none.
    """
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        share = float(value)
        if 0 <= share <= 1:
            return share
    raise ConfigError(name, found=repr(value), expected="a number from 0 to 1")


def threshold(keep: float) -> float:
    """Sigma from which on blur is kept, pixels of the picture given; infinite for 0."""
    return FINEST / keep if keep else np.inf


def kept(
    blur: NDArray[np.float32], blur_scale: NDArray[np.float32] | None, keep: float
) -> NDArray[np.float32]:
    """Share of the bicubic enlargement: a smoothstep of sigma + its scale around :func:`threshold`.

    It rises over the threshold -+ sqrt((0.3 threshold)^2 + (scale / 2)^2).

    Args:
        blur: sigma in pixels of the picture given.
        blur_scale: Laplace scale of its error, the same unit; ``None`` where it is not known.
        keep: 0 keeps nothing, 1 all blur that can be seen.
    """
    if not keep:
        return np.zeros_like(blur)
    middle = np.float32(threshold(keep))
    unsure = np.float32(0) if blur_scale is None else blur_scale
    wide = np.hypot(np.float32(_RISE) * middle, unsure / 2)
    step = np.clip((blur + unsure - middle) / (2 * wide) + np.float32(0.5), 0, 1)
    return step * step * (3 - 2 * step)


@dataclass(frozen=True)
class Blend:
    """How much of the model's result there is in the picture.

    Attributes:
        keep: see :func:`kept`.
        strength: of the model's result where no blur is kept.
        scale: HR size over LR size.
        phase: of the model, where the enlargement must lie.
        tells: also compute the blur that was removed.
    """

    keep: float
    strength: float
    scale: int
    phase: float
    tells: bool = False

    @property
    def uses_blur(self) -> bool:
        """Whether it needs the sigma map."""
        return self.keep > 0 or self.tells

    def uses_model(self, blur: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Where the model's result counts at all: (rows, W, 1 or 2) as below -> (rows, W)."""
        return np.asarray(self._amount(blur) > 0)

    def apply(
        self,
        picture: Picture,
        top: int,
        sr: NDArray[np.float32],
        blur: NDArray[np.float32] | None,
    ) -> NDArray[np.float32] | None:
        """Blend a strip in place.

        Args:
            picture: that it was made from.
            top: first row of the strip.
            sr: (rows, W, 3) of the model, in [0, 1].
            blur: (rows, W, 1 or 2) in HR pixels: sigma, and the scale of its error where that is
                known. ``None`` only if nothing is kept.

        Returns:
            (rows, W) sigma of the blur that is removed, in HR pixels; ``None`` without ``blur``.
            Of a mixture with the share a of what has no blur the variance is (1 - a) sigma^2, so
            that sqrt(a) sigma is what was removed.
        """
        wanted = self.tells and blur is not None
        removed = np.empty(sr.shape[:2], np.float32) if wanted else None
        for start in range(0, len(sr), _ROWS):
            rows = slice(start, start + _ROWS)
            part = None if blur is None else blur[rows]
            amount = self._amount(part)
            self._mix(picture, top + start, sr[rows], amount)
            if removed is not None and part is not None:
                removed[rows] = np.sqrt(amount) * np.maximum(part[..., 0], 0)
        return removed

    def _amount(self, blur: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Share of the model's result, (rows, W) or one number."""
        strength = np.float32(self.strength)
        if blur is None or not self.keep:
            return np.asarray(strength)
        own, *scale = np.moveaxis(blur / np.float32(self.scale), 2, 0)
        return strength * (1 - kept(own, scale[0] if scale else None, self.keep))

    def _mix(
        self, picture: Picture, top: int, sr: NDArray[np.float32], amount: NDArray[np.float32]
    ) -> None:
        if amount.min() == 1:
            return
        rows = range(top, top + len(sr))
        bicubic = upsample_rows(picture.pixels, self.scale, phase=self.phase, rows=rows)
        bicubic /= np.float32(picture.peak)
        np.clip(bicubic, 0, 1, out=bicubic)
        share = np.broadcast_to(amount[..., None], (*sr.shape[:2], 1))
        difference = bicubic - sr
        difference *= 1 - share
        sr += difference
        np.copyto(sr, bicubic, where=share == 0)  # exact, whatever was rounded above
