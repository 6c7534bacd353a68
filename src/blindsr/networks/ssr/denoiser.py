"""The network of the diffusion: x_t, enlarged LR and fused modalities -> the picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, silu

from blindsr.networks.blocks.depth_aware import PlainBlock, silence

_BRIGHTNESS = 4.0
REACH = 112
"""HR pixels beyond which nothing changes an output pixel, with AMF; measured in the tests."""


class PixelDenoiser(nn.Module):
    """Two levels in pixels, modulated by the step; predicts what enlarged LR lacks.

    No attention, no pooling, no normalisation over pixels: a tile with a margin of
    :data:`REACH` gives the same picture as the whole. The last layer starts at zero.

    Args:
        steps: of the diffusion.
        widths: channels at half and at a quarter of HR size.
        blocks: residual blocks of each level, before and after.
    """

    def __init__(self, *, steps: int, widths: tuple[int, int], blocks: int) -> None:
        super().__init__()
        fine, coarse = widths
        self.first = nn.Conv2d(2 * 3 * 4, fine, 3, padding=1)
        self.encoder = nn.ModuleList(_StepBlock(fine, steps) for _ in range(blocks))
        self.down = nn.Conv2d(fine, coarse, 2, stride=2)
        self.middle = nn.ModuleList(_StepBlock(coarse, steps) for _ in range(2 * blocks))
        self.up = nn.Conv2d(coarse, 4 * fine, 3, padding=1)
        self.decoder = nn.ModuleList(_StepBlock(fine, steps) for _ in range(blocks))
        self.last = nn.Conv2d(fine, 3 * 4, 3, padding=1)
        silence(self.last)

    def forward(self, x: Tensor, start: Tensor, t: Tensor, pyramid: list[Tensor]) -> Tensor:
        """Predict x_0.

        Args:
            x: (N, 3, H, W) x_t, H and W multiples of 4.
            start: (N, 3, H, W) enlarged LR.
            t: (N,) step, 1..T.
            pyramid: of :class:`~blindsr.networks.ssr.amf.AMF`, added after each level.

        Returns:
            (N, 3, H, W).
        """
        inputs = _BRIGHTNESS * torch.cat([x - start, start - 0.5], dim=1)
        fine = self.first(pixel_unshuffle(inputs, 2))
        for block in self.encoder:
            fine = block(fine, t)
        fine = fine + pyramid[0]
        coarse = self.down(silu(fine))
        for index, block in enumerate(self.middle):
            coarse = block(coarse, t)
            if index == len(self.middle) // 2 - 1:
                coarse = coarse + pyramid[1]
        fine = fine + pixel_shuffle(self.up(silu(coarse)), 2)
        for block in self.decoder:
            fine = block(fine, t)
        return start + pixel_shuffle(self.last(silu(fine)), 2) / _BRIGHTNESS


class _StepBlock(nn.Module):
    """Scale and shift of every channel by the step, then a plain block."""

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.step = nn.Embedding(steps + 1, 2 * channels)
        nn.init.zeros_(self.step.weight)
        self.block = PlainBlock(channels)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        gamma, beta = self.step(t)[:, :, None, None].chunk(2, dim=1)
        return self.block(x * (1 + gamma) + beta)
