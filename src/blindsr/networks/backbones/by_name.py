"""Backbones of CMOS by name.

A backbone is any module that maps a normalised image (N, C, h, w) to four feature maps, finest
first, whatever their strides: CMOS uses only their channel counts and resizes each map to the next
finer one. To add one, write a function that returns it with its four channel counts, and name it in
``BACKBONES``.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from .encoder import Encoder
from .hrnet import hrnet_w18_small_v2
from .pyramid_small import CHANNELS, PyramidSmall

Channels = tuple[int, int, int, int]


def create_backbone(name: str, in_channels: int = 3) -> tuple[nn.Module, Channels]:
    """Build a backbone with random weights.

    Args:
        name: a key of ``BACKBONES``, an encoder of segmentation-models-pytorch, or ``tu-`` and a
            model of timm, see :class:`~blindsr.networks.backbones.encoder.Encoder`.
        in_channels: C of its input.

    Returns:
        The module, and the channels of its four maps, finest first.

    Raises:
        ConfigError: if no backbone has that name.
    """
    if name in BACKBONES:
        return BACKBONES[name](in_channels)
    encoder = Encoder(name, in_channels)
    return encoder, encoder.channels


def _hrnet(in_channels: int) -> tuple[nn.Module, Channels]:
    return hrnet_w18_small_v2(in_channels), (18, 36, 72, 144)


def _pyramid_small(in_channels: int) -> tuple[nn.Module, Channels]:
    return PyramidSmall(in_channels), CHANNELS


BACKBONES: dict[str, Callable[[int], tuple[nn.Module, Channels]]] = {
    "hrnet_w18_small_v2": _hrnet,
    "pyramid_small": _pyramid_small,
}
