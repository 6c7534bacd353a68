"""Residual block that a depth branch modulates, and a plain one; no normalisation over pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu


class DepthAwareBlock(nn.Module):
    """x + conv(silu(conv(x) * (1 + gamma(d)) + beta(d))), d features of depth at the same size.

    Args:
        channels: of the features.
        depth_channels: of the features of depth.
        dilation: of both convolutions.
    """

    def __init__(self, channels: int, depth_channels: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.before = _conv(channels, dilation)
        self.modulation = nn.Conv2d(depth_channels, 2 * channels, 1)
        self.after = _conv(channels, dilation)
        silence(self.modulation)
        _soften(self.after)

    def forward(self, x: Tensor, depth: Tensor) -> Tensor:
        """(N, C, h, w) and (N, D, h, w) -> (N, C, h, w)."""
        gamma, beta = self.modulation(depth).chunk(2, dim=1)
        return x + self.after(silu(self.before(x) * (1 + gamma) + beta))


class PlainBlock(nn.Module):
    """x + conv(silu(conv(silu(x)))).

    Args:
        channels: of the features.
        dilation: of both convolutions.
    """

    def __init__(self, channels: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.before, self.after = _conv(channels, dilation), _conv(channels, dilation)
        _soften(self.after)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same."""
        return x + self.after(silu(self.before(silu(x))))


def _conv(channels: int, dilation: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(torch.as_tensor(conv.bias))
    return conv


def silence(conv: nn.Conv2d) -> None:
    """Start with zeros, so that what the layer adds has to be learnt."""
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(torch.as_tensor(conv.bias))


def _soften(conv: nn.Conv2d) -> None:
    """A block adds little at first, so that features keep their size through many."""
    conv.weight.data.mul_(0.3)
