"""What a network asks of the tiles that it sees a picture in."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import nn

from blindsr.networks.blocks.channel import ChannelStream
from blindsr.networks.blocks.spatial import SpatialStream

from .cmos import CMOS, MIN_SIZE
from .rrdb_sft import RRDBSFT

CMOS_OVERLAP = 96
"""The flow of its alignment looks far; smaller overlaps were measured to be further off."""
RRDBSFT_OVERLAP = 32
FLOAT = 4  # bytes


class TileNeeds(NamedTuple):
    """Lengths in LR pixels."""

    multiple: tuple[int, int] = (1, 1)
    """Rows and columns at whose multiples a tile must begin: there windows of the attention lie as
    in the whole picture, at every scale."""
    overlap: int = 32
    """What neighbours must share, so that where one fades into the other both are nearly right."""
    minimum: int = 1
    """Smallest picture."""
    bytes_per_pixel: int = 20_000
    """Peak of memory per LR pixel of a tile, in float32 on a CPU."""
    picture_means: bool = False
    """It takes means over the whole picture, see
    :class:`~blindsr.networks.blocks.whole_picture.PictureMeans`."""


def tile_needs(network: nn.Module) -> TileNeeds:
    """Needs of :class:`CMOS` or :class:`RRDBSFT` (not of their accelerated copies)."""
    means = any(isinstance(module, ChannelStream) for module in network.modules())
    if isinstance(network, CMOS):
        strides = _strides(network)
        return TileNeeds(
            _multiple(network, strides),
            CMOS_OVERLAP,
            MIN_SIZE,
            _cmos_bytes(network),
            means,
        )
    network = cast("RRDBSFT", network)
    return TileNeeds(
        _multiple(network, []),
        RRDBSFT_OVERLAP,
        bytes_per_pixel=_rrdb_sft_bytes(network),
        picture_means=means,
    )


@torch.no_grad()
def _strides(network: CMOS) -> list[int]:
    """Of the four scales of the backbone, read from their sizes."""
    side = 64
    zeros = torch.zeros(1, 3, side, side, device=network.mean.device)
    return [side // feature.shape[2] for feature in network.encode(zeros)]


def _multiple(network: nn.Module, strides: list[int]) -> tuple[int, int]:
    windows = {m.window for m in network.modules() if isinstance(m, SpatialStream)} or {(1, 1)}
    lengths = []
    for axis in (0, 1):
        sides = [window[axis] for window in windows]
        if isinstance(network, RRDBSFT):
            step = network.scale if network.condition == "hr" else 1  # map pixels per LR pixel
            lengths.append(math.lcm(step, *sides) // step)
        else:
            lengths.append(math.lcm(*(stride * side for stride in strides for side in sides)))
    return lengths[0], lengths[1]


def _cmos_bytes(network: CMOS) -> int:
    """The logits at HR size, and all scales at LR size on the way there; measured 0.9 of it."""
    outputs = network.num_classes if "seg" in network.tasks else 1
    first = next(m for m in network.predict.modules() if isinstance(m, nn.Conv2d))
    return FLOAT * (network.scale**2 * (outputs + 2) + 2 * first.in_channels)


def _rrdb_sft_bytes(network: RRDBSFT) -> int:
    """Five or six maps of the condition at HR size, a few of the trunk; measured 0.9 of it."""
    hr, features = network.scale**2, network.conv_first.out_channels
    maps: float = 18 * hr + 10 * features
    if network.use_blur and network.use_semantics:
        code = network.blur_conv.out_channels
        maps += (5.5 * hr if network.condition == "hr" else 8) * code
    return int(FLOAT * maps)
