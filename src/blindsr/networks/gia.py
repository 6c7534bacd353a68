"""Grouping Interactive Attention (GIA): mutual attention between two feature maps."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.networks.blocks.conv import ConvBN
from blindsr.networks.blocks.gia.align import FlowAlign
from blindsr.networks.blocks.gia.channel import ChannelStream
from blindsr.networks.blocks.gia.spatial import SpatialStream, WindowLayout
from blindsr.networks.blocks.whole_picture import resize

GIAParts = Literal["", "F", "FC", "FCS"]


def default_groups(channels: int) -> int:
    """Largest divisor of ``channels`` that is at most its square root: r of the paper.

    >>> [default_groups(channels) for channels in (18, 36, 72, 144)]
    [3, 6, 8, 12]
    """
    return max(r for r in range(1, math.isqrt(channels) + 1) if channels % r == 0)


class GIA(nn.Module):
    """Grouping Interactive Attention (CMOS, CVPR 2023, section 4.2).

    ``x1`` is warped onto ``x2`` (F), then both gate each other's channels (C) and, in windows,
    positions (S); the two streams are merged by a convolution per output.

    Args:
        low_channels: C_l, channels of ``x1``.
        high_channels: C_h, channels of ``x2`` and of the outputs.
        groups: channel groups r; must divide C_h.
        window: rows and columns of a window of the spatial stream.
        upsample: ``x1`` is coarser than ``x2``; without it both have one size.
        merge: return the sum of both outputs instead of the two.
        parts: which of them are used. ``"FCS"`` all; ``"FC"`` alignment and channel stream, whose
            outputs are returned unmerged; ``"F"`` the aligned ``x1`` and ``x2``; ``""`` plain
            fusion: ``x1`` through an unbiased 1x1 convolution (only if C_l differs from C_h),
            bilinearly resized to ``x2`` (align_corners=False), and ``x2`` as it is. ``"F"`` and
            ``""`` serve ablations.
        window_layout: ``"fixed"``, or ``"legacy"`` for the officially released weights; may be
            set later through the attribute of the same name.

    Raises:
        ConfigError: if ``groups`` does not divide C_h, or an option has an unknown value.
    """

    def __init__(
        self,
        low_channels: int,
        high_channels: int,
        *,
        groups: int,
        window: tuple[int, int] = (15, 20),
        upsample: bool = False,
        merge: bool = False,
        parts: GIAParts = "FCS",
        window_layout: WindowLayout = "fixed",
    ) -> None:
        super().__init__()
        _check(high_channels, groups, parts)
        self.merge, self.parts = merge, parts
        self._window_layout: WindowLayout = window_layout
        self.upsample_layer: nn.Module
        if parts:
            self.upsample_layer = FlowAlign(low_channels, high_channels, upsample=upsample)
        elif low_channels != high_channels:
            self.upsample_layer = nn.Conv2d(low_channels, high_channels, 1, bias=False)
        else:
            self.upsample_layer = nn.Identity()
        if "C" in parts:
            self.channel = ChannelStream(high_channels, groups)
        if "S" in parts:
            self.spatial = SpatialStream(high_channels, window)
            self.smooth1 = ConvBN(2 * high_channels, high_channels)
            self.smooth2 = ConvBN(2 * high_channels, high_channels)
        self.window_layout = window_layout

    @property
    def window_layout(self) -> WindowLayout:
        """How windows are put back: ``"fixed"`` or ``"legacy"``."""
        return self._window_layout

    @window_layout.setter
    def window_layout(self, layout: WindowLayout) -> None:
        if layout not in ("fixed", "legacy"):
            raise ConfigError("window_layout", found=repr(layout), expected="'fixed' or 'legacy'")
        self._window_layout = layout
        if "S" in self.parts:
            self.spatial.window_layout = layout

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, C_l, h, w) and (N, C_h, H, W) -> two (N, C_h, H, W), or their sum if ``merge``."""
        x1 = self._align(x1, x2)
        if "C" in self.parts:
            out1, out2 = self.channel(x1, x2)
        else:
            out1, out2 = x1, x2
        if "S" in self.parts:
            spatial1, spatial2 = self.spatial(x1, x2)
            # The names are crossed in the released weights: smooth2 serves the first output.
            out1 = self.smooth2(torch.cat([out1, spatial1], dim=1))
            out2 = self.smooth1(torch.cat([out2, spatial2], dim=1))
        return out1 + out2 if self.merge else (out1, out2)

    def _align(self, x1: Tensor, x2: Tensor) -> Tensor:
        if self.parts:
            return self.upsample_layer(x1, x2)
        x1 = self.upsample_layer(x1)
        if x1.shape[2:] == x2.shape[2:]:
            return x1
        return resize(x1, x2.shape[2:])


def _check(channels: int, groups: int, parts: str) -> None:
    if groups < 1 or channels % groups:
        raise ConfigError(
            "groups",
            found=str(groups),
            expected=f"a divisor of the {channels} output channels",
            fix=f"The default rule gives {default_groups(channels)}.",
        )
    if parts not in ("", "F", "FC", "FCS"):
        raise ConfigError("parts", found=repr(parts), expected="'FCS', 'FC', 'F' or ''")
