"""Tile size, overlap and memory that a network requires."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from blindsr.networks.blocks.gia.channel import ChannelStream
from blindsr.networks.blocks.gia.spatial import SpatialStream

from .blocks.data_step import REACH as DATA_STEP_REACH
from .blur_sr import BlurSR
from .blur_unet import STRIDE as BLUR_UNET_STRIDE
from .blur_unet import BlurUNet
from .cmos import CMOS, MIN_SIZE
from .dan import DAN
from .dcls import DCLS
from .dcls import MIN_SIZE as DCLS_MIN_SIZE
from .koalanet import KOALAnet
from .manet import RRDBSFTPCA, STRIDE, MANet
from .rrdb_sft import RRDBSFT
from .ssr.ssr import SSR
from .ssr.svkr import SVKR

CMOS_OVERLAP = 96
"""Its flow alignment samples far away; smaller overlaps gave larger measured errors."""
RRDBSFT_OVERLAP = 32
DAN_OVERLAP = 64
KOALANET_OVERLAP = 128
"""Its receptive field reaches 106 pixels; what lies that far out hardly counts."""
BLUR_UNET_REACH = 224
"""Pixels from a cut to where it no longer shows: measured with trained weights, sigma is off by up
to 0.01 at 128 pixels, 2e-4 at 192 and 1e-5 at 224 (random weights: 2e-5 there)."""
BLUR_UNET_RAMP = 32
BLUR_SR_RAMP = 16
MANET_RAMP = 16
FLOAT = 4  # bytes


class TileNeeds(NamedTuple):
    """Lengths in LR pixels."""

    multiple: tuple[int, int] = (1, 1)
    """A tile must begin at multiples of these rows and columns, so that the windows of the
    attention lie as in the whole picture, at every scale."""
    overlap: int = 32
    """Pixels that neighbouring tiles share, enough that they agree where they are blended; a
    multiple of 4."""
    ramp: int | None = None
    """Pixels over which neighbours fade, the rest of the overlap being context; ``None`` is half
    of the overlap."""
    minimum: int = 1
    """Shortest side of a picture."""
    bytes_per_pixel: int = 20_000
    """Peak of memory per LR pixel of a tile, in float32 on a CPU."""
    context: int | None = None
    """Pixels around any part of a picture with which it makes of that part what it makes in the
    whole; ``None`` where tiles are only nearly that."""
    whole: bool = False
    """It must see the picture whole, as one tile: it solves for all pixels together, and has tiles
    of its own where memory matters."""
    picture_means: bool = False
    """It takes means over the whole picture, see
    :class:`~blindsr.networks.blocks.whole_picture.PictureMeans`."""

    def before(self, other: TileNeeds) -> TileNeeds:
        """Of this network and another in the same tile, which is told what this one finds there.

        Where the other one looks this one has its whole context, too.
        """
        rows, columns = zip(self.multiple, other.multiple, strict=True)
        ramp = self.overlap // 2 if self.ramp is None else self.ramp
        return TileNeeds(
            (math.lcm(*rows), math.lcm(*columns)),
            other.overlap + 4 * math.ceil((self.overlap - ramp) / 4),
            other.overlap // 2 if other.ramp is None else other.ramp,
            max(self.minimum, other.minimum),
            self.bytes_per_pixel + other.bytes_per_pixel,
            # means would have to be collected of both at once
            whole=any((self.whole, other.whole, self.picture_means, other.picture_means)),
        )


def cmos_needs(network: CMOS) -> TileNeeds:
    """Windows at all four scales of the backbone."""
    strides = _strides(network)
    sides = list(zip(*_windows(network), strict=True))
    rows, columns = (math.lcm(*(s * side for s in strides for side in axis)) for axis in sides)
    return TileNeeds(
        (rows, columns),
        CMOS_OVERLAP,
        minimum=MIN_SIZE,
        bytes_per_pixel=_cmos_bytes(network),
        picture_means=_takes_means(network),
    )


def rrdb_sft_needs(network: RRDBSFT) -> TileNeeds:
    """Windows of the condition, at HR size or at LR size."""
    step = network.scale if network.condition == "hr" else 1  # map pixels per LR pixel
    rows, columns = (math.lcm(step, *axis) // step for axis in zip(*_windows(network), strict=True))
    return TileNeeds(
        (rows, columns),
        RRDBSFT_OVERLAP,
        bytes_per_pixel=_rrdb_sft_bytes(network),
        picture_means=_takes_means(network),
    )


def blur_unet_needs(network: BlurUNet) -> TileNeeds:
    """Convolutions alone: tiles begin where a pixel of the coarsest level does."""
    return TileNeeds(
        (BLUR_UNET_STRIDE, BLUR_UNET_STRIDE),
        2 * BLUR_UNET_REACH + BLUR_UNET_RAMP,
        BLUR_UNET_RAMP,
        bytes_per_pixel=FLOAT * (8 + 5 * network.stem.out_channels),
    )


def blur_sr_needs(network: BlurSR) -> TileNeeds:
    """Convolutions of three pixels, exact if the overlap covers their receptive field.

    A data step looks further, but tiles tell nothing of that above 1e-5.
    """
    reach = 2 * len(network.blocks) + 2
    if network.data_step is not None:
        reach += DATA_STEP_REACH
    features, hr = network.first.out_channels, network.scale**2
    overlap = 4 * math.ceil((2 * reach + BLUR_SR_RAMP) / 4)
    bytes_ = FLOAT * (5 * features + 6 * hr)  # of the accelerated copy
    return TileNeeds(overlap=overlap, ramp=BLUR_SR_RAMP, bytes_per_pixel=bytes_, context=reach)


def dan_needs(network: DAN) -> TileNeeds:
    """Each tile has a kernel of its own, so that neighbours agree only as far as those do."""
    features, hr = network.features, network.scale**2
    bytes_ = FLOAT * (8 * features + 2 * features * hr + 3 * network.loops * hr)
    return TileNeeds(overlap=DAN_OVERLAP, bytes_per_pixel=bytes_)


def koalanet_needs(network: KOALAnet) -> TileNeeds:
    """Convolutions alone: tiles begin where a pixel of the coarsest level does."""
    features, hr = network.features, network.scale**2
    taps = network.down_kernel**2 + network.up_kernel**2 * hr
    bytes_ = FLOAT * (12 * features + 3 * taps + 12 * hr)
    return TileNeeds((4, 4), KOALANET_OVERLAP, bytes_per_pixel=bytes_)


def dcls_needs(network: DCLS) -> TileNeeds:
    """Each tile has a kernel of its own, as with DAN."""
    features, hr = network.features, network.scale**2
    bytes_ = FLOAT * (20 * features + 2 * features * hr + 3 * hr)
    return TileNeeds(overlap=DAN_OVERLAP, minimum=DCLS_MIN_SIZE, bytes_per_pixel=bytes_)


def manet_needs(network: MANet) -> TileNeeds:
    """Convolutions alone, exact if the overlap covers their receptive field."""
    blocks = len(network.m_up1) - 1  # at each level
    reach = 8 * blocks + 3
    fine = network.m_head.out_channels
    bytes_ = FLOAT * (4 * network.kernel_size**2 + 10 * fine + 2 * network.scale**2)
    overlap = 4 * math.ceil((2 * reach + MANET_RAMP) / 4)
    return TileNeeds((STRIDE, STRIDE), overlap, MANET_RAMP, bytes_per_pixel=bytes_)


def rrdb_sft_pca_needs(network: RRDBSFTPCA) -> TileNeeds:
    """As :func:`rrdb_sft_needs` without fusion, and a kernel for each pixel."""
    maps = 3 * network.kernel_size**2 + 10 * network.conv_first.out_channels
    bytes_ = FLOAT * (maps + 8 * network.scale**2)
    return TileNeeds(overlap=RRDBSFT_OVERLAP, bytes_per_pixel=bytes_)


def svkr_needs(network: SVKR) -> TileNeeds:
    """The thin lens is fitted to the whole picture; all features have the size of LR."""
    width, hr = network.kernel_net.lr_first.out_channels, network.scale**2
    return TileNeeds(whole=True, bytes_per_pixel=FLOAT * (12 * width + 40 * hr))


def ssr_needs(network: SSR) -> TileNeeds:
    """The data step solves for the whole picture; the denoiser runs in tiles of its own."""
    estimator = svkr_needs(network.svkr)
    return estimator._replace(bytes_per_pixel=estimator.bytes_per_pixel + FLOAT * 60 * 16)


def _takes_means(network: nn.Module) -> bool:
    return any(isinstance(module, ChannelStream) for module in network.modules())


def _windows(network: nn.Module) -> set[tuple[int, int]]:
    return {m.window for m in network.modules() if isinstance(m, SpatialStream)} or {(1, 1)}


@torch.no_grad()
def _strides(network: CMOS) -> list[int]:
    """Of the four scales of the backbone, read from their sizes."""
    side = 64
    zeros = torch.zeros(1, 3, side, side, device=network.mean.device)
    return [side // feature.shape[2] for feature in network.encode(zeros)]


def _cmos_bytes(network: CMOS) -> int:
    """Logits at HR size and features of all scales at LR size; 0.9 of this was measured."""
    outputs = max(network.num_classes, 1)
    first = next(m for m in network.predict.modules() if isinstance(m, nn.Conv2d))
    return FLOAT * (network.scale**2 * (outputs + 2) + 2 * first.in_channels)


def _rrdb_sft_bytes(network: RRDBSFT) -> int:
    """Five or six features of the condition at HR size, a few of the trunk; 0.9 of it measured."""
    hr, features = network.scale**2, network.conv_first.out_channels
    maps: float = 18 * hr + 10 * features
    if network.use_blur and network.use_semantics:
        code = network.blur_conv.out_channels
        maps += (5.5 * hr if network.condition == "hr" else 8) * code
    return int(FLOAT * maps)
