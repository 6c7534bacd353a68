"""The operations a recipe is made of: frozen records of plain numbers that can be applied.

A record holds all that its operation needs, the seed of a noise field included, so applying it
twice gives the same bits. ``lr_size`` is (h, w) of the final LR image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random import kernel_shapes as shapes
from blindsr.degradation.random.noise import (
    GaussianNoise,
    Image,
    PoissonNoise,
    ScaledPoissonNoise,
    SpeckleNoise,
)
from blindsr.degradation.random.operators import (
    Interpolation,
    Size,
    TorchMode,
    compress_jpeg,
    convolve,
    convolve_separable,
    resize_opencv,
    resize_torch,
    scaled_size,
    unsharp_mask,
)
from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import downsample


@runtime_checkable
class Step(Protocol):
    """One operation on an (H, W, 3) float32 image."""

    def __call__(self, image: Image, lr_size: Size, /) -> Image:
        """Return the degraded image; ``image`` is left as it is."""
        ...


@dataclass(frozen=True)
class Blur:
    """Convolution with a Gaussian, generalised Gaussian or plateau kernel.

    ``sigma_x`` and ``sigma_y`` are standard deviations in pixels, ``theta`` is in radians;
    ``beta`` shapes the last two. Equal sigmas make an isotropic kernel.
    """

    size: int
    sigma_x: float
    sigma_y: float
    theta: float = 0.0
    shape: Literal["gaussian", "generalised", "plateau"] = "gaussian"
    beta: float = 1.0

    def kernel(self) -> NDArray[np.float64]:
        """Return (size, size) that sums to 1."""
        ellipse = (self.size, self.sigma_x, self.sigma_y, self.theta)
        if self.shape == "gaussian":
            return shapes.gaussian_kernel(*ellipse)
        if self.shape == "generalised":
            return shapes.generalised_kernel(*ellipse, self.beta)
        return shapes.plateau_kernel(*ellipse, self.beta)

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return the blurred image."""
        if self.shape == "gaussian" and self.sigma_x == self.sigma_y:
            return convolve_separable(image, shapes.gaussian_taps(self.size, self.sigma_x))
        return convolve(image, self.kernel())


@dataclass(frozen=True)
class Sinc:
    """Circular low-pass filter with ringing; ``cutoff`` in radians per pixel."""

    size: int
    cutoff: float

    def kernel(self) -> NDArray[np.float64]:
        """Return (size, size) that sums to 1."""
        return shapes.sinc_kernel(self.size, self.cutoff)

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return the filtered image."""
        return convolve(image, self.kernel())


@dataclass(frozen=True)
class BlurAndStride:
    """Isotropic Gaussian centred on blocks of ``stride`` x ``stride``, one pixel kept of each."""

    size: int
    sigma: float
    stride: int

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return the blurred image's central pixels."""
        taps = shapes.shifted_window(self.size, self.sigma, (self.stride - 1) / 2)
        blurred = convolve_separable(image, taps)[:: self.stride, :: self.stride]
        return np.clip(np.ascontiguousarray(blurred), 0.0, 1.0)


@dataclass(frozen=True)
class MatlabHalve:
    """Half size by MATLAB's anti-aliased bicubic, clipped."""

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return the image at half size; its sides must be even."""
        halved = downsample(image, 2, "bicubic")
        return np.clip(halved, 0.0, 1.0).astype(np.float32, copy=False)


@dataclass(frozen=True)
class Resize:
    """OpenCV resize to ``factor`` times the present size or the LR size, rounded down; clipped."""

    factor: float
    relative_to: Literal["image", "lr"]
    interpolation: Interpolation

    def __call__(self, image: Image, lr_size: Size, /) -> Image:
        """Return the resized image."""
        rows, columns = image.shape[:2]
        base = lr_size if self.relative_to == "lr" else (rows, columns)
        return resize_opencv(image, scaled_size(base, self.factor), self.interpolation)


@dataclass(frozen=True)
class TorchResize:
    """PyTorch resize by ``factor``, or to ``factor`` times the LR size; not clipped."""

    factor: float
    relative_to: Literal["image", "lr"]
    mode: TorchMode

    def __call__(self, image: Image, lr_size: Size, /) -> Image:
        """Return the resized image."""
        if self.relative_to == "lr":
            return resize_torch(image, self.mode, size=scaled_size(lr_size, self.factor))
        return image if self.factor == 1 else resize_torch(image, self.mode, factor=self.factor)


@dataclass(frozen=True)
class Jpeg:
    """JPEG round trip; the result is clipped and of 8 bit."""

    quality: int

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return the decoded image."""
        return compress_jpeg(image, self.quality)


@dataclass(frozen=True)
class Quantise:
    """Clip and round to 8 bit."""

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return multiples of 1/255 in [0, 1]."""
        return to_uint8(image).astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class Sharpen:
    """Unsharp mask of the HR image, see :mod:`blindsr.degradation.random.operators`."""

    weight: float = 0.5
    radius: int = 51
    threshold: float = 10.0

    def __call__(self, image: Image, _lr_size: Size, /) -> Image:
        """Return the sharpened image in [0, 1]."""
        return unsharp_mask(image, weight=self.weight, radius=self.radius, threshold=self.threshold)


STEPS: tuple[type[Step], ...] = (
    Blur,
    Sinc,
    BlurAndStride,
    MatlabHalve,
    Resize,
    TorchResize,
    GaussianNoise,
    SpeckleNoise,
    PoissonNoise,
    ScaledPoissonNoise,
    Jpeg,
    Quantise,
    Sharpen,
)
