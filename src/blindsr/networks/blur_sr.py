"""A small restorer that takes a blur map and its uncertainty."""

from __future__ import annotations

import itertools
import math
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import Downsampler, blur_at_lr, downsample, upsample
from blindsr.imaging.resize import phase as phase_of

from .blocks.data_step import DataStep
from .roles import RestorerNetwork

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.1, 1.6, 2.3, 3.2)
"""Sigma in LR pixels of each channel of the code of the blur map."""
SLOPE = 0.1
"""Of the activation on its negative side."""
_BRIGHTNESS = 4.0  # LR is brought to [-2, 2], the size of all features
_BRANCH = 0.3  # what a block adds at first, compared with what it is given
_QUANTILES = (-1.61, -0.51, 0.0, 0.51, 1.61)
"""10, 30, 50, 70 and 90 % of a Laplace distribution of scale 1."""


class BlurSR(RestorerNetwork):
    """LR image and blur map -> SR image; every block is modulated by a code of the map (SFT).

    The code of a pixel is how its sigma is distributed over :data:`LEVELS`: with an uncertainty of
    zero it is linear interpolation between two levels, and a larger uncertainty spreads it over
    more levels. So one network learns to use reliable maps and to do without unreliable ones. The
    output is added to the bicubic enlargement, from which training starts.

    Args:
        scale: HR size over LR size.
        features: channels of the trunk.
        blocks: residual blocks.
        phase: where LR pixel 0 lies in HR pixels (:func:`blindsr.imaging.resize.phase`).
        data_step: end with a step towards a picture that explains LR
            (:class:`~blindsr.networks.blocks.data_step.DataStep`).

    Raises:
        ConfigError: if a number is below 1, or ``phase`` is none that a data step knows.
    """

    levels: Tensor
    needs = ("blur", "blur_scale")
    started_without = MappingProxyType({"data_step": False})

    def __init__(
        self,
        *,
        scale: int = 4,
        features: int = 32,
        blocks: int = 8,
        phase: float = 1.5,
        data_step: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("scale", scale), ("features", features), ("blocks", blocks)):
            if value < 1:
                raise ConfigError(name, found=str(value), expected="at least 1")
        self.scale, self.phase = scale, phase
        self.register_buffer("levels", torch.tensor(LEVELS), persistent=False)
        code = len(LEVELS) + 1
        self.first = nn.Conv2d(3 + code, features, 3, padding=1)
        self.blocks = nn.ModuleList(ModulatedBlock(features, code) for _ in range(blocks))
        self.last = nn.Conv2d(features, 3 * scale**2, 3, padding=1)
        self.data_step = DataStep(features, LEVELS) if data_step else None
        if data_step:
            _downsampler(scale, phase)  # or it is refused
        _start(self.first, slope=1.0)
        _start(self.last, gain=0.0)

    def forward(
        self,
        lr: Tensor,
        blur: Tensor,
        seg: Tensor | None = None,
        blur_scale: Tensor | None = None,
    ) -> Tensor:
        """Restore an LR image.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1].
            blur: (N, 1, s*h, s*w) sigma in HR pixels.
            seg: not used.
            blur_scale: (N, 1, s*h, s*w) Laplace scale of sigma's error in HR pixels; ``None`` means
                that the map is exact.

        Returns:
            (N, 3, s*h, s*w), not clipped.

        Raises:
            DataError: if a shape is another.
        """
        del seg
        size = (lr.shape[0], 1, self.scale * lr.shape[2], self.scale * lr.shape[3])
        for name, map_ in (("blur", blur), ("blur_scale", blur_scale)):
            if map_ is not None and tuple(map_.shape) != size:
                raise DataError(name, found=f"shape {tuple(map_.shape)}", expected=f"{size}")
        code = self.code(blur, torch.zeros_like(blur) if blur_scale is None else blur_scale)
        feature = self.trunk(lr, code)
        detail = self.last(feature)
        if self.data_step is not None:
            reduced = self.reduced(lr, detail).to(lr.dtype)
            lr = lr + self.data_step(lr, reduced, feature, code[:, : len(LEVELS)])
        return self.enlarge(lr, detail)

    def enlarge(self, lr: Tensor, detail: Tensor) -> Tensor:
        """LR (N, 3, h, w) and detail (N, 3 s^2, h, w) -> (N, 3, s*h, s*w)."""
        cubic = upsample(lr, self.scale, phase=self.phase, method="bicubic")
        return pixel_shuffle(detail, self.scale) + cubic

    def reduced(self, lr: Tensor, detail: Tensor) -> Tensor:
        """What :meth:`enlarge` gives, reduced to the size of LR: (N, 3, h, w)."""
        return downsample(self.enlarge(lr, detail), self.scale, self.downsampler)

    @property
    def downsampler(self) -> Downsampler:
        """The reduction that a data step undoes."""
        return _downsampler(self.scale, self.phase)

    def trunk(self, lr: Tensor, code: Tensor) -> Tensor:
        """(N, 3, h, w) and the code (N, K, h, w) -> last feature (N, C, h, w)."""
        feature = self.start(lr, code)
        for block in self.blocks:
            feature = block(feature, code)
        return feature

    def start(self, lr: Tensor, code: Tensor) -> Tensor:
        """(N, 3, h, w) and the code (N, K, h, w) -> first feature (N, C, h, w)."""
        return self.first(torch.cat([_BRIGHTNESS * (lr - 0.5), code], dim=1))

    def code(self, blur: Tensor, blur_scale: Tensor) -> Tensor:
        """Maps (N, 1, s*h, s*w) in HR pixels -> (N, levels + 1, h, w)."""
        blur, spread = (blur_at_lr(map_, self.scale) for map_ in (blur, blur_scale))
        shares = [self._interpolated(blur + q * spread) for q in _QUANTILES]
        return torch.cat([sum(shares[1:], shares[0]) / len(shares), torch.log2(spread + 1)], dim=1)

    def _interpolated(self, blur: Tensor) -> Tensor:
        """(N, 1, h, w) -> (N, levels, h, w): shares of linear interpolation; they sum to 1."""
        levels = self.levels.to(blur.dtype)
        blur = blur.clamp(min=LEVELS[0], max=LEVELS[-1])
        parts = [
            ((blur - low) / (high - low)).clamp(0, 1) for low, high in itertools.pairwise(levels)
        ]
        whole = torch.ones_like(blur)
        above = [whole, *parts, torch.zeros_like(blur)]
        return torch.cat([one - other for one, other in itertools.pairwise(above)], dim=1)


