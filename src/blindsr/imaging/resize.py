"""Down- and up-sampling by an integer factor that agree on where a pixel lies.

A down-sampler puts LR pixel ``i`` at HR position ``s * i + phase``. Up-sampling with another phase
shifts the picture: with the wrong one, bicubic loses up to 2.4 dB and every comparison is false.
All functions work on numpy ``(H, W[, C])`` and on tensors ``(N, C, H, W)`` with the same slices;
torch is loaded for tensors only.
"""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import ConfigError, DataError
from blindsr.types import Downsampler

if TYPE_CHECKING:
    import torch

Upsampler = Literal["bicubic", "bilinear", "nearest"]
DOWNSAMPLERS: tuple[Downsampler, ...] = ("sfold", "bicubic", "area")
UPSAMPLERS: tuple[Upsampler, ...] = ("bicubic", "bilinear", "nearest")
_OPENCV = (np.float32, np.float64)  # what its filters take

ArrayOrTensor = TypeVar("ArrayOrTensor", NDArray[np.floating], "torch.Tensor")


def phase(method: Downsampler, scale: int) -> float:
    """Return the position of LR pixel 0 in HR pixels: 0 for ``sfold``, else ``(s - 1) / 2``."""
    _check_choice("downsampler", method, DOWNSAMPLERS)
    return 0.0 if method == "sfold" else (scale - 1) / 2


def downsample(image: ArrayOrTensor, scale: int, method: Downsampler) -> ArrayOrTensor:
    """Shrink an image ``scale`` times.

    ``sfold`` keeps every ``scale``-th pixel, ``area`` averages blocks, ``bicubic`` is MATLAB's
    ``imresize``: the cubic of a = -0.5 (Keys 1981) stretched by ``scale`` against aliasing, borders
    mirrored with the edge pixel repeated. Bicubic overshoots [0, 1]; nothing is clipped.

    Args:
        image: (H, W[, C]) array or (N, C, H, W) tensor; both sides multiples of ``scale``.
            Integers become float32.
        scale: integer factor, at least 1.
        method: one of :data:`DOWNSAMPLERS`.

    Returns:
        The same kind of array with sides H / scale and W / scale.

    Raises:
        ConfigError: unknown method or scale below 1.
        DataError: a side is not a multiple of ``scale``.
    """
    _check_choice("downsampler", method, DOWNSAMPLERS)
    _check_scale(scale)
    rows, columns = _axes(image)
    if image.shape[rows] % scale or image.shape[columns] % scale:
        raise DataError(
            "image",
            found=f"{image.shape[columns]} x {image.shape[rows]} pixels",
            expected=f"multiples of {scale}",
            fix="Crop it first",
        )
    image = _as_float(image)
    for axis in (rows, columns):
        image = _downsample_axis(image, scale, method, axis)
    return np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image


def upsample(
    image: ArrayOrTensor, scale: int, *, phase: float, method: Upsampler = "bicubic"
) -> ArrayOrTensor:
    """Enlarge an image ``scale`` times, with LR pixel ``i`` placed at HR ``scale * i + phase``.

    HR pixel ``y`` is read at LR coordinate ``(y - phase) / scale``: a cubic of a = -0.5 (four
    taps), a line (two taps) or the nearest pixel (ties to the right). Borders are mirrored.

    Args:
        image: (h, w[, C]) array or (N, C, h, w) tensor.
        scale: integer factor, at least 1.
        phase: see :func:`phase`.
        method: one of :data:`UPSAMPLERS`.

    Returns:
        The same kind of array, exactly ``scale`` times larger; not clipped.

    Raises:
        ConfigError: unknown method or scale below 1.
    """
    _check_choice("method", method, UPSAMPLERS)
    _check_scale(scale)
    image = _as_float(image)
    rows, columns = _axes(image)
    if isinstance(image, np.ndarray) and image.dtype in _OPENCV:
        return _upsample_array(image, scale, phase, method)
    for axis in (rows, columns):
        image = _upsample_axis(image, scale, phase, method, axis)
    return image


def sample(map_: torch.Tensor, scale: int, *, phase: float) -> torch.Tensor:
    """Read an HR map where LR pixels lie, at ``scale * i + phase``, between pixels on a line.

    Args:
        map_: (N, C, H, W), both sides multiples of ``scale``.
        scale: integer factor, at least 1.
        phase: see :func:`phase`, from 0 to less than ``scale``.

    Returns:
        (N, C, H / scale, W / scale).

    Raises:
        ConfigError: for another phase.
    """
    if not 0 <= phase <= scale - 1:
        raise ConfigError("phase", found=f"{phase:g}", expected=f"0 to {scale - 1}")
    first = math.floor(phase)
    share = phase - first
    for axis in _axes(map_):
        length = map_.shape[axis] // scale
        near = _slice(map_, axis, first, length, scale)
        if share:
            far = _slice(map_, axis, first + 1, length, scale)
            near = (1 - share) * near + share * far
        map_ = near
    return map_


