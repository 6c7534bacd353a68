"""First part of GIA: warp the first feature onto the second by a learned flow (paper, "F")."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from blindsr.networks.blocks.conv import pointwise
from blindsr.networks.blocks.whole_picture import flow_grid, resize


class FlowAlign(nn.Module):
    """Sample ``x1`` at positions given by a flow predicted from both features, then map it to C_h.

    Args:
        low_channels: C_l, channels of ``x1``.
        high_channels: C_h, channels of ``x2`` and of the output.
        upsample: ``x1`` is coarser than ``x2``.
    """

    def __init__(self, low_channels: int, high_channels: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        self.down_h = pointwise(low_channels, high_channels, bias=False)
        self.down_l = pointwise(high_channels, high_channels, bias=False)
        self.flow_make = nn.Conv2d(2 * high_channels, 2, 3, padding=1, bias=False)
        self.conv_last = nn.Conv2d(low_channels, high_channels, 3, padding=1, bias=False)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(N, C_l, h, w) and (N, C_h, H, W) -> (N, C_h, H, W), ``x1`` aligned with ``x2``."""
        high, low = self.down_h(x1), self.down_l(x2)
        if self.upsample:
            high = resize(high, x2.shape[2:], align_corners=True)
        flow = self.flow_make(torch.cat([high, low], dim=1))
        return self.conv_last(warp(x1, flow))


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Sample (N, C, h, w) at (N, 2, H, W) places: corner-aligned base grid plus flow / (W, H).

    ``flow`` holds x, then y; outside of the map is zero. The grid is kept in at least float32,
    because half precision cannot address the pixels of a map.
    """
    grid = flow_grid(x, flow)  # (N, H, W, 2)
    sampled = grid_sample(
        x.to(grid.dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=True
    ).to(x.dtype)
    if x.is_contiguous(memory_format=torch.channels_last):  # its result never is
        sampled = sampled.contiguous(memory_format=torch.channels_last)
    return sampled
