"""A small estimator of blur that sees blur: a U-Net on gradient energies.

Three things let a network answer with one number per picture, or follow colour, and none is here:
colour itself, normalisation over the picture or the batch, and means over the picture. It is shown
how much gradient is left after blurring a little and a little more, which hardly changes where the
picture is blurred already, and every pixel is normalised over its own channels alone.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, pixel_shuffle

from blindsr.errors import ConfigError
from blindsr.networks.blocks.gradient_energy import GradientEnergy
from blindsr.networks.blocks.padding import any_size
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Estimate

SIGMA_OFFSET = 0.25
"""Sigma is estimated as log2(sigma + this), sigma in pixels of the picture given."""
STRIDE = 16
"""Of the coarsest level, in pixels of the picture."""
_HALF = (torch.float16, torch.bfloat16)
_LOG_SCALE = (-5.0, 3.0)  # of the Laplace scale, natural logarithm


class BlurUNet(EstimatorNetwork):
    """Estimates the blur of every pixel, and how far off it may be.

    Args:
        scale: HR is ``scale`` times the picture given; only the size and the unit of the maps
            depend on it.
        width: channels at half the size of the picture; the coarser levels have more.

    Raises:
        ConfigError: a scale or width that is not positive.
    """

    spread: Tensor
    estimates = ("blur", "blur_scale")

    def __init__(self, *, scale: int = 4, width: int = 24) -> None:
        super().__init__()
        for name, value in (("scale", scale), ("width", width)):
            if value < 1:
                raise ConfigError(name, found=str(value), expected="at least 1")
        self.scale = scale
        widths = (width, 2 * width, 5 * width // 2, 3 * width)
        self.energy = GradientEnergy()
        self.stem = nn.Conv2d(self.energy.channels, width, 4, stride=2, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in itertools.pairwise(widths)
        )
        self.encoder = nn.ModuleList(
            [
                Block(widths[0], widths[0]),
                Block(widths[1], widths[1]),
                nn.Sequential(*(Block(widths[2], widths[2], dilation=d) for d in (1, 2))),
                nn.Sequential(*(Block(widths[3], widths[3], dilation=d) for d in (1, 2, 4))),
            ]
        )
        self.decoder = nn.ModuleList(
            Block(fine + coarse, fine) for fine, coarse in itertools.pairwise(widths)
        )
        self.head = nn.Conv2d(width, 2 * 4, 3, padding=1)  # four pixels of each position
        # factor of the estimated scale, measured on held-out scenes after the training
        self.register_buffer("spread", torch.ones(()))

    def forward(self, lr: Tensor) -> Estimate:
        """Estimate.

        Args:
            lr: (N, 3, h, w) in [0, 1], any size.

        Returns:
            ``blur`` and ``blur_scale``, both (N, 1, s*h, s*w) in HR pixels.
        """
        code = self.log_sigma(lr)
        hr = interpolate(code, scale_factor=self.scale, mode="bilinear", align_corners=False)
        shifted = torch.exp2(hr[:, :1])
        # an error of log2 becomes one of sigma by the slope of the exponential
        error = hr[:, 1:].exp() * shifted * (math.log(2) * self.spread)
        blur = (shifted - SIGMA_OFFSET).clamp_min(0)
        return Estimate(
            self.scale * blur, None, None, None, blur_scale=self.scale * error, kernels=None
        )

    def log_sigma(self, lr: Tensor) -> Tensor:
        """What is trained.

        Args:
            lr: (N, 3, h, w) in [0, 1], any size.

        Returns:
            (N, 2, h, w): log2(sigma + 0.25) in pixels of ``lr``, and ln of its Laplace scale.
        """
        return any_size(self._whole, lr, scale=1, multiple=STRIDE)

    def _whole(self, lr: Tensor) -> Tensor:
        features = [self.encoder[0](self.stem(self.energy(lr)))]
        for down, block in zip(self.down, list(self.encoder)[1:], strict=True):
            features.append(block(down(features[-1])))
        coarse = features.pop()
        for block in reversed(list(self.decoder)):
            fine = features.pop()
            raised = interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
            coarse = block(torch.cat([fine, raised], dim=1))
        code = pixel_shuffle(self.head(coarse), 2)
        code = code.float() if code.dtype in _HALF else code  # a thousandth of an octave counts
        log_sigma, log_scale = code.split(1, dim=1)
        return torch.cat([log_sigma, log_scale.clamp(*_LOG_SCALE)], dim=1)


class Block(nn.Module):
    """Two convolutions with a shortcut; each pixel is normalised over its channels."""

    def __init__(self, incoming: int, outgoing: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(incoming, outgoing, 3, padding=dilation, dilation=dilation)
        self.gain = nn.Parameter(torch.ones(1, outgoing, 1, 1))
        self.second = nn.Conv2d(outgoing, outgoing, 3, padding=1)
        self.shortcut = nn.Conv2d(incoming, outgoing, 1) if incoming != outgoing else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C', h, w)."""
        hidden = self.first(x)
        hidden = hidden * torch.rsqrt(hidden.square().mean(dim=1, keepdim=True) + 1e-4)
        return self.shortcut(x) + self.second(gelu(hidden * self.gain))
