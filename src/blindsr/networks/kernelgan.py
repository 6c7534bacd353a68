"""KernelGAN (NeurIPS 2019) and ZSSR (CVPR 2018): small networks that learn from one image."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d

from blindsr.errors import ConfigError

from .blocks.spectral import SpectralConv2d

SIDES = (7, 5, 3, 1, 1, 1)
"""Of the filters of the generator; their composition has 13 taps."""
TAPS = sum(side - 1 for side in SIDES) + 1
SHAVED = 6
"""Pixels that the discriminator's map is narrower than its input."""
_GAIN = 0.1  # of the initial weights
_ZSSR_VARIANCE = 0.1 / 9


class KernelGANGenerator(nn.Module):
    """Linear: composed filters, then every second pixel; each colour by itself.

    Tensors carry the released names.
    """

    def __init__(self, features: int = 64) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(1 if index == 0 else features, features, side, bias=False)
            for index, side in enumerate(SIDES[:-1])
        ]
        self.first_layer = layers[0]
        self.feature_block = nn.Sequential(*layers[1:])
        self.final_layer = nn.Conv2d(features, 1, SIDES[-1], stride=2, bias=False)
        for layer in self.filters():
            nn.init.xavier_normal_(layer.weight, gain=_GAIN)

    def filters(self) -> list[nn.Conv2d]:
        """Its convolutions in order."""
        found = (self.first_layer, *self.feature_block, self.final_layer)
        return [layer for layer in found if isinstance(layer, nn.Conv2d)]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> (N, C, (H - 12) / 2, (W - 12) / 2)."""
        count, channels = x.shape[:2]
        single = x.flatten(0, 1).unsqueeze(1)
        found = self.final_layer(self.feature_block(self.first_layer(single)))
        return found.squeeze(1).unflatten(0, (count, channels))


class KernelGANDiscriminator(nn.Module):
    """Says of every patch of 7x7 whether it is one of the image; spectral norm everywhere."""

    def __init__(self, features: int = 64, blocks: int = 5) -> None:
        super().__init__()
        self.first_layer = _spectral(3, features, SHAVED + 1)
        middle: list[nn.Module] = []
        for _ in range(blocks):
            middle += [_spectral(features, features, 1), nn.BatchNorm2d(features), nn.ReLU()]
        self.feature_block = nn.Sequential(*middle)
        self.final_layer = nn.Sequential(_spectral(features, 1, 1), nn.Sigmoid())
        for module in self.modules():
            if isinstance(module, SpectralConv2d):
                nn.init.xavier_normal_(module.weight_orig, gain=_GAIN)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, 1, H - 6, W - 6) in (0, 1)."""
        return self.final_layer(self.feature_block(self.first_layer(x)))


def _spectral(incoming: int, outgoing: int, side: int) -> SpectralConv2d:
    return SpectralConv2d(incoming, outgoing, side, 1, 0, bias=True)


class ZSSRNet(nn.Module):
    """Adds detail to an enlarged image.

    Args:
        width: channels.
        depth: convolutions, at least 2; none has a bias.
    """

    def __init__(self, width: int = 64, depth: int = 8) -> None:
        super().__init__()
        if width < 1 or depth < 2:
            raise ConfigError(
                "ZSSRNet", found=f"width {width}, depth {depth}", expected="at least 1 and 2"
            )
        widths = [3, *[width] * (depth - 1), 3]
        self.filters = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in itertools.pairwise(widths)
        )
        for weight, incoming in zip(self.parameters(), widths[:-1], strict=True):
            nn.init.normal_(weight, 0.0, math.sqrt(_ZSSR_VARIANCE / incoming))

    def forward(self, enlarged: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> the same shape, not clipped."""
        *inner, last = self.filters
        x = enlarged
        for layer in inner:
            x = torch.relu(layer(x))
        return enlarged + last(x)


def collapse(generator: KernelGANGenerator) -> Tensor:
    """The one filter, (13, 13), that the generator correlates images with; has a gradient."""
    first, *others = (layer.weight for layer in generator.filters())
    found = conv2d(first.new_ones(1, 1, 1, 1), first, padding=TAPS - 1)
    for weight in others:
        found = conv2d(found, weight)
    return found[0, 0].flip(0, 1)


def kernel_x4(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel of reducing twice by 2 -> that of reducing by 4: (n, n) -> (2n - 1, 2n - 1).

    It is the kernel convolved with itself at every second pixel, its outer parts cut off, and sums
    to 1.
    """
    side = len(kernel)
    big = np.zeros((3 * side - 2, 3 * side - 2))
    for row in range(side):
        for column in range(side):
            big[2 * row : 2 * row + side, 2 * column : 2 * column + side] += (
                kernel[row, column] * kernel
            )
    cut = side // 2
    inner = big[cut:-cut, cut:-cut] if cut else big
    return inner / inner.sum()


def centre_of(kernel: NDArray[np.floating]) -> NDArray[np.float64]:
    """Row and column of the centre of mass."""
    places = np.indices(kernel.shape)
    return np.array([(kernel * place).sum() for place in places]) / kernel.sum()


def kept_taps(kernel: NDArray[np.float64], count: int = 40) -> NDArray[np.float64]:
    """Take three quarters of the tap after the ``count`` largest from all; the sum becomes 1."""
    ordered = np.sort(kernel, axis=None)
    threshold = 0.75 * ordered[-count - 1]
    found = np.clip(kernel - threshold, 0, None)
    return found / found.sum()


def centre_kernel(
    kernel: NDArray[np.floating],
    scale: int,
    *,
    threshold: bool = True,
    phase: float | None = None,
    released: bool = True,
) -> NDArray[np.float32]:
    """Bring the centre of mass where an image reduced by a scale has its pixels.

    Args:
        kernel: (n, n), n odd.
        scale: s.
        threshold: first keep the largest taps alone, see :func:`kept_taps`.
        phase: of the reduced pixels, HR pixels; ``None`` is that of the release, (s - n % 2) / 2.
        released: leave the negative taps and the sum that the shift by splines gives; else they
            become 0, and the sum 1.

    Returns:
        (m, m) float32, m odd and larger than n by the shift.
    """
    from scipy.ndimage import shift

    found = kept_taps(np.asarray(kernel, np.float64)) if threshold else np.asarray(kernel)
    found = found.astype(np.float32)  # as released: the shift differs by more than its rounding
    side = len(found)
    offset = (scale - side % 2) / 2 if phase is None else phase
    move = side // 2 + offset - centre_of(found)
    room = math.ceil(np.abs(move).max()) + 1
    moved = shift(np.pad(found, room), move, order=3)
    if not released:
        moved = np.clip(moved, 0, None)
        moved = moved / moved.sum()
    return moved.astype(np.float32)
