"""Defocus of layers: each is blurred with its cover and laid over what lies behind it.

For a layer with colour c and cover m, blurred by its own kernel k, in front of the picture P:

    P := (1 - k*m) P + k*(m c)

Colour is premultiplied by the cover before it is blurred, so what a blurred rim shows of the
background is exact: the background is known there, it was drawn whole.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.kernels import DELTA_BELOW, gaussian_window

Aperture = Literal["disc", "gaussian"]
_PIXEL_VARIANCE = 1 / 12  # of averaging over a pixel
_FINE = 8  # samples per pixel and axis when a disc is drawn


class Kernel(NamedTuple):
    """A point spread function."""

    taps: NDArray[np.float64]
    """(n, n), sums to 1, n odd."""
    sigma: float
    """Its standard deviation along an axis, measured on the taps, pixels; the blur map holds it."""


class Layer(NamedTuple):
    """A flat object parallel to the picture plane."""

    paint: NDArray[Any]
    """(h, w, 4): red, green, blue times cover, and cover, in [0, 1] (bytes where it is stored)."""
    top: int
    left: int
    """Place of its first row and column in the picture; may be negative."""


def aperture_kernel(sigma: float, aperture: Aperture) -> Kernel:
    """Return the kernel of about the given standard deviation, with the one that it has.

    A disc of radius 2 sigma has standard deviation sigma; it is averaged over the pixels, so its
    radius is continuous, and the variance of the averaging is taken off before. Discs of less than
    one pixel's own size do not exist: there it is a Gaussian.
    """
    if aperture == "disc" and sigma**2 > 2 * _PIXEL_VARIANCE:
        taps = _disc(2 * math.sqrt(sigma**2 - _PIXEL_VARIANCE))
    else:
        window = gaussian_window(sigma, max(2 * sigma, 1.0))  # ends at 4 sigma
        taps = np.outer(window, window) if sigma >= DELTA_BELOW else np.ones((1, 1))
    offsets = np.arange(len(taps)) - len(taps) // 2
    return Kernel(taps, math.sqrt(float((taps.sum(0) * offsets**2).sum())))


def _disc(radius: float) -> NDArray[np.float64]:
    reach = math.ceil(radius + 0.5)
    size = 2 * reach + 1
    fine = (np.arange(size * _FINE) + 0.5) / _FINE - size / 2
    # the rim is a ramp of one sample, so the area grows smoothly with the radius
    inside = np.clip((radius - np.hypot(fine[:, None], fine)) * _FINE + 0.5, 0, 1)
    taps = inside.reshape(size, _FINE, size, _FINE).sum((1, 3))
    return np.asarray(taps / taps.sum())


def blurred(picture: NDArray[np.float32], kernel: Kernel) -> NDArray[np.float32]:
    """Convolve (H, W, C) with a kernel; borders are mirrored."""
    if len(kernel.taps) == 1:
        return picture
    middle = kernel.taps[len(kernel.taps) // 2]
    flat = np.outer(middle, middle) / middle.sum() ** 2
    if np.allclose(flat, kernel.taps, atol=1e-9):  # a Gaussian is separable
        line = middle / middle.sum()
        return np.asarray(cv2.sepFilter2D(picture, -1, line, line, borderType=cv2.BORDER_REFLECT))
    return np.asarray(cv2.filter2D(picture, -1, kernel.taps, borderType=cv2.BORDER_REFLECT))


def composite(
    backdrop: NDArray[np.float32],
    layers: list[Layer],
    sigmas: list[float],
    aperture: Aperture,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Defocus a scene.

    Args:
        backdrop: (H, W, 3) in [0, 1], the farthest plane.
        layers: from far to near.
        sigmas: of the backdrop, then of every layer, pixels.
        aperture: shape of the kernel.

    Returns:
        Picture (H, W, 3) in [0, 1], and (H, W) standard deviation of the kernel of the nearest
        surface at every pixel, as the sharp scene has it.
    """
    kernels = [aperture_kernel(sigma, aperture) for sigma in sigmas]
    picture = blurred(backdrop, kernels[0]).copy()
    blur = np.full(backdrop.shape[:2], kernels[0].sigma, np.float32)
    for layer, kernel in zip(layers, kernels[1:], strict=True):
        _lay(picture, layer, kernel)
        rows, columns, inner = _visible(blur.shape, layer.paint.shape, layer.top, layer.left)
        blur[rows, columns][layer.paint[inner][..., 3] >= 0.5] = kernel.sigma
    return picture, blur


def _lay(picture: NDArray[np.float32], layer: Layer, kernel: Kernel) -> None:
    reach = len(kernel.taps) // 2
    sheet = blurred(np.pad(layer.paint, ((reach, reach), (reach, reach), (0, 0))), kernel)
    rows, columns, inner = _visible(
        picture.shape, sheet.shape, layer.top - reach, layer.left - reach
    )
    part = picture[rows, columns]
    part *= 1 - sheet[inner][..., 3:]
    part += sheet[inner][..., :3]


def _visible(
    frame: tuple[int, ...], sheet: tuple[int, ...], top: int, left: int
) -> tuple[slice, slice, tuple[slice, slice]]:
    """Rows and columns of the picture under a sheet, and the part of the sheet that they show."""
    spans = []
    for start, length, limit in ((top, sheet[0], frame[0]), (left, sheet[1], frame[1])):
        first, last = min(max(start, 0), limit), max(min(start + length, limit), 0)
        spans.append(
            (slice(first, max(last, first)), slice(first - start, max(last, first) - start))
        )
    return spans[0][0], spans[1][0], (spans[0][1], spans[1][1])
