"""SSR: SVKR, AMF and a diffusion in pixels, constrained by the operator that made LR."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from blindsr.degradation.paired import Operator
from blindsr.diffusion.sampler import ConstrainedSampler, Constraint
from blindsr.diffusion.shifting import ResidualShift
from blindsr.imaging.resize import Downsampler
from blindsr.imaging.rows_on_disk import Picture

from .amf import Fusion, Modalities, told
from .conditioned import ConditionedDenoiser
from .constrained import NOISE, ConstrainedNetwork
from .svkr import KernelEstimate


class SSR(ConstrainedNetwork):
    """After Lin et al. (ECCV 2024), our reading; not the authors' code (docs/methods/ssr.md).

    Args:
        scale: HR size over LR size, 2 or 4.
        sigma_max: largest sigma in HR pixels.
        downsampler: of the data.
        iterations: of SVKR.
        kernel_width: channels of SVKR.
        kernel_blocks: depth-aware blocks of SVKR.
        use_depth: SVKR estimates depth.
        steps: of the diffusion; 1 with ``kappa`` 0 is plain regression.
        kappa: noise of the diffusion.
        width: channels of the denoiser at half of HR size.
        blocks: of the denoiser.
        tell_lr: AMF sees LR.
        tell_depth: AMF sees depth.
        tell_kernel: AMF sees the kernel.
        fusion: of AMF, ``"gated"`` or ``"concat"``.
        constraint: data step at ``"every"`` step, at the ``"last"``, or at ``"none"``.
        operator: of the data step: ``"gather"``, or ``"layered"`` with occlusion, by depth and the
            thin lens.
        uncertainty: LR pixels count less where sigma's own error would change them.
        expected_noise: standard deviation of LR's noise; the larger, the weaker the data step.
        caution: share of sigma that the diffusion and the data step are told; below 1 less blur is
            removed than was estimated.

    Raises:
        ConfigError: an option has an unknown value or is out of range.
    """

    sampler: ConstrainedSampler[ResidualShift]
    limits: ClassVar = {
        "iterations": (0, 8),
        "kernel_width": (1, 1024),
        "kernel_blocks": (1, 64),
        "steps": (1, 1000),
        "kappa": (0, 100),
        "expected_noise": (0, 1),
        "caution": (0, 1),
    }

    def __init__(
        self,
        *,
        scale: int = 4,
        sigma_max: float = 5.0,
        downsampler: Downsampler = "bicubic",
        iterations: int = 2,
        kernel_width: int = 32,
        kernel_blocks: int = 8,
        use_depth: bool = True,
        steps: int = 4,
        kappa: float = 0.25,
        width: int = 32,
        blocks: int = 2,
        tell_lr: bool = True,
        tell_depth: bool = True,
        tell_kernel: bool = True,
        fusion: Fusion = "gated",
        constraint: Constraint = "every",
        operator: Operator = "gather",
        uncertainty: bool = True,
        expected_noise: float = NOISE,
        caution: float = 1.0,
    ) -> None:
        super().__init__(
            scale=scale,
            sigma_max=sigma_max,
            downsampler=downsampler,
            iterations=iterations,
            kernel_width=kernel_width,
            kernel_blocks=kernel_blocks,
            use_depth=use_depth,
            steps=steps,
            operator=operator,
            uncertainty=uncertainty,
            expected_noise=expected_noise,
        )
        self.caution = float(caution)
        self.sampler = ConstrainedSampler(ResidualShift(steps, kappa=kappa), constraint=constraint)
        self.conditioned = ConditionedDenoiser(
            scale=scale,
            steps=steps,
            width=width,
            blocks=blocks,
            modalities=told(lr=tell_lr, depth=tell_depth, kernel=tell_kernel),
            fusion=fusion,
        )

    def noise_size(self, picture: Picture) -> tuple[int, int, int]:
        """That of the picture."""
        channels, height, width = picture.shape[1:]
        return channels, height, width

    def denoiser(
        self, lr: Tensor, start: Picture, told: KernelEstimate, tile: int
    ) -> Callable[[Picture, int], Picture]:
        """See the base class; in tiles."""
        given = Modalities(lr, told.depth, told.blur, told.log_scale)

        def denoise(x: Picture, t: int) -> Picture:
            step = torch.full((x.shape[0],), t, device=lr.device)
            return self.conditioned.in_tiles(x, start, given, step, tile=tile)

        return denoise

    def renoised(
        self, hr: Tensor, lr: Tensor, told: KernelEstimate, t: Tensor, noise: Tensor
    ) -> Tensor:
        """See the base class."""
        start = self.enlarged(lr)
        x = self.sampler.schedule.add(hr, start, t, noise)
        given = Modalities(lr, told.depth, told.blur, told.log_scale)
        return self.conditioned(x, start, given, t)
