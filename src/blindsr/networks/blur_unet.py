"""A small estimator of blur and its uncertainty: a U-Net on gradient energies.

Colour, normalisation over the picture or the batch, and means over the picture let a network
predict one sigma per picture, or sigma from colour; this network has none of them. Its input is how
much gradient is left after several blurs: where the picture is already blurred, a further blur
hardly changes it. Every pixel is normalised over its own channels alone.
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
"""Stride of the coarsest level, in pixels of the picture."""
_HALF = (torch.float16, torch.bfloat16)
_LOG_SCALE = (-5.0, 3.0)  # of the Laplace scale, natural logarithm


class BlurUNet(EstimatorNetwork):
    """Estimates sigma of every pixel and the Laplace scale of its error.

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
        return self.from_code(self.log_sigma(lr))

    def from_code(self, code: Tensor) -> Estimate:
        """Estimate from what :meth:`log_sigma` gives."""
        hr = interpolate(code, scale_factor=self.scale, mode="bilinear", align_corners=False)
        shifted = torch.exp2(hr[:, :1])
        # error of sigma = error of log2 times the derivative of 2^x
        error = hr[:, 1:].exp() * shifted * (math.log(2) * self.spread)
        blur = (shifted - SIGMA_OFFSET).clamp_min(0)
        return Estimate(
            self.scale * blur, None, None, None, blur_scale=self.scale * error, kernels=None
        )

    def log_sigma(self, lr: Tensor) -> Tensor:
        """Logarithms of sigma and of its error, on which the loss is computed.

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
        # half precision is too coarse for a thousandth of an octave
        code = code.float() if code.dtype in _HALF else code
        log_sigma, log_scale = code.split(1, dim=1)
        return torch.cat([log_sigma, log_scale.clamp(*_LOG_SCALE)], dim=1)


class Block(nn.Module):
    """Residual block of two convolutions; each pixel is normalised over its channels."""

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
