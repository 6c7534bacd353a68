"""Operators of the practical degradations: convolution, resizing, JPEG, sharpening."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.files import to_uint8

_LOST = 1e-6  # share of a kernel that may be cut off: 1/4000 of an 8 bit level
_BORDER = cv2.BORDER_REFLECT_101  # the edge pixel is not repeated; scipy calls it "mirror"


def convolve(image: NDArray[np.float32], kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """Convolve (H, W, C) with an odd-sized kernel (k, k).

    Rings of the kernel that hold less than a millionth of it are left out: up to 11 taps OpenCV
    sums directly, which takes a seventh of the time of its Fourier way for larger kernels.
    """
    flipped = np.ascontiguousarray(_trimmed(kernel)[::-1, ::-1])  # filter2D correlates
    return np.asarray(cv2.filter2D(image, -1, flipped, borderType=_BORDER), dtype=np.float32)


def convolve_separable(
    image: NDArray[np.float32], taps: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Convolve (H, W, C) with the outer product of ``taps`` (k,) with itself."""
    flipped = np.ascontiguousarray(taps[::-1])
    blurred = cv2.sepFilter2D(image, -1, flipped, flipped, borderType=_BORDER)
    return np.asarray(blurred, dtype=np.float32)


def _trimmed(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop outer rings of at most ``_LOST`` together; the sum stays."""
    magnitude = np.abs(kernel)
    allowed = _LOST * float(magnitude.sum())
    cut, lost = 0, 0.0
    for ring in range(len(kernel) // 2):
        inner = magnitude[ring:-ring, ring:-ring] if ring else magnitude
        lost += float(inner.sum() - inner[1:-1, 1:-1].sum())
        if lost > allowed:
            break
        cut = ring + 1
    core = kernel[cut : len(kernel) - cut, cut : len(kernel) - cut]
    return core * (kernel.sum() / core.sum())


Interpolation = Literal["linear", "cubic", "area"]
TorchMode = Literal["bilinear", "bicubic", "area"]
Size = tuple[int, int]
"""Rows and columns."""

_FLAGS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}


def scaled_size(size: Size, factor: float) -> Size:
    """Return ``size`` times ``factor``, rounded down, at least one pixel."""
    return max(1, int(factor * size[0])), max(1, int(factor * size[1]))


def resize_opencv(
    image: NDArray[np.float32], size: Size, interpolation: Interpolation
) -> NDArray[np.float32]:
    """Resize (H, W, 3) with OpenCV and clip to [0, 1], for the cubic of a = -0.75 overshoots."""
    resized = cv2.resize(image, (size[1], size[0]), interpolation=_FLAGS[interpolation])
    return np.clip(resized, 0.0, 1.0)


def resize_torch(
    image: NDArray[np.float32], mode: TorchMode, *, factor: float = 1.0, size: Size | None = None
) -> NDArray[np.float32]:
    """Resize (H, W, 3) as PyTorch does; not clipped.

    Two ways, because the pixel grids differ: to ``size``, or by ``factor``, which keeps the
    factor as the step between pixels although the size is rounded down.
    """
    import torch
    from torch.nn import functional

    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]  # (1, 3, H, W)
    if size is not None:
        resized = functional.interpolate(tensor, size=size, mode=mode)
    else:
        resized = functional.interpolate(tensor, scale_factor=factor, mode=mode)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def compress_jpeg(image: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    """Encode and decode as JPEG with half-resolution chroma (4:2:0).

    Args:
        image: (H, W, 3) RGB; clipped to [0, 1] and rounded to 8 bit first.
        quality: 1..100 of libjpeg.

    Returns:
        (H, W, 3) float32, multiples of 1/255 in [0, 1].
    """
    bgr = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.float32) / np.float32(255)


def unsharp_mask(
    image: NDArray[np.float32], *, weight: float = 0.5, radius: int = 51, threshold: float = 10.0
) -> NDArray[np.float32]:
    """Sharpen where the picture differs from its blur: ``m clip(x + weight r) + (1 - m) x``.

    r is the picture minus its Gaussian blur, m the equally blurred indicator of
    ``255 |r| > threshold``, so that noise in flat regions is not sharpened (Real-ESRGAN, Wang et
    al. 2021, section 3.5).

    Args:
        image: (H, W, C) float32 in [0, 1].
        weight: strength.
        radius: odd number of taps of the Gaussian, whose sigma OpenCV derives (51 taps: 8).
        threshold: in 8 bit levels.

    Returns:
        (H, W, C) float32 in [0, 1].
    """
    residual = image - cv2.GaussianBlur(image, (radius, radius), 0)
    edges = (np.abs(residual) * np.float32(255) > threshold).astype(np.float32)
    soft = cv2.GaussianBlur(edges, (radius, radius), 0).reshape(image.shape)
    sharp = np.clip(image + np.float32(weight) * residual, 0.0, 1.0)
    return np.clip(soft * sharp + (np.float32(1) - soft) * image, 0.0, 1.0).astype(np.float32)
