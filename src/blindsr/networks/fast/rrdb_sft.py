"""RRDB-SFT for inference: the same pictures, sooner; the condition for a quarter of the work."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, unfold

from blindsr.networks.blocks.condition import class_input
from blindsr.networks.blocks.conv import SLOPE, ConvBN
from blindsr.networks.blocks.gia.align import FlowAlign, warp
from blindsr.networks.blocks.windows import pad_to_windows
from blindsr.networks.fast.merged import MergedConv, plain_conv
from blindsr.networks.roles import RestorerNetwork
from blindsr.networks.rrdb_sft import RRDBSFT, check_inputs

from .folding import fold_batchnorm

STRIP = 2**15
"""Pixels whose spatial gates are computed at once: a strip of windows fits into the cache."""


class FastCondition(nn.Module):
    """What ``RRDBSFT.encode`` computes, for inference with ``condition="hr"`` and both maps.

    Convolutions without a non-linearity between them are merged (:class:`MergedConv`):

    - flow: everything from the maps to the two channels of the flow is linear;
    - second input: from the class map to the first activation;
    - first input: the warp is linear as well, and mixes no channels. It is applied to the 3x3
      patches of the sigma map and a channel of ones, which carries the bias, instead of the C
      channels that the patches are embedded into; the convolutions after it take over;
    - last: from the gated features to the result, which is needed at every s-th pixel only.

    Args:
        network: in evaluation mode; its tensors are copied.
    """

    def __init__(self, network: RRDBSFT) -> None:
        super().__init__()
        gia = fold_batchnorm(network.fuse)
        self.embed, self.num_classes = network.embed, network.num_classes
        self.channel, self.spatial = gia.channel, gia.spatial
        blur, seg = network.blur_conv, network.seg_conv
        align = gia.upsample_layer
        assert isinstance(align, FlowAlign)
        self.flow_blur, self.flow_seg = _flow(align, blur, seg)
        patches = _from_patches(align.conv_last, blur)
        attention = (self.channel.channel_att1, self.channel.channel_att2)
        first = (self.spatial.conv_first1, self.spatial.conv_first2)
        self.channel_first1 = MergedConv(patches, attention[0].conv_bn_relu.conv)
        self.channel_first2 = MergedConv(_copy(seg), attention[1].conv_bn_relu.conv)
        self.spatial_first1 = MergedConv(patches, first[0].conv)
        self.spatial_first2 = MergedConv(_copy(seg), first[1].conv)
        # The names are crossed in the released weights: smooth2 serves the first output.
        step = network.scale
        self.channel_last1, self.spatial_last1 = _last(
            self.channel.smooth1, self.spatial.smooth1, gia.smooth2, step
        )
        self.channel_last2, self.spatial_last2 = _last(
            self.channel.smooth2, self.spatial.smooth2, gia.smooth1, step
        )

    @torch.no_grad()
    def forward(self, blur: Tensor, seg: Tensor) -> Tensor:
        """Maps (N, 1, s*h, s*w) and (N, s*h, s*w) -> condition (N, C, h, w)."""
        blur = blur.to(self.flow_blur.first.weight.dtype)
        seg = class_input(seg, self.embed, self.num_classes, 1, blur.dtype)
        flow = self.flow_blur(blur) + self.flow_seg(seg)
        warped = warp(_patches(blur), flow)
        condition = self._channel_stream(warped, seg)
        return condition.add_(self._spatial_stream(warped, seg))

    def _channel_stream(self, warped: Tensor, seg: Tensor) -> Tensor:
        f1 = leaky_relu(self.channel_first1(warped), SLOPE, inplace=True)
        f2 = leaky_relu(self.channel_first2(seg), SLOPE, inplace=True)
        a1 = self.channel.channel_att1.describe(f1)
        a2 = self.channel.channel_att2.describe(f2)
        gate1, gate2 = self.channel.gates(a1, a2)
        return self.channel_last1(f1.mul_(gate1)).add_(self.channel_last2(f2.mul_(gate2)))

    def _spatial_stream(self, warped: Tensor, seg: Tensor) -> Tensor:
        size, window = warped.shape[2:], self.spatial.window
        f1 = leaky_relu(self.spatial_first1(warped), SLOPE, inplace=True)
        f2 = leaky_relu(self.spatial_first2(seg), SLOPE, inplace=True)
        f1, f2 = pad_to_windows(f1, window), pad_to_windows(f2, window)
        rows = window[0] * max(1, STRIP // (window[0] * f1.shape[3] * len(f1)))
        for strip1, strip2 in zip(f1.split(rows, dim=2), f2.split(rows, dim=2), strict=True):
            gate1, gate2 = self.spatial.gates(strip1, strip2)
            strip1.mul_(gate1)
            strip2.mul_(gate2)
        out = self.spatial_last1(self.spatial.put_back(f1, size))
        return out.add_(self.spatial_last2(self.spatial.put_back(f2, size)))


def _copy(conv: nn.Conv2d) -> nn.Conv2d:
    return plain_conv(conv.weight, conv.bias)


def _flow(align: FlowAlign, blur: nn.Conv2d, seg: nn.Conv2d) -> tuple[MergedConv, MergedConv]:
    """Flow = sum of what either map contributes: embedding, then 1x1 and 3x3 as one 3x3."""
    halves = align.flow_make.weight.chunk(2, dim=1)  # cat[high, low]
    parts = []
    for half, reduce, embed in zip(halves, (align.down_h, align.down_l), (blur, seg), strict=True):
        weight = torch.einsum("omyx,mc->ocyx", half, reduce.weight[:, :, 0, 0])
        parts.append(MergedConv(_copy(embed), plain_conv(weight)))
    return parts[0], parts[1]


def _last(
    channel: ConvBN, spatial: ConvBN, merge: ConvBN, step: int
) -> tuple[MergedConv, MergedConv]:
    """The convolution of both streams to one output, as the sum of what either contributes."""
    halves = merge.conv.weight.chunk(2, dim=1)  # cat[channel, spatial]
    return (
        MergedConv(channel.conv, plain_conv(halves[0], merge.conv.bias), step),
        MergedConv(spatial.conv, plain_conv(halves[1]), step),
    )


def _from_patches(conv: nn.Conv2d, blur: nn.Conv2d) -> nn.Conv2d:
    """``conv`` after the embedding of sigma, as a convolution of the channels of `_patches`."""
    assert blur.bias is not None
    embedding = torch.cat([blur.weight.flatten(1), blur.bias[:, None]], dim=1)  # (C, 9 + 1)
    return plain_conv(torch.einsum("ocyx,ck->okyx", conv.weight, embedding))


def _patches(blur: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, 10, H, W): the 3x3 pixels around each one, zero outside, and a one."""
    patches = unfold(blur, 3, padding=1).unflatten(2, blur.shape[2:])
    return torch.cat([patches, torch.ones_like(blur)], dim=1)


