"""Residual-in-residual dense blocks that a condition modulates by a spatial feature transform."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

SLOPE = 0.2
RESIDUAL = 0.2
"""Share of a branch that is added to its input, as in ESRGAN."""


class SFT(nn.Module):
    """Spatial feature transform: feature * scale + shift, pixel by pixel (MANet, ICCV 2021).

    With u = cat[feature, condition] and LeakyReLU(0.2): scale = sigmoid(3x3(lrelu(3x3(u)))),
    shift = 3x3(lrelu(3x3(u))).

    Args:
        features: channels of the feature; the hidden layers have half as many.
        code_length: channels of the condition; with 0 the feature modulates itself.
    """

    def __init__(self, features: int, code_length: int) -> None:
        super().__init__()
        hidden = features // 2
        self.mul_conv1 = nn.Conv2d(features + code_length, hidden, 3, padding=1)
        self.mul_conv2 = nn.Conv2d(hidden, features, 3, padding=1)
        self.add_conv1 = nn.Conv2d(features + code_length, hidden, 3, padding=1)
        self.add_conv2 = nn.Conv2d(hidden, features, 3, padding=1)

    def forward(self, feature: Tensor, condition: Tensor | None) -> Tensor:
        """(N, F, h, w) and (N, C, h, w), or ``None`` if C = 0 -> (N, F, h, w)."""
        u = feature if condition is None else torch.cat([feature, condition], dim=1)
        scale = torch.sigmoid(self.mul_conv2(leaky_relu(self.mul_conv1(u), SLOPE)))
        shift = self.add_conv2(leaky_relu(self.add_conv1(u), SLOPE))
        return feature * scale + shift


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
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

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
