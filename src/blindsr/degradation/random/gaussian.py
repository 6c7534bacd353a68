"""Gaussian kernels drawn at random, one for a picture or one for each tile: MANet's kind.

MANet (Liang et al., ICCV 2021) draws isotropic kernels by their standard deviation and others by
the eigenvalues of their covariance, both uniform. With ``placement="manet"`` kernels are also cut
and placed as its release does: an even support in the upper left of the window, so that LR pixel i
sees HR position ``s * i - (s - 1) / 2``. That serves its weights and test sets alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.kernels import window_size
from blindsr.degradation.paired import degrade, reduce_blurred
from blindsr.degradation.random.kernel_shapes import gaussian_kernel
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler

KernelKind = Literal["isotropic", "anisotropic"]
Variation = Literal["uniform", "tiles"]
Placement = Literal["centred", "manet"]
MANET_TAPS = 21


class Ellipse(NamedTuple):
    """A Gaussian in HR pixels."""

    variance: float
    """Along the first axis."""
    across: float
    """Variance across it."""
    theta: float
    """Angle of the first axis in radians, from x (columns) towards y."""

    @property
    def sigma(self) -> float:
        """Standard deviation of the isotropic Gaussian of equal variance."""
        return math.sqrt((self.variance + self.across) / 2)


@dataclass(frozen=True)
class GaussianBlur:
    """Draws kernels and makes LR.

    Args:
        kind: of the kernels.
        low: smallest standard deviation (isotropic) or variance (anisotropic) in HR pixels.
        high: largest one.
        vary: ``uniform``: one kernel for the whole picture; ``tiles``: one for each tile.
        tile: side of tiles in HR pixels.
        downsampler: how LR is taken from the blurred HR.
        placement: see the top of this module.
    """

    kind: KernelKind
    low: float
    high: float
    vary: Variation = "uniform"
    tile: int = 40
    downsampler: Downsampler = "sfold"
    placement: Placement = "centred"

    @property
    def sigma_max(self) -> float:
        """Largest standard deviation in HR pixels."""
        return self.high if self.kind == "isotropic" else math.sqrt(self.high)

    def __call__(
        self, hr: NDArray[np.float32], rng: np.random.Generator, *, scale: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return LR (h, w, 3) and sigma (H, W) in HR pixels.

        Sigma of an anisotropic kernel is that of the isotropic one of equal variance.

        Args:
            hr: (H, W, 3) float32 in [0, 1], sides multiples of ``scale``.
            rng: the only source of randomness.
            scale: HR is ``scale`` times LR.
        """
        height, width = hr.shape[:2]
        boxes = list(self._boxes(height, width))
        ellipses = [self.draw(rng) for _ in boxes]
        sigma = np.empty((height, width), np.float32)
        for box, ellipse in zip(boxes, ellipses, strict=True):
            sigma[box] = ellipse.sigma
        if self.kind == "isotropic" and self.placement == "centred":
            lr = degrade(
                hr, sigma, scale=scale, sigma_max=self.sigma_max, downsampler=self.downsampler
            )
            return lr, sigma
        blurred = np.empty_like(hr)
        for box, ellipse in zip(boxes, ellipses, strict=True):
            blurred[box] = self._filtered(hr, box, self.kernel(ellipse, scale))
        return reduce_blurred(blurred, scale, self.downsampler), sigma

    def draw(self, rng: np.random.Generator) -> Ellipse:
        """Draw one kernel."""
        if self.kind == "isotropic":
            variance = float(rng.uniform(self.low, self.high)) ** 2
            return Ellipse(variance, variance, 0.0)
        first = float(rng.uniform(self.low, self.high))
        return Ellipse(first, float(rng.uniform(self.low, first)), float(rng.uniform(0, math.pi)))

    def kernel(self, ellipse: Ellipse, scale: int) -> NDArray[np.float64]:
        """Return the kernel, square and of odd size, that sums to 1."""
        if self.placement == "manet":
            return manet_kernel(ellipse, scale)
        sides = math.sqrt(ellipse.variance), math.sqrt(ellipse.across)
        return gaussian_kernel(window_size(self.sigma_max), *sides, ellipse.theta)

    def _boxes(self, height: int, width: int) -> list[tuple[slice, slice]]:
        if self.vary == "uniform":
            return [(slice(0, height), slice(0, width))]
        rows, columns = range(0, height, self.tile), range(0, width, self.tile)
        return [
            (slice(y, min(y + self.tile, height)), slice(x, min(x + self.tile, width)))
            for y in rows
            for x in columns
        ]

    def _filtered(
        self, hr: NDArray[np.float32], box: tuple[slice, slice], kernel: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Blur what lies in ``box``; beyond the picture is what the placement's origin assumes."""
        border = cv2.BORDER_REPLICATE if self.placement == "manet" else cv2.BORDER_REFLECT
        radius = len(kernel) // 2
        rows, columns = (
            slice(max(part.start - radius, 0), min(part.stop + radius, length))
            for part, length in zip(box, hr.shape[:2], strict=True)
        )
        part = np.ascontiguousarray(hr[rows, columns])
        blurred = np.asarray(cv2.filter2D(part, -1, kernel, borderType=border), np.float32)
        return blurred[
            box[0].start - rows.start : box[0].stop - rows.start,
            box[1].start - columns.start : box[1].stop - columns.start,
        ]


def manet_kernel(ellipse: Ellipse, scale: int, taps: int = MANET_TAPS) -> NDArray[np.float64]:
    """Return a kernel as MANet's release makes it, (taps, taps).

    Raises:
        ConfigError: ``scale`` leaves no support.
    """
    support = taps - scale + 1
    if support < 1:
        raise ConfigError("scale", found=str(scale), expected=f"at most {taps}")
    offsets = np.arange(support) - (support - 1) / 2
    x, y = offsets[None, :], offsets[:, None]
    along = math.cos(ellipse.theta) * x + math.sin(ellipse.theta) * y
    beside = math.cos(ellipse.theta) * y - math.sin(ellipse.theta) * x
    values = np.exp(-0.5 * (along**2 / ellipse.variance + beside**2 / ellipse.across))
    values[values < np.finfo(np.float64).eps * values.max()] = 0
    kernel = np.zeros((taps, taps))
    kernel[:support, :support] = values / values.sum()
    return kernel
