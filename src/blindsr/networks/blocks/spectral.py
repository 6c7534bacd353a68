"""A convolution whose weight is divided by its largest singular value (Miyato et al. 2018)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, normalize

START_ITERATIONS = 15
EPSILON = 1e-12


class SpectralConv2d(nn.Module):
    """Convolution under spectral norm, one power iteration per training step.

    It computes what ``torch.nn.utils.spectral_norm(nn.Conv2d(...))`` computes and has
    its tensors, ``weight_orig``, ``weight_u`` and ``weight_v``: those names are in every published
    discriminator. torch's newer parametrization renames them; its older function keeps a weight
    with a graph on the module, which then cannot be deep-copied (as averaging of weights does).
    Two forward passes may precede a backward pass, as in D(real) - D(fake).

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: rows and columns of the kernel.
        stride: step of the kernel in pixels.
        padding: zeros around the input in pixels.
        bias: whether it has one, which starts at 0.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        padding: int,
        *,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        weight = torch.empty(out_channels, in_channels, kernel_size, kernel_size)
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5))  # as nn.Conv2d
        self.weight_orig = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        u = normalize(torch.randn(out_channels), dim=0, eps=EPSILON)
        self.register_buffer("weight_u", u)
        self.register_buffer("weight_v", torch.empty(weight[0].numel()))
        # From a random u the first estimate may be far too small, and the output far too large.
        self._iterate(START_ITERATIONS)

    def forward(self, feature: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H', W')."""
        weight, options = self.normalised(), {"stride": self.stride, "padding": self.padding}
        return conv2d(feature, weight, self.bias, **options)

    def normalised(self) -> Tensor:
        """The weight that is used; in training mode it moves ``u`` and ``v`` one step first."""
        # Half precision would move u and v by less than its own rounding.
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            if self.training:
                self._iterate(1)
            # The next step changes u and v in place, this one's backward pass needs them as now.
            u, v = self.weight_u.clone(), self.weight_v.clone()
            return self.weight_orig / torch.dot(u, torch.mv(self.weight_orig.flatten(1), v))

    @torch.no_grad()
    def _iterate(self, times: int) -> None:
        matrix = self.weight_orig.flatten(1)
        for _ in range(times):
            self.weight_v.copy_(normalize(torch.mv(matrix.T, self.weight_u), dim=0, eps=EPSILON))
            self.weight_u.copy_(normalize(torch.mv(matrix, self.weight_v), dim=0, eps=EPSILON))
