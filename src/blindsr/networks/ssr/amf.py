"""AMF: three encoders of different scales, aligned and fused by gates (SSR, ECCV 2024).

What the three modalities are, and that they meet, is the paper's; encoders and gates are ours.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle, silu

from blindsr.errors import ConfigError
from blindsr.networks.blocks.depth_aware import PlainBlock, silence

Fusion = Literal["gated", "concat"]
_DEPTH_STRIDE = 8
MULTIPLE = 8
"""HR sides must be multiples of this."""
_BRIGHTNESS = 4.0


class Modalities(NamedTuple):
    """What the diffusion is told."""

    lr: Tensor
    """(N, 3, h, w) in [0, 1]."""
    depth: Tensor
    """(N, 1, H, W) inverse depth in [0, 1]."""
    blur: Tensor
    """(N, 1, H, W) in HR pixels."""
    log_scale: Tensor
    """(N, 1, H, W) logarithm of the Laplace scale of sigma's error."""


def told(*, lr: bool, depth: bool, kernel: bool) -> tuple[str, ...]:
    """Names of the modalities that are switched on."""
    return tuple(name for name, on in (("lr", lr), ("depth", depth), ("kernel", kernel)) if on)


class AMF(nn.Module):
    """Modalities and the step -> features at half and at a quarter of HR size.

    LR is encoded at its own size, the kernel (which varies sharply) at half of HR size, depth
    (which is smooth) at an eighth. A softmax over the modalities, for every pixel, level and step,
    says whose features count. The last layers start at zero: an untrained AMF changes nothing.

    Args:
        scale: HR size over LR size, 2 or 4.
        steps: of the diffusion.
        widths: channels of the two levels.
        modalities: of ``lr``, ``depth``, ``kernel``.
        fusion: ``"gated"``, or ``"concat"``: one convolution over all of them.

    Raises:
        ConfigError: another scale or fusion, no modality or an unknown one.
    """

    def __init__(
        self,
        *,
        scale: int,
        steps: int,
        widths: tuple[int, int],
        modalities: tuple[str, ...] = ("lr", "depth", "kernel"),
        fusion: Fusion = "gated",
    ) -> None:
        super().__init__()
        if scale not in (2, 4):
            raise ConfigError("scale", found=str(scale), expected="2 or 4 for SSR")
        if fusion not in get_args(Fusion):
            raise ConfigError("fusion", found=repr(fusion), expected="'gated' or 'concat'")
        makers = {"lr": _LREncoder, "depth": _DepthEncoder, "kernel": _KernelEncoder}
        if not modalities or not set(modalities) <= set(makers):
            expected = f"some of {', '.join(makers)}"
            raise ConfigError("modalities", found=repr(list(modalities)), expected=expected)
        self.encoders = nn.ModuleDict({m: makers[m](scale, widths) for m in modalities})
        self.levels = nn.ModuleList(_Fuse(len(modalities), c, steps, fusion) for c in widths)

    def forward(self, told: Modalities, t: Tensor) -> list[Tensor]:
        """Fuse.

        Args:
            told: H and W multiples of 8.
            t: (N,) step, 1..T.

        Returns:
            (N, C0, H/2, W/2) and (N, C1, H/4, W/4).
        """
        found = [encoder(told) for encoder in self.encoders.values()]
        return [
            fuse([pyramid[level] for pyramid in found], t)[0]
            for level, fuse in enumerate(self.levels)
        ]

    def gates(self, told: Modalities, t: Tensor) -> list[Tensor]:
        """Shares of the modalities, (N, M, H/2, W/2) and (N, M, H/4, W/4); sums of 1."""
        found = [encoder(told) for encoder in self.encoders.values()]
        return [
            fuse([pyramid[level] for pyramid in found], t)[1]
            for level, fuse in enumerate(self.levels)
        ]


class _Fuse(nn.Module):
    """One level: gates, or one convolution."""

    def __init__(self, count: int, channels: int, steps: int, fusion: Fusion) -> None:
        super().__init__()
        self.gated = fusion == "gated"
        self.step = nn.Embedding(steps + 1, channels)
        self.gate = nn.Conv2d((count + 1) * channels, count, 1) if self.gated else None
        self.mix = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(count))
        self.out = nn.Conv2d(channels, channels, 3, padding=1)
        silence(self.out)

    def forward(self, features: list[Tensor], t: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, C, ., .) of each modality -> fused, and the gates (N, M, ., .)."""
        count = len(features)
        step = self.step(t)[:, :, None, None].expand_as(features[0])
        if self.gate is None:
            gates = features[0].new_full((1, count, 1, 1), 1.0)
        else:
            gates = self.gate(torch.cat([*features, step], dim=1)).softmax(dim=1)
        mixed = [mix(feature) for mix, feature in zip(self.mix, features, strict=True)]
        total = torch.stack([gates[:, i : i + 1] * m for i, m in enumerate(mixed)]).sum(dim=0)
        return self.out(silu(total + step)), gates


class _LREncoder(nn.Module):
    """At LR size; a pixel shuffle leads to finer levels."""

    def __init__(self, scale: int, widths: tuple[int, int]) -> None:
        super().__init__()
        fine, coarse = widths
        self.scale = scale
        self.first = nn.Conv2d(3, coarse, 3, padding=1)
        self.blocks = nn.Sequential(*(PlainBlock(coarse) for _ in range(3)))
        self.fine = nn.Conv2d(coarse, fine * (scale // 2) ** 2, 3, padding=1)

    def forward(self, told: Modalities) -> list[Tensor]:
        feature = self.blocks(self.first(_BRIGHTNESS * (told.lr - 0.5)))
        fine = pixel_shuffle(self.fine(feature), self.scale // 2)
        return [fine, feature if self.scale == 4 else avg_pool2d(feature, 2)]


class _DepthEncoder(nn.Module):
    """At an eighth of HR size."""

    def __init__(self, scale: int, widths: tuple[int, int]) -> None:
        super().__init__()
        del scale
        self.first = nn.Conv2d(_DEPTH_STRIDE**2, widths[1], 3, padding=1)
        self.blocks = nn.Sequential(*(PlainBlock(widths[1]) for _ in range(2)))
        self.out = nn.ModuleList(nn.Conv2d(widths[1], c, 3, padding=1) for c in widths)

    def forward(self, told: Modalities) -> list[Tensor]:
        feature = self.blocks(self.first(pixel_unshuffle(told.depth - 0.5, _DEPTH_STRIDE)))
        return [
            out(interpolate(feature, scale_factor=f, mode="bilinear", align_corners=False))
            for out, f in zip(self.out, (4.0, 2.0), strict=True)
        ]


class _KernelEncoder(nn.Module):
    """At half of HR size, then at a quarter."""

    def __init__(self, scale: int, widths: tuple[int, int]) -> None:
        super().__init__()
        del scale
        fine, coarse = widths
        self.first = nn.Conv2d(2 * 4, fine, 3, padding=1)
        self.block = PlainBlock(fine)
        self.down = nn.Conv2d(fine, coarse, 2, stride=2)

    def forward(self, told: Modalities) -> list[Tensor]:
        kernel = torch.cat([told.blur / 4, told.log_scale / 4], dim=1)
        fine = self.block(self.first(pixel_unshuffle(kernel, 2)))
        return [fine, self.down(silu(fine))]
