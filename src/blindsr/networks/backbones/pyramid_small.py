"""A small backbone with four scales, for demonstrations and tests on a CPU."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from blindsr.networks.blocks.conv import BasicBlock

CHANNELS = (8, 16, 16, 24)
"""Multiples of 8: other widths take slower convolution kernels on a CPU."""


class PyramidSmall(nn.Module):
    """Plain pyramid of residual blocks: (N, C, h, w) -> four maps, finest first.

    Strides 1, 2, 4, 8 (sizes rounded up) with 8, 16, 16, 24 channels. Each scale is one 3x3
    convolution (stride 2 from the second on), batch norm, ReLU and one residual block.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        widths = (in_channels, *CHANNELS)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=1 if i == 0 else 2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                BasicBlock(after),
            )
            for i, (before, after) in enumerate(pairwise(widths))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, C, h, w) -> four (N, C_i, ceil(h / 2^i), ceil(w / 2^i))."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
