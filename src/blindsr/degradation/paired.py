"""From a sharp HR picture and a sigma map to the LR picture of the data sets."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.gather import gather_blur
from blindsr.degradation.layered import layer_width, layered_blur
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler, downsample

Operator = Literal["gather", "layered"]


def degrade(
    hr: NDArray[np.float32],
    sigma: NDArray[np.float32],
    *,
    scale: int,
    sigma_max: float,
    downsampler: Downsampler = "sfold",
    operator: Operator = "gather",
    depth: NDArray[np.floating] | None = None,
    round_hr: bool = True,
) -> NDArray[np.float32]:
    """Blur, round to 8 bit, down-sample, clip: y = (x * k) down_s without noise.

    Nothing here is random; draw ``sigma`` with :mod:`blindsr.degradation.defocus`.

    Args:
        hr: (H, W, 3) float32 in [0, 1], sides multiples of ``scale``.
        sigma: (H, W) nominal sigma in HR pixels, in [0, sigma_max].
        scale: LR is this many times smaller.
        sigma_max: fixes the blur window.
        downsampler: ``sfold`` keeps pixels [::s], as the lineage of CMOS does (its own choice is
            not published).
        operator: ``gather`` gives each pixel its own kernel, ``layered`` composes depth layers
            with occlusion (needs ``depth``) and is what the data sets hold. Layers are 0.1 px of
            circle of confusion wide, 0.5 px for ``sigma_max`` above 8.
        depth: (H, W), positive; orders the layers.
        round_hr: round the blurred HR to 8 bit first, because the data sets store it that way.

    Returns:
        (H / scale, W / scale, 3) float32 in [0, 1].

    Raises:
        ConfigError: ``layered`` without depth, unknown operator or downsampler.
        DataError: shapes that do not fit, or sigma out of range.
    """
    if operator == "gather":
        blurred = gather_blur(hr, sigma, sigma_max=sigma_max)
    elif operator == "layered":
        if depth is None:
            raise ConfigError("depth", found="nothing", expected="the depth map (operator=layered)")
        step = layer_width(sigma_max)
        blurred = layered_blur(hr, sigma, depth, sigma_max=sigma_max, merge_coc=step)
    else:
        raise ConfigError("operator", found=repr(operator), expected="gather or layered")
    return reduce_blurred(blurred, scale, downsampler, round_hr=round_hr)


def reduce_blurred(
    blurred: NDArray[np.float32], scale: int, downsampler: Downsampler, *, round_hr: bool = True
) -> NDArray[np.float32]:
    """Round to 8 bit, down-sample and clip: what :func:`degrade` does after the blur."""
    if round_hr:
        blurred = np.rint(np.clip(blurred, 0.0, 1.0) * 255.0) / np.float32(255.0)
    lr = downsample(blurred, scale, downsampler)
    return np.clip(lr, 0.0, 1.0).astype(np.float32, copy=False)
