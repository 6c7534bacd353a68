"""Third part of GIA: gates per position from the affinity within windows (paper, "S")."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from blindsr.networks.blocks.conv import ConvBN, pointwise
from blindsr.networks.blocks.windows import (
    join_windows,
    pad_to_windows,
    scramble_windows,
    split_windows,
)

WindowLayout = Literal["fixed", "legacy"]


class SpatialStream(nn.Module):
    """Gate the positions of two features by their affinity within a window.

    Args:
        channels: C.
        window: rows and columns of a window.
        window_layout: ``"fixed"``, or ``"legacy"``, the scrambled layout under which the released
            weights were trained (:func:`~blindsr.networks.blocks.windows.scramble_windows`).
    """

    def __init__(
        self, channels: int, window: tuple[int, int], window_layout: WindowLayout = "fixed"
    ) -> None:
        super().__init__()
        self.window = (window[0], window[1])
        self.window_layout: WindowLayout = window_layout
        positions = window[0] * window[1]
        self.s1 = nn.Parameter(torch.zeros(1))
        self.s2 = nn.Parameter(torch.zeros(1))
        self.conv_first1 = ConvBN(channels, channels, activation="leaky_relu")
        self.conv_first2 = ConvBN(channels, channels, activation="leaky_relu")
        self.conv1 = pointwise(channels, 1)
        self.conv2 = pointwise(channels, 1)
        self.conv_after_window1 = ConvBN(channels, channels, activation="leaky_relu")
        self.conv_after_window2 = ConvBN(channels, channels, activation="leaky_relu")
        # A 1x1 convolution over the positions as channels: one weight per position, and a bias.
        self.conv_redu1 = nn.Conv2d(positions, 1, 1)
        self.conv_redu2 = nn.Conv2d(positions, 1, 1)
        self.smooth1 = ConvBN(channels, channels)
        self.smooth2 = ConvBN(channels, channels)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Two (N, C, H, W) -> two (N, C, H, W)."""
        size = x1.shape[2:]
        f1, f2 = self.conv_first1(x1), self.conv_first2(x2)
        whole1, whole2 = (pad_to_windows(f, self.window) for f in (f1, f2))
        gate1, gate2 = self.gates(whole1, whole2)
        if self.window_layout == "legacy":
            out1, out2 = self.put_back(whole1 * gate1, size), self.put_back(whole2 * gate2, size)
        else:  # what was padded is not needed any more
            out1, out2 = f1 * self.put_back(gate1, size), f2 * self.put_back(gate2, size)
        return self.smooth1(out1), self.smooth2(out2)

    def gates(self, f1: Tensor, f2: Tensor) -> tuple[Tensor, Tensor]:
        """Two features (N, C, a*h, b*w) of whole windows -> their gates (N, 1, a*h, b*w)."""
        # The padded rows and columns are part of the windows and of their batch statistics.
        v1 = self.conv_after_window1(split_windows(f1, self.window))
        v2 = self.conv_after_window2(split_windows(f2, self.window))
        m1 = join_windows(affinity_sum(v1, v2, self.conv_redu1), f1.shape[2:])
        m2 = join_windows(affinity_sum(v2, v1, self.conv_redu2), f2.shape[2:])
        gate1 = torch.sigmoid(self.conv1(f1) + self.s1 * m1)
        gate2 = torch.sigmoid(self.conv2(f2) + self.s2 * m2)
        return gate1, gate2

    def put_back(self, x: Tensor, size: torch.Size) -> Tensor:
        """Gates or gated windows (N, C, a*h, b*w) -> (N, C, H, W), in the layout of the weights."""
        # The gate is a map itself, so "fixed" has no windows to undo.
        if self.window_layout == "legacy":
            x = scramble_windows(x, self.window)
        return x[:, :, : size[0], : size[1]]


def affinity_sum(own: Tensor, other: Tensor, reduce: nn.Conv2d) -> Tensor:
    """Affinity of every position with all positions of the other map, summed with learned weights.

    m[p] = sum_q k[q] <own[p], other[q]> + bias. Being linear in the affinity it is
    <own[p], sum_q k[q] other[q]> + bias: the P x P matrix is never built, and cost and memory grow
    linearly with the P positions of a window.

    Args:
        own: (B, C, h, w) windows of the map that the result gates.
        other: (B, C, h, w) windows of the other map.
        reduce: 1x1 convolution from P channels to 1 that holds k and the bias.

    Returns:
        (B, 1, h, w) in float32 at least: the sum is unscaled, too large for half precision.
    """
    dtype = torch.promote_types(own.dtype, torch.float32)
    with torch.autocast(own.device.type, enabled=False):
        own, other = own.to(dtype), other.to(dtype)
        weight, bias = reduce.weight.to(dtype), reduce.bias
        count = own.shape[0]
        if own.is_contiguous(memory_format=torch.channels_last):  # so that gradients are it, too
            rows, others = (x.permute(0, 2, 3, 1).flatten(1, 2) for x in (own, other))  # (B, P, C)
            pooled = torch.bmm(weight.view(1, 1, -1).expand(count, -1, -1), others)  # (B, 1, C)
            m = torch.bmm(rows, pooled.transpose(1, 2)).view(count, 1, *own.shape[2:])
        else:
            own_flat, other_flat = own.flatten(2), other.flatten(2)  # (B, C, P), without a copy
            weights = weight.view(1, -1, 1).expand(count, -1, -1)  # (B, P, 1)
            pooled = torch.bmm(other_flat, weights)  # (B, C, 1)
            m = torch.bmm(pooled.transpose(1, 2), own_flat).unflatten(2, own.shape[2:])
        return m if bias is None else m + bias.to(dtype)
