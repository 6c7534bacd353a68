"""Second part of GIA: gates per channel from the affinity of channel groups (paper, "C")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blindsr.networks.blocks.conv import ConvBN
from blindsr.networks.blocks.whole_picture import picture_mean


class ChannelAttention(nn.Module):
    """Feature f = cbl(x) and its pooled descriptor A = BN(1x1(mean of f))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_bn_relu = ConvBN(channels, channels, activation="leaky_relu")
        self.conv_1x1 = ConvBN(channels, channels, 1, pooled=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> (N, C, H, W) and (N, C, 1, 1)."""
        feature = self.conv_bn_relu(x)
        return feature, self.describe(feature)

    def describe(self, feature: Tensor) -> Tensor:
        """Feature (N, C, H, W) -> its pooled descriptor (N, C, 1, 1)."""
        return self.conv_1x1(picture_mean(self, feature))


class ChannelStream(nn.Module):
    """Gate the channels of two features by the affinity of their channel groups.

    Args:
        channels: C.
        groups: r, must divide C; the affinity is r x r.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.c1 = nn.Parameter(torch.zeros(1))
        self.c2 = nn.Parameter(torch.zeros(1))
        self.channel_att1 = ChannelAttention(channels)
        self.channel_att2 = ChannelAttention(channels)
        self.mlp1 = _mlp(groups**2, channels)
        self.mlp2 = _mlp(groups**2, channels)
        self.smooth1 = ConvBN(channels, channels)
        self.smooth2 = ConvBN(channels, channels)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Two (N, C, H, W) -> two (N, C, H, W)."""
        f1, a1 = self.channel_att1(x1)
        f2, a2 = self.channel_att2(x2)
        gate1, gate2 = self.gates(a1, a2)
        return self.smooth1(f1 * gate1), self.smooth2(f2 * gate2)

    def gates(self, a1: Tensor, a2: Tensor) -> tuple[Tensor, Tensor]:
        """Two descriptors (N, C, 1, 1) -> the gates (N, C, 1, 1) of their features."""
        rows = a2.reshape(-1, self.groups, a2.shape[1] // self.groups)  # (N, r, C/r)
        columns = a1.reshape(rows.shape).transpose(1, 2)  # (N, C/r, r)
        affinity = (rows @ columns).flatten(1)  # (N, r * r)
        gate1 = torch.sigmoid(a1 + self.c1 * self.mlp1(affinity)[..., None, None])
        gate2 = torch.sigmoid(a2 + self.c2 * self.mlp2(affinity)[..., None, None])
        return gate1, gate2


def _mlp(in_features: int, features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_features, features), nn.ReLU(), nn.Linear(features, features), nn.ReLU()
    )
