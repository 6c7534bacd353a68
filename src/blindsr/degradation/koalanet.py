"""Blur by one kernel per LR pixel, and the degradation that KOALAnet was trained on."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from blindsr.errors import ConfigError, DataError

Border = Literal["zero", "replicate"]
GAUSSIAN_TAPS, TAPS = 15, 20


def local_down(image: Tensor, kernels: Tensor, scale: int, *, border: Border = "zero") -> Tensor:
    """Blur and make smaller at once: every LR pixel weighs the HR pixels around it.

    An odd window has its centre on the HR pixel that s-fold down-sampling keeps; an even one on the
    centre of the s*s HR pixels of an LR pixel, as released.

    Args:
        image: (N, C, s*h, s*w).
        kernels: (N, k*k, h, w); channel i*k + j is the tap in row i and column j.
        scale: s.
        border: what lies outside the image; with ``"replicate"`` and the kernels of the data this
            is how the data were made, but within k/2 pixels of the border.

    Returns:
        (N, C, h, w).

    Raises:
        ConfigError: for another ``border``, or a window that is even where s is odd.
        DataError: if the shapes do not fit.
    """
    height, width = kernels.shape[-2:]
    if tuple(image.shape[-2:]) != (scale * height, scale * width):
        raise DataError(
            "kernels",
            found=f"{height}x{width} of them",
            expected=f"one per LR pixel of an image of {tuple(image.shape[-2:])} at x{scale}",
        )
    side = round(kernels.shape[1] ** 0.5)
    before = window_start(side, scale)
    modes = {"zero": "constant", "replicate": "replicate"}
    if border not in modes:
        raise ConfigError("border", found=repr(border), expected="'zero' or 'replicate'")
    padded = pad(image, (before, side, before, side), mode=modes[border])
    return _weighed(padded, kernels, scale)


def window_start(side: int, scale: int) -> int:
    """HR pixels from the first of an LR pixel back to the first tap of its window.

    Raises:
        ConfigError: for a window that is even where the scale is odd.
    """
    if side % 2:
        return side // 2
    if scale % 2:
        raise ConfigError(
            "kernels", found=f"a window of {side}", expected=f"an odd one at x{scale}"
        )
    return (side - scale) // 2


def bicubic_base() -> NDArray[np.float64]:
    """(20, 20): the cubic of MATLAB (a = -0.5) without antialiasing, as released."""
    x = np.abs(np.arange(TAPS) - (TAPS - 1) / 2)
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    taps = np.where(x <= 1, inner, np.where(x < 2, outer, 0.0))
    kernel = np.outer(taps, taps)
    return kernel / kernel.sum()


def degradation_kernel(first: float, second: float, angle: float) -> NDArray[np.float64]:
    """(20, 20): a Gaussian that may be stretched, after the bicubic base.

    Args:
        first: standard deviation along the first axis, HR pixels.
        second: along the second.
        angle: of the first axis, radians.
    """
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inverse = turn @ np.diag([first**-2.0, second**-2.0]) @ turn.T
    offsets = np.arange(GAUSSIAN_TAPS) - GAUSSIAN_TAPS // 2
    place = np.stack(np.meshgrid(offsets, offsets), axis=-1).astype(np.float64)  # (x, y)
    gaussian = np.exp(-0.5 * np.einsum("...i,ij,...j", place, inverse, place))
    padded = np.pad(bicubic_base(), GAUSSIAN_TAPS // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, gaussian.shape)
    return np.einsum("hwij,ij->hw", windows, gaussian / gaussian.sum())


def degrade_koalanet(image: Tensor, kernels: Tensor, scale: int = 4) -> Tensor:
    """LR of the released training, before it is rounded to 8 bits.

    Args:
        image: (N, C, s*h, s*w).
        kernels: (N, 20, 20), see :func:`degradation_kernel`.
        scale: s.

    Returns:
        (N, C, h, w); the border of the image is mirrored, its edge repeated.
    """
    height, width = (side // scale for side in image.shape[-2:])
    before = window_start(kernels.shape[-1], scale)
    for axis in (2, 3):
        index = np.pad(np.arange(image.shape[axis]), before, mode="symmetric")
        image = image.index_select(axis, torch.from_numpy(index).to(image.device))
    every = kernels.flatten(1)[:, :, None, None].expand(-1, -1, height, width)
    return _weighed(image, every, scale)


def _weighed(padded: Tensor, kernels: Tensor, scale: int) -> Tensor:
    """Sum over the taps, which begin at the first HR pixels of a padded image."""
    side, (height, width) = round(kernels.shape[1] ** 0.5), kernels.shape[-2:]
    total = padded.new_zeros(())
    for tap in range(side * side):
        row, column = divmod(tap, side)
        seen = padded[..., row::scale, column::scale][..., :height, :width]
        total = total + seen * kernels[:, tap : tap + 1]
    return total
