"""Input channels from which blur is estimated: how much gradient is left after blurring."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

_LEVELS = (0.0, 0.8, 1.6, 3.2, 6.4)  # sigma of the blurs, pixels
_ENERGY_FLOOR = 1e-6  # added to squared gradients; about as much as 8 bit rounding alone gives
_HALF = (torch.float16, torch.bfloat16)


class GradientEnergy(nn.Module):
    """How much gradient is left after blurs of 0 to 6.4 pixels, in octaves; no colour.

    Contrast cancels in the differences between levels. Grey is the plain mean of the channels, so
    swapping channels changes nothing.
    """

    channels = 9

    def forward(self, rgb: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] -> (N, 9, h, w)."""
        # half precision would round the small gradients after a wide blur to zero
        with torch.autocast(rgb.device.type, enabled=False):
            return self._channels(rgb.float() if rgb.dtype in _HALF else rgb)

    def blurred(self, x: Tensor, sigma: float) -> Tensor:
        """As :func:`gaussian`."""
        return gaussian(x, sigma)

    def _channels(self, rgb: Tensor) -> Tensor:
        grey = rgb.mean(dim=1, keepdim=True)
        stack = [self.blurred(grey, sigma) for sigma in _LEVELS]
        finest = _difference(grey, 1, 0).square() + _difference(grey, 0, 1).square()
        energies = [finest * 4, *(_central(level) for level in stack)]
        octaves = [torch.log2(self.blurred(energy, 1.4) + _ENERGY_FLOOR) for energy in energies]
        steps = [fine - coarse for fine, coarse in itertools.pairwise(octaves)]
        detail = grey - stack[-1]
        contrast = torch.rsqrt(self.blurred(detail.square(), _LEVELS[-1]) + 1e-4)
        levels = [octaves[1] / 4 + 2, octaves[4] / 4 + 2]
        edges = [detail * contrast, 2 * (grey - stack[2]) * contrast]
        return torch.cat([*steps, *levels, *edges], dim=1)


def _difference(x: Tensor, right: int, down: int) -> Tensor:
    """Difference to the next pixel; zero at the border."""
    shifted = pad(x, (0, right, 0, down), mode="replicate")
    return shifted[..., down:, right:] - x


def _central(x: Tensor) -> Tensor:
    """Squared gradient over two pixels."""
    across = pad(x, (1, 1, 0, 0), mode="replicate")
    along = pad(x, (0, 0, 1, 1), mode="replicate")
    return (across[..., 2:] - across[..., :-2]).square() + (
        along[..., 2:, :] - along[..., :-2, :]
    ).square()


def gaussian(x: Tensor, sigma: float) -> Tensor:
    """Blur every channel of (N, 1, h, w); the border is replicated."""
    if sigma == 0:
        return x
    taps = gaussian_taps(sigma, x.dtype, x.device)
    reach = len(taps) // 2
    x = conv2d(pad(x, (reach, reach, 0, 0), mode="replicate"), taps.view(1, 1, 1, -1))
    return conv2d(pad(x, (0, 0, reach, reach), mode="replicate"), taps.view(1, 1, -1, 1))


def gaussian_taps(sigma: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weights of a Gaussian to three sigma to either side; their sum is 1."""
    reach = math.ceil(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=dtype, device=device)
    taps = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return taps / taps.sum()
