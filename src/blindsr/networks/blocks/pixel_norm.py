"""Normalisation of every pixel over its own channels: nothing is pooled over picture or batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "pixel"]
EPS = 1e-4


class PixelNorm(nn.Module):
    """Divide by the root mean square over the channels; a gain and an offset per channel.

    Batch norm uses means over the pictures of a batch, from which a network can learn to predict
    one sigma per picture. Here every pixel is normalised on its own.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        size = torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPS)
        return x * size * self.weight[:, None, None] + self.bias[:, None, None]


def normalise_by_pixel(network: nn.Module) -> None:
    """Replace every batch norm of a network by a :class:`PixelNorm`.

    Frozen layers stay frozen.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                norm = PixelNorm(child.num_features)
                module.register_module(name, norm.requires_grad_(child.weight.requires_grad))
