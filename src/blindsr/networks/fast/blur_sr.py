"""BlurSR for inference: the same pictures with fewer passes over memory, also in bfloat16."""

from __future__ import annotations

import copy
import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu_, pixel_shuffle, pixel_unshuffle

from blindsr.imaging.resize import pad_symmetric, upsample
from blindsr.networks.blur_sr import SLOPE, BlurSR, ModulatedBlock


class FastBlurSR(BlurSR):
    """:class:`~blindsr.networks.BlurSR` whose blocks work in place, for inference.

    Under autocast LR and the first convolution stay in float32: LR has more digits than the eight
    bits of bfloat16, and that convolution is little work.

    Args:
        network: in evaluation mode; its tensors are copied.
    """

    cubic: Tensor

    def __init__(self, network: BlurSR) -> None:
        nn.Module.__init__(self)  # no weights to draw at random
        self.scale, self.phase = network.scale, network.phase
        self.register_buffer("levels", network.levels.clone(), persistent=False)
        cubic = _cubic(network.scale, network.phase).to(network.first.weight)
        self.register_buffer("cubic", cubic, persistent=False)
        self.first, self.last = copy.deepcopy(network.first), copy.deepcopy(network.last)
        self.data_step = copy.deepcopy(network.data_step)
        # nn.ModuleList forgets what it holds
        blocks = cast("list[ModulatedBlock]", list(network.blocks))
        self.blocks = nn.ModuleList(map(_FastBlock, blocks))

    @torch.no_grad()
    def trunk(self, lr: Tensor, code: Tensor) -> Tensor:
        """As :meth:`BlurSR.trunk`."""
        device = lr.device.type
        with torch.autocast(device, enabled=False):
            feature = self.start(lr, code)
        half = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if half else feature.dtype
        # convolutions 1x1 keep the memory format of their input, and so must what meets them
        feature, code = (x.to(dtype, memory_format=torch.channels_last) for x in (feature, code))
        for block in self.blocks:
            feature = block(feature, code)
        return feature

    @torch.no_grad()
    def enlarge(self, lr: Tensor, detail: Tensor) -> Tensor:
        """As :meth:`BlurSR.enlarge`; the cubic is a convolution whose channels are HR pixels."""
        return pixel_shuffle(self._mirrored_conv(lr, self.cubic).add_(detail), self.scale)

    @torch.no_grad()
    def reduced(self, lr: Tensor, detail: Tensor) -> Tensor:
        """As :meth:`BlurSR.reduced`, without the HR picture: its pixels are channels here."""
        apart = detail.unflatten(1, (3, self.scale**2))
        cubic = self.cubic.unflatten(0, (3, self.scale**2))
        if self.downsampler == "sfold":
            return self._mirrored_conv(lr, cubic[:, 0]).add_(apart[:, :, 0])
        return self._mirrored_conv(lr, cubic.mean(dim=1)).add_(apart.mean(dim=2, dtype=lr.dtype))

    def _mirrored_conv(self, lr: Tensor, weight: Tensor) -> Tensor:
        reach = weight.shape[-1] // 2
        mirrored = pad_symmetric(pad_symmetric(lr, reach, 2), reach, 3)
        with torch.autocast(lr.device.type, enabled=False):
            return conv2d(mirrored, weight)


class _FastBlock(nn.Module):
    """:class:`ModulatedBlock` with gain and shift apart, and the 1 of ``1 + gain`` in a bias."""

    def __init__(self, block: ModulatedBlock) -> None:
        super().__init__()
        self.before, self.after = copy.deepcopy(block.before), copy.deepcopy(block.after)
        self.gain, self.shift = _halves(block.modulation)
        torch.as_tensor(self.gain.bias).data += 1

    def forward(self, feature: Tensor, code: Tensor) -> Tensor:
        """(N, C, h, w) and (N, K, h, w) -> (N, C, h, w); overwrites ``feature``."""
        between = self.before(feature)
        torch.addcmul(self.shift(code), between, self.gain(code), out=between)
        return feature.add_(self.after(leaky_relu_(between, SLOPE)))


def _cubic(scale: int, phase: float) -> Tensor:
    """The bicubic enlargement as weights (3 s^2, 3, k, k) of a convolution before a shuffle."""
    middle = math.ceil(abs(phase) / scale) + 4
    pixel = torch.zeros(1, 1, 2 * middle + 1, 2 * middle + 1, dtype=torch.float64)
    pixel[..., middle, middle] = 1
    # What a single bright pixel becomes says how much each of its neighbours takes of it.
    answer = pixel_unshuffle(upsample(pixel, scale, phase=phase), scale)[0].flip(1, 2)
    reach = int((answer.nonzero()[:, 1:] - middle).abs().max())
    side = 2 * reach + 1
    taps = answer[:, middle - reach :, middle - reach :][:, :side, :side]
    weight = taps.new_zeros(3, scale**2, 3, side, side)
    for channel in range(3):
        weight[channel, :, channel] = taps
    return weight.flatten(0, 1)


def _halves(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Two convolutions 1x1 of one input, whose channels together are those of ``conv``."""
    assert conv.bias is not None
    parts = []
    for weight, bias in zip(conv.weight.chunk(2), conv.bias.chunk(2), strict=True):
        part = nn.Conv2d(conv.in_channels, len(weight), 1)
        part.weight, part.bias = (nn.Parameter(x.detach().clone()) for x in (weight, bias))
        parts.append(part)
    return parts[0], parts[1]
