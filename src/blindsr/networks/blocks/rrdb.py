"""Residual-in-residual dense block with a spatial feature transform at its entrance."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from .sft import SFT

SLOPE = 0.2
RESIDUAL = 0.2
"""Share of a branch that is added to its input, as in ESRGAN."""


class DenseBlock(nn.Module):
    """Five 3x3 convolutions, each of which sees the input and all outputs before it.

    Args:
        features: channels in and out.
        growth: channels that each of the first four adds.
        residual: share of the result that is added to the input.

    Convolutions start Kaiming-normal (fan-in) times half of ``residual``, with zero bias: many
    blocks in a row start near the identity and do not amplify.
    """

    def __init__(self, features: int, growth: int, residual: float = RESIDUAL) -> None:
        super().__init__()
        self.residual = residual
        widths = [features + i * growth for i in range(5)]
        self.conv1 = nn.Conv2d(widths[0], growth, 3, padding=1)
        self.conv2 = nn.Conv2d(widths[1], growth, 3, padding=1)
        self.conv3 = nn.Conv2d(widths[2], growth, 3, padding=1)
        self.conv4 = nn.Conv2d(widths[3], growth, 3, padding=1)
        self.conv5 = nn.Conv2d(widths[4], features, 3, padding=1)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            nn.init.kaiming_normal_(conv.weight, a=0, mode="fan_in")
            with torch.no_grad():
                conv.weight.mul_(residual / 2)
            nn.init.zeros_(cast("Tensor", conv.bias))

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, h, w) -> (N, F, h, w)."""
        seen = [x]
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen.append(leaky_relu(conv(torch.cat(seen, dim=1)), SLOPE))
        return x + self.residual * self.conv5(torch.cat(seen, dim=1))


class RRDBSFTBlock(nn.Module):
    """SFT by the condition, three dense blocks; a share of the result is added to the input.

    Args:
        features: channels in and out.
        growth: growth of the dense blocks.
        code_length: channels of the condition, 0 for none.
        residual: that share, in the dense blocks as well.
    """

    def __init__(
        self, features: int, growth: int, code_length: int, residual: float = RESIDUAL
    ) -> None:
        super().__init__()
        self.residual = residual
        self.SFT = SFT(features, code_length)
        self.RDB1 = DenseBlock(features, growth, residual)
        self.RDB2 = DenseBlock(features, growth, residual)
        self.RDB3 = DenseBlock(features, growth, residual)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """(N, F, h, w) and (N, C, h, w), or ``None`` if C = 0 -> (N, F, h, w)."""
        out = self.SFT(x, condition)
        return x + self.residual * self.RDB3(self.RDB2(self.RDB1(out)))