class ModulatedBlock(nn.Module):
    """Residual block of two convolutions; a code scales and shifts the feature between them."""

    def __init__(self, features: int, code: int) -> None:
        super().__init__()
        self.before = nn.Conv2d(features, features, 3, padding=1)
        self.modulation = nn.Conv2d(code, 2 * features, 1)
        self.after = nn.Conv2d(features, features, 3, padding=1)
        _start(self.before, slope=SLOPE)
        _start(self.after, slope=SLOPE, gain=_BRANCH)
        _start(self.modulation, gain=0.0)

    def forward(self, feature: Tensor, code: Tensor) -> Tensor:
        """(N, C, h, w) and (N, K, h, w) -> (N, C, h, w)."""
        gain, shift = self.modulation(code).chunk(2, dim=1)
        between = self.before(feature) * (1 + gain) + shift
        return feature + self.after(leaky_relu(between, SLOPE))


def _downsampler(scale: int, phase: float) -> Downsampler:
    """The reduction that leaves LR pixel 0 at ``phase``."""
    methods: tuple[Downsampler, ...] = ("area", "sfold")
    for method in methods:
        if math.isclose(phase_of(method, scale), phase):
            return method
    raise ConfigError(
        "phase",
        found=f"{phase:g} with a data step",
        expected=f"{phase_of('area', scale):g} or 0 for scale {scale}",
        fix="Leave data_step out, or train for LR that lies there",
    )


def _start(conv: nn.Conv2d, *, slope: float = 0.0, gain: float = 1.0) -> None:
    """Start a convolution so that features keep their size through the network.

    With the defaults of torch they shrink from block to block, and the same network learns half as
    much in its first 1,500 steps (docs/methods/small_model.md).
    """
    nn.init.kaiming_normal_(conv.weight, a=slope)
    with torch.no_grad():
        conv.weight.mul_(gain)
    nn.init.zeros_(torch.as_tensor(conv.bias))
