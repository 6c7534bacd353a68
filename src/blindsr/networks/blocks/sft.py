"""Spatial feature transform: a condition scales and shifts a feature, pixel by pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

SLOPE = 0.2


class SFT(nn.Module):
    """feature * scale + shift, both predicted from the feature and the condition beside it.

    scale = sigmoid(3x3(lrelu(3x3(u)))), shift likewise without the sigmoid, u = cat[feature,
    condition], LeakyReLU(0.2) (RRDB-SFT of MANet, ICCV 2021).

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