class FastRRDBSFT(RestorerNetwork):
    """:class:`~blindsr.networks.RRDBSFT` with both maps at HR size, for inference.

    Args:
        network: in evaluation mode; its tensors are copied.
    """

    needs = ("blur", "seg")

    def __init__(self, network: RRDBSFT) -> None:
        super().__init__()
        self.scale, self.num_classes = network.scale, network.num_classes
        self.encoder = FastCondition(network)
        self.restorer = copy.deepcopy(network)
        del self.restorer.blur_conv, self.restorer.seg_conv, self.restorer.fuse

    @torch.no_grad()
    def forward(self, lr: Tensor, blur: Tensor, seg: Tensor) -> Tensor:
        """As :meth:`RRDBSFT.forward`."""
        check_inputs(self.restorer, lr, blur, seg)
        return self.restorer.restore(lr, self.encode(blur, seg))

    def encode(self, blur: Tensor | None, seg: Tensor | None) -> Tensor:
        """As :meth:`RRDBSFT.encode`."""
        return self.encoder(blur, seg)


def fast_rrdb_sft(network: RRDBSFT) -> RestorerNetwork:
    """:class:`FastRRDBSFT` where both maps are fused at HR size, else folded batch norms."""
    both = network.use_blur and network.use_semantics
    return FastRRDBSFT(network) if both and network.condition == "hr" else fold_batchnorm(network)