def blur_at_lr(blur: torch.Tensor, scale: int) -> torch.Tensor:
    """Mean of a map over each LR pixel, as a length in LR pixels.

    Args:
        blur: (N, 1, s*h, s*w) sigma, or its error, in HR pixels.
        scale: HR size over LR size.

    Returns:
        (N, 1, h, w) in LR pixels.
    """
    from torch.nn.functional import avg_pool2d

    return avg_pool2d(blur, scale) / scale if scale > 1 else blur


def upsample_rows(
    image: Any,
    scale: int,
    *,
    phase: float,
    rows: range,
    method: Upsampler = "bicubic",
) -> Any:
    """Return some rows of :func:`upsample`, the same values, without making the others.

    Args:
        image: (h, w[, C]) array or (N, C, h, w) tensor.
        scale: integer factor, at least 1.
        phase: see :func:`phase`.
        rows: of the HR picture, from the first to the last without a gap.
        method: one of :data:`UPSAMPLERS`.
    """
    reach = math.ceil(abs(phase) / scale) + 3  # the cubic has two taps to either side
    axis, _ = _axes(image)
    first = max(0, rows.start // scale - reach)
    last = min(image.shape[axis], rows.stop // scale + reach)
    above = (slice(None),) * axis
    part = upsample(image[(*above, slice(first, last))], scale, phase=phase, method=method)
    return part[(*above, slice(rows.start - first * scale, rows.stop - first * scale))]


def _downsample_axis(
    image: ArrayOrTensor, scale: int, method: Downsampler, axis: int
) -> ArrayOrTensor:
    length = image.shape[axis] // scale
    if method == "sfold":
        return _slice(image, axis, 0, length, scale)
    if method == "area":
        blocks = (_slice(image, axis, offset, length, scale) for offset in range(scale))
        return reduce(add, blocks) / scale
    taps, pad = downsampler_taps(method, scale)
    return _weighted_sum(pad_symmetric(image, pad, axis), taps, 0, length, scale, axis)


def downsampler_taps(method: Downsampler, scale: int) -> tuple[tuple[float, ...], int]:
    """Return weights of one axis and how far the first lies before the block of an LR pixel.

    LR pixel ``i`` is the sum of ``taps[k]`` times HR pixel ``scale * i - margin + k``, borders
    mirrored.
    """
    if method == "sfold":
        return (1.0,), 0
    if method == "area":
        return (1 / scale,) * scale, 0
    taps = _antialiased_cubic(scale)
    return taps, (len(taps) - scale) // 2


def _upsample_array(
    image: NDArray[np.floating], scale: int, phase: float, method: Upsampler
) -> NDArray[np.floating]:
    """As the axes one by one: columns first, then all HR rows of a residue where they belong."""
    import cv2

    height, width, *more = image.shape
    taps = [_centred_taps((residue - phase) / scale, method) for residue in range(scale)]
    one, mirrored = np.ones(1), cv2.BORDER_REFLECT  # the edge pixel is repeated
    wide = np.empty((height, width, scale, *more), image.dtype)
    for residue, weights in enumerate(taps):
        part = cv2.sepFilter2D(image, -1, weights, one, borderType=mirrored)
        wide[:, :, residue] = part.reshape(image.shape)  # OpenCV drops a single channel
    wide = wide.reshape(height, scale * width, *more)
    high = np.empty((height, scale, scale * width, *more), image.dtype)
    for residue, weights in enumerate(taps):
        part = cv2.sepFilter2D(wide, -1, one, weights, borderType=mirrored)
        high[:, residue] = part.reshape(wide.shape)
    return high.reshape(scale * height, scale * width, *more)


def _centred_taps(coordinate: float, method: Upsampler) -> NDArray[np.float64]:
    """:func:`_interpolation_taps` with zeros, so that the current pixel is in the middle."""
    first, taps = _interpolation_taps(coordinate, method)
    reach = max(-first, first + len(taps) - 1)
    weights = np.zeros(2 * reach + 1)
    weights[reach + first : reach + first + len(taps)] = taps
    return weights


def _upsample_axis(
    image: ArrayOrTensor, scale: int, phase: float, method: Upsampler, axis: int
) -> ArrayOrTensor:
    """Filter once for each residue of the HR coordinate modulo ``scale``, then interleave."""
    length = image.shape[axis]
    pad = math.ceil((abs(phase) + scale) / scale) + 2
    padded = pad_symmetric(image, pad, axis)
    parts = []
    for residue in range(scale):
        coordinate = (residue - phase) / scale
        first, taps = _interpolation_taps(coordinate, method)
        parts.append(_weighted_sum(padded, taps, pad + first, length, 1, axis))
    return _interleave(parts, axis)


def _interpolation_taps(coordinate: float, method: Upsampler) -> tuple[int, tuple[float, ...]]:
    """Return the first LR index relative to the current one, and the weights from there on."""
    if method == "nearest":
        return math.floor(coordinate + 0.5), (1.0,)
    base = math.floor(coordinate)
    fraction = coordinate - base
    if method == "bilinear":
        return base, (1 - fraction, fraction)
    return base - 1, tuple(_cubic(fraction - offset) for offset in (-1, 0, 1, 2))


@lru_cache
def _antialiased_cubic(scale: int) -> tuple[float, ...]:
    """Return the taps of MATLAB's imresize for 1/scale: cubic(x / scale), summing to 1."""
    radius = 2 * scale
    centre = (scale - 1) / 2  # of the block of HR pixels that makes one LR pixel
    positions = [i for i in range(-radius, radius + scale) if abs(i - centre) < radius]
    reach = max(-positions[0], positions[-1] - scale + 1)
    weights = [_cubic((i - centre) / scale) for i in range(-reach, reach + scale)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _cubic(x: float) -> float:
    """Return the interpolating cubic of Keys (1981) with a = -0.5."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x < 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def _weighted_sum(
    image: ArrayOrTensor,
    taps: tuple[float, ...],
    start: int,
    length: int,
    step: int,
    axis: int,
) -> ArrayOrTensor:
    """Return the correlation with ``taps`` at ``length`` positions from ``start`` on."""
    terms = (
        _slice(image, axis, start + k, length, step) * tap for k, tap in enumerate(taps) if tap
    )
    return reduce(add, terms)


def _slice(image: ArrayOrTensor, axis: int, start: int, length: int, step: int) -> ArrayOrTensor:
    index = [slice(None)] * image.ndim
    index[axis] = slice(start, start + (length - 1) * step + 1, step)
    return image[tuple(index)]


def pad_symmetric(image: ArrayOrTensor, pad: int, axis: int) -> ArrayOrTensor:
    """Mirror both ends with the edge pixel repeated, as often as a short side needs."""
    length = image.shape[axis]
    if not isinstance(image, np.ndarray):  # in torch, so that an export keeps the length open
        import torch

        index = torch.arange(-pad, length + pad, device=image.device) % (2 * length)
        return image.index_select(axis, torch.minimum(index, 2 * length - 1 - index))
    return np.take(image, np.pad(np.arange(length), pad, mode="symmetric"), axis=axis)


def _interleave(parts: list[ArrayOrTensor], axis: int) -> ArrayOrTensor:
    shape = list(parts[0].shape)
    shape[axis] = shape[axis] * len(parts)  # not in place: an export records the sizes
    if not isinstance(parts[0], np.ndarray):
        import torch

        return torch.stack(parts, dim=axis + 1).reshape(shape)
    return np.stack(parts, axis=axis + 1).reshape(shape)


def _axes(image: NDArray[np.floating] | torch.Tensor) -> tuple[int, int]:
    """Return the row and the column axis."""
    if not isinstance(image, np.ndarray):
        if image.ndim != 4:
            raise DataError("image", found=f"shape {tuple(image.shape)}", expected="(N, C, H, W)")
        return 2, 3
    if image.ndim not in (2, 3):
        raise DataError("image", found=f"shape {image.shape}", expected="(H, W) or (H, W, C)")
    return 0, 1


def _as_float(image: ArrayOrTensor) -> ArrayOrTensor:
    if not isinstance(image, np.ndarray):
        return image if image.is_floating_point() else image.float()
    return image if np.issubdtype(image.dtype, np.floating) else image.astype(np.float32)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(name, found=repr(value), expected=f"one of {', '.join(choices)}")


def _check_scale(scale: int) -> None:
    if int(scale) != scale or scale < 1:
        raise ConfigError("scale", found=repr(scale), expected="an integer of at least 1")
