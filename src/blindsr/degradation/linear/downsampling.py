"""Adjoint of the down-samplers of :mod:`blindsr.imaging.resize`."""

from __future__ import annotations

from torch import Tensor

from blindsr.degradation.gather_torch import fold_symmetric
from blindsr.imaging.resize import Downsampler, downsampler_taps


def downsample_adjoint(lr: Tensor, scale: int, method: Downsampler) -> Tensor:
    """(N, C, h, w) -> (N, C, s*h, s*w): each LR pixel back to the HR pixels it was made from."""
    taps, margin = downsampler_taps(method, scale)
    rows = _spread(lr, taps, margin, scale, 2)
    return fold_symmetric(_spread(rows, taps, margin, scale, 3), margin)


def _spread(image: Tensor, taps: tuple[float, ...], margin: int, scale: int, axis: int) -> Tensor:
    """One axis, longer by ``margin`` at both ends."""
    length = image.shape[axis]
    shape = list(image.shape)
    shape[axis] = scale * length + 2 * margin
    result = image.new_zeros(shape)
    for offset, tap in enumerate(taps):
        if tap:
            stop = offset + scale * (length - 1) + 1
            inside = (slice(None),) * axis + (slice(offset, stop, scale),)
            result[inside].add_(image, alpha=tap)
    return result
