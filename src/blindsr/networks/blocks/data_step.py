"""What a restored picture leaves of LR unexplained, given back to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from blindsr.degradation.gather_torch import WindowBlend

_REACH = 2.5  # sigmas that a window holds on each side
REACH = 8
"""LR pixels on each side beyond which a correction depends on nothing by more than 1e-5."""
_LARGEST = 2.0  # gate; from 2 on a step no longer comes nearer
_START = -2.0  # of its logarithmic odds: nearly shut, as what it gives back is noise at first
_SIZES = (3, 11)  # LR pixels over which is seen how much is left; 11 tell noise from fine detail
_HIDDEN = 14
_DILATIONS = (1, 2, 4)  # of the convolutions of the gate before its last
_BRIGHTNESS, _LEFT = 4.0, 32.0  # bring LR and what is left to about the size of features
_SLOPE = 0.1  # of the activation on its negative side
_ANGLES = 64  # enough for 1e-15 up to sigma 4


class DataStep(nn.Module):
    """One gradient step towards a picture that explains LR, in pixels of LR.

        correction = B' (gate * (lr - B reduced))

    The restored picture is reduced to the size of LR; B blurs it as the map says: with uncertainty
    it is the mean of the blurs that are possible. Blur before and after the reduction hardly
    differ, and in LR it costs a sixteenth. The gate, 0 to 2 for each pixel, is read from the
    features of the restorer, LR, and what is left around: what noise and JPEG leave over must not
    come back.

    Args:
        features: channels of what the gate reads.
        levels: sigma in LR pixels of each share of the code.
    """

    def __init__(self, features: int, levels: Sequence[float]) -> None:
        super().__init__()
        self.windows = [discrete_gaussian(sigma) for sigma in levels]
        layers: list[nn.Module] = []
        channels = features + len(_SIZES) + 6
        for dilation in _DILATIONS:
            layers.append(nn.Conv2d(channels, _HIDDEN, 3, padding=dilation, dilation=dilation))
            layers.append(nn.LeakyReLU(_SLOPE))
            channels = _HIDDEN
        last = nn.Conv2d(_HIDDEN, 1, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.constant_(torch.as_tensor(last.bias), _START)
        self.gate = nn.Sequential(*layers, last)

    def forward(self, lr: Tensor, reduced: Tensor, feature: Tensor, shares: Tensor) -> Tensor:
        """Return what to add to LR before it is enlarged.

        Args:
            lr: (N, 3, h, w).
            reduced: (N, 3, h, w) restored without the step, then reduced.
            feature: (N, C, h, w).
            shares: (N, levels, h, w) that sum to 1.

        Returns:
            (N, 3, h, w).
        """
        blend = WindowBlend(shares.to(lr.dtype), self.windows)
        left = lr - blend.blur(reduced)
        amounts = [_amount(left, size) for size in _SIZES]
        seen = torch.cat([*amounts, _LEFT * left, _BRIGHTNESS * (lr - 0.5)], dim=1)
        gate = self.gate(torch.cat([feature, seen.to(feature)], dim=1)).to(lr.dtype)
        return blend.adjoint(_LARGEST * gate.sigmoid() * left)


def _amount(left: Tensor, size: int) -> Tensor:
    """(N, 3, h, w) -> (N, 1, h, w): level of ``left`` around each pixel, 2 octaves to the unit.

    It is 0 for a root mean square of 3.4 of 255, between what 8 bits and what noise leaves.
    """
    power = left.square().mean(dim=1, keepdim=True)
    around = avg_pool2d(pad(power, (size // 2,) * 4, mode="replicate"), size, stride=1)
    return torch.log2(around + 1e-7) / 4 + 3.1


def discrete_gaussian(sigma: float) -> NDArray[np.float64]:
    """Window of integer offsets whose variance is ``sigma ** 2`` however small that is.

    Lindeberg, Scale-space for discrete signals, 1990: exp(-t) I_n(t) with t the variance. A sampled
    Gaussian of a quarter pixel would be no blur at all. Cut at 2.5 sigma and made to sum to 1.
    """
    if sigma == 0:
        return np.ones(1)
    reach = max(1, math.ceil(_REACH * sigma))
    # I_n by its integral: scipy.special, which has it, takes a tenth of what a command starts in
    angles = 2 * np.pi / _ANGLES * np.arange(_ANGLES)
    waves = np.cos(np.outer(np.arange(-reach, reach + 1), angles))
    window = waves @ np.exp(sigma**2 * (np.cos(angles) - 1))
    return np.asarray(window / window.sum())
