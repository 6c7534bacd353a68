"""The two networks of SVKR: one estimates depth, one the kernel with the help of depth."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, silu, softplus

from blindsr.networks.blocks.depth_aware import DepthAwareBlock, PlainBlock
from blindsr.networks.blocks.gradient_energy import GradientEnergy
from blindsr.networks.blocks.padding import any_size

STRIDE = 8
DEPTH_REACH = 128
"""LR pixels from a cut to where depth shows it no longer: 1e-6 there, 4e-5 at 104."""
_ENERGY_REACH = 42  # LR pixels, of GradientEnergy: two Gaussians of 6.4 pixels, and 2
_BRIGHTNESS = 4.0  # colours are brought to [-2, 2]
_LOG_SCALE = (-5.0, 3.0)  # of the Laplace scale, natural logarithm


class DepthNet(nn.Module):
    """LR, a deblurred preview of HR and the last estimate -> inverse depth at HR size.

    A U-Net of stride 8 without any layer that looks at the whole picture.

    Args:
        scale: HR size over LR size.
        width: channels at LR size.
    """

    def __init__(self, *, scale: int, width: int) -> None:
        super().__init__()
        self.scale = scale
        widths = (width, width + width // 2, 2 * width, 2 * width)
        self.first = nn.Conv2d(3 + 3 * scale**2 + 1, width, 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in itertools.pairwise(widths)
        )
        self.encoder = nn.ModuleList(PlainBlock(channels) for channels in widths[:-1])
        self.middle = nn.Sequential(*(PlainBlock(widths[-1], dilation=d) for d in (1, 2, 4)))
        self.up = nn.ModuleList(
            nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.decoder = nn.ModuleList(PlainBlock(channels) for channels in widths[:-1])
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, lr: Tensor, preview: Tensor, before: Tensor | None = None) -> Tensor:
        """Estimate.

        Args:
            lr: (N, 3, h, w) in [0, 1].
            preview: (N, 3, H, W).
            before: (N, 1, H, W) the last estimate; ``None`` for none.

        Returns:
            (N, 1, H, W) inverse depth in [0, 1], 1 = nearest.
        """
        size = (lr.shape[0], 1, *lr.shape[2:])
        last = lr.new_full(size, 0.5) if before is None else shrunk(before, self.scale)
        parts = [lr - 0.5, pixel_unshuffle(preview - 0.5, self.scale), last - 0.5]
        inputs = _BRIGHTNESS * torch.cat(parts, dim=1)
        depth = any_size(self._whole, inputs, scale=1, multiple=STRIDE)
        return interpolate(
            depth, scale_factor=float(self.scale), mode="bilinear", align_corners=False
        )

    def _whole(self, inputs: Tensor) -> Tensor:
        feature = self.first(inputs)
        kept = []
        for block, down in zip(self.encoder, self.down, strict=True):
            feature = block(feature)
            kept.append(feature)
            feature = down(silu(feature))
        feature = self.middle(feature)
        for block, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            larger = interpolate(feature, scale_factor=2.0, mode="bilinear", align_corners=False)
            feature = block(kept.pop() + up(larger))
        return torch.sigmoid(self.last(silu(feature)))


class DKENet(nn.Module):
    """LR in one branch, depth in the other -> sigma of every HR pixel and its Laplace scale.

    The LR branch sees how much gradient is left after several blurs, beside the colours, and passes
    a chain of depth-aware blocks.

    Args:
        scale: HR size over LR size.
        width: channels.
        blocks: depth-aware blocks.
    """

    def __init__(self, *, scale: int, width: int, blocks: int) -> None:
        super().__init__()
        self.scale = scale
        self.energy = GradientEnergy()
        self.lr_first = nn.Conv2d(3 + self.energy.channels, width, 3, padding=1)
        self.depth_first = nn.Conv2d(2 * scale**2, width, 3, padding=1)
        self.depth_block = PlainBlock(width)
        dilations = [(1, 2, 4, 8)[index % 4] for index in range(blocks)]
        self.blocks = nn.ModuleList(DepthAwareBlock(width, width, dilation=d) for d in dilations)
        self.last = nn.Conv2d(2 * width, 2 * scale**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        far = 2 * sum(dilations) + _ENERGY_REACH + 2
        self.reach = STRIDE * math.ceil(far / STRIDE)  # LR pixels that an output depends on
        with torch.no_grad():  # sigma starts at 1.5, its scale at 1
            bias = torch.tensor([math.log(math.expm1(1.5)), 0.0])
            self.last.bias.copy_(bias.repeat_interleave(scale**2))  # type: ignore[union-attr] # has one

    def forward(self, lr: Tensor, depth: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate.

        Args:
            lr: (N, 3, h, w) in [0, 1].
            depth: (N, 1, H, W) inverse depth.
            lens: (N, 1, H, W) sigma by the thin lens; zeros before the first fit.

        Returns:
            Sigma in HR pixels, at least 0, and the logarithm of its Laplace scale, (N, 1, H, W).
        """
        given = torch.cat([depth - 0.5, lens / self.scale], dim=1)
        of_depth = self.depth_block(self.depth_first(pixel_unshuffle(given, self.scale)))
        feature = self.lr_first(torch.cat([_BRIGHTNESS * (lr - 0.5), self.energy(lr)], dim=1))
        for block in self.blocks:
            feature = block(feature, of_depth)
        both = torch.cat([feature, of_depth], dim=1)
        sigma, log_scale = pixel_shuffle(self.last(silu(both)), self.scale).chunk(2, dim=1)
        return softplus(sigma), log_scale.clamp(*_LOG_SCALE)


def shrunk(map_: Tensor, scale: int) -> Tensor:
    """(N, 1, H, W) -> (N, 1, h, w), means of blocks."""
    return nn.functional.avg_pool2d(map_, scale)
