"""Merge two consecutive linear convolutions into one, exact at the border too."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

SIDE = 3
"""Side of both kernels; the merged one has 2 * SIDE - 1."""


class MergedConv(nn.Module):
    """``second(first(x))`` at every ``stride``-th pixel, for inference.

    Two linear maps in a row are one, with a 5x5 kernel for two 3x3 kernels. At the border they
    differ: there ``second`` pads the output of ``first`` with zeros, where the 5x5 kernel sees
    values that ``first`` would have had outside of the map. Those border pixels are computed in two
    steps. Where one kernel costs more multiplications than two, all pixels are.

    Args:
        first: 3x3, stride 1, zero padding 1.
        second: also 3x3, stride 1, zero padding 1; takes the channels of ``first``.
        stride: every how many rows and columns the result is needed, starting with the first.
    """

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d, stride: int = 1) -> None:
        super().__init__()
        self.first, self.second, self.stride = first, second, stride
        inputs, middle, outputs = first.in_channels, first.out_channels, second.out_channels
        once = (2 * SIDE - 1) ** 2 * inputs * outputs / stride**2
        twice = SIDE**2 * (inputs * middle + middle * outputs / stride**2)
        self.merged = _merge(first, second, stride) if once < twice else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride))."""
        step = self.stride
        if self.merged is None:
            return self._second(self.first(x), (step, step))
        out = self.merged(x)
        # One row of the result needs two of what is between, and those need three of the input.
        out[:, :, 0] = self._rows(x[:, :, :SIDE], 0)
        out[..., 0] = self._columns(x[..., :SIDE], 0)
        if (x.shape[2] - 1) % step == 0:
            out[:, :, -1] = self._rows(x[:, :, -SIDE:], -1)
        if (x.shape[3] - 1) % step == 0:
            out[..., -1] = self._columns(x[..., -SIDE:], -1)
        return out

    def _rows(self, strip: Tensor, row: int) -> Tensor:
        between = self.first(strip)
        between = between[:, :, : SIDE - 1] if row == 0 else between[:, :, 1 - SIDE :]
        return self._second(between, (1, self.stride))[:, :, row]

    def _columns(self, strip: Tensor, column: int) -> Tensor:
        between = self.first(strip)
        between = between[..., : SIDE - 1] if column == 0 else between[..., 1 - SIDE :]
        return self._second(between, (self.stride, 1))[..., column]

    def _second(self, x: Tensor, stride: tuple[int, int]) -> Tensor:
        return conv2d(x, self.second.weight, self.second.bias, stride=stride, padding=SIDE // 2)


def plain_conv(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """A convolution (stride 1, zero padding that keeps the size) with the given tensors."""
    outputs, inputs, side, _ = weight.shape
    conv = nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=bias is not None)
    conv.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return conv


@torch.no_grad()
def _merge(first: nn.Conv2d, second: nn.Conv2d, stride: int) -> nn.Conv2d:
    """The 5x5 convolution that equals both away from the border; sums in float64."""
    w1, w2 = first.weight.double(), second.weight.double()
    # (C_in, C_mid, 3, 3) * (C_out, C_mid, 3, 3) -> (C_in, C_out, 5, 5), a full convolution
    weight = conv2d(w1.transpose(0, 1), w2.flip(2, 3), padding=SIDE - 1).transpose(0, 1)
    bias = weight.new_zeros(len(weight))
    if first.bias is not None:
        bias = w2.sum(dim=(2, 3)) @ first.bias.double()
    if second.bias is not None:
        bias = bias + second.bias.double()
    merged = plain_conv(weight.to(first.weight.dtype), bias.to(first.weight.dtype))
    merged.stride = (stride, stride)
    return merged
