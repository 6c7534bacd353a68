"""SSR: SVKR, AMF and a diffusion in pixels, constrained by the operator that made LR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from blindsr.degradation.linear.gather import BlurOperator
from blindsr.degradation.linear.layered import LayeredOperator
from blindsr.degradation.linear.operator import LinearOperator
from blindsr.degradation.paired import Operator
from blindsr.diffusion.noise import PositionNoise
from blindsr.diffusion.sampler import ConstrainedSampler, Constraint
from blindsr.diffusion.shifting import ResidualShift
from blindsr.diffusion.uncertainty import data_weight, measurement_variance
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler, phase, upsample
from blindsr.networks.roles import JointNetwork
from blindsr.types import Estimate

from .amf import Fusion, Modalities
from .conditioned import ConditionedDenoiser
from .svkr import SVKR, KernelEstimate

NOISE = 1 / 255
"""Standard deviation of the noise of LR: rounding to 8 bit and as much again."""
TILE = 768
_RMSE = 0.06


class SSR(JointNetwork):
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

    Raises:
        ConfigError: an option has an unknown value or is out of range.
    """

    estimates = ("blur", "blur_scale")
    rmse: Tensor
    limits: ClassVar = {
        "iterations": (0, 8),
        "kernel_width": (1, 1024),
        "kernel_blocks": (1, 64),
        "steps": (1, 1000),
        "kappa": (0, 100),
        "expected_noise": (0, 1),
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
    ) -> None:
        super().__init__()
        if operator not in ("gather", "layered"):
            raise ConfigError("operator", found=repr(operator), expected="gather or layered")
        if operator == "layered" and not (use_depth and iterations):
            raise ConfigError(
                "operator",
                found="layered without depth or without a thin lens",
                expected="use_depth: true and iterations of at least 1",
            )
        self.scale, self.sigma_max = scale, float(sigma_max)
        self.downsampler: Downsampler = downsampler
        self.operator: Operator = operator
        self.uncertainty, self.expected_noise = uncertainty, float(expected_noise)
        self.svkr = SVKR(
            scale=scale,
            sigma_max=sigma_max,
            iterations=iterations,
            width=kernel_width,
            blocks=kernel_blocks,
            use_depth=use_depth,
            downsampler=downsampler,
        )
        self.sampler = ConstrainedSampler(ResidualShift(steps, kappa=kappa), constraint=constraint)
        told = {"lr": tell_lr, "depth": tell_depth, "kernel": tell_kernel}
        self.conditioned = ConditionedDenoiser(
            scale=scale,
            steps=steps,
            width=width,
            blocks=blocks,
            modalities=tuple(name for name, used in told.items() if used),
            fusion=fusion,
        )
        # of x_0 at each step, measured on validation pictures
        self.register_buffer("rmse", torch.full((steps + 1,), _RMSE))

    def forward(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """As :meth:`restore`."""
        return self.restore(lr)

    def restore(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """One sample of seed 0, and the blur behind it."""
        told = self.estimate_all(lr)
        return self.sample(lr, told), Estimate(told.blur, blur_scale=told.log_scale.exp())

    def estimate(self, lr: Tensor) -> Estimate:
        """The blur alone."""
        return self.svkr(lr)

    def estimate_all(self, lr: Tensor) -> KernelEstimate:
        """Kernel and depth, the last iteration."""
        return self.svkr.last(lr)

    def enlarged(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) -> (N, 3, H, W), where sampling starts."""
        return upsample(lr, self.scale, phase=phase(self.downsampler, self.scale))

    def sample(
        self,
        lr: Tensor,
        told: KernelEstimate,
        *,
        seed: int = 0,
        number: int = 0,
        constraint: Constraint | None = None,
        tile: int = TILE,
    ) -> Tensor:
        """Draw pictures that LR may come from, one for each of the batch, all with the same noise.

        Args:
            lr: (N, 3, h, w) in [0, 1].
            told: kernel and depth, estimated or known (:func:`known`).
            seed: of the noise.
            number: of the sample; others of the same seed differ.
            constraint: another than the network's own.
            tile: side of the tiles of the denoiser in HR pixels; of no effect on the result.

        Returns:
            (N, 3, H, W) in [0, 1].
        """
        start = self.enlarged(lr)
        height, width = start.shape[2:]
        source = PositionNoise(seed, number)
        given = Modalities(lr, told.depth, told.blur, told.log_scale)

        def denoise(x: Tensor, t: int) -> Tensor:
            step = torch.full((len(x),), t, device=x.device)
            return self.conditioned.in_tiles(x, start, given, step, tile=tile)

        def noise(t: int) -> Tensor:
            return source.window(t, slice(0, height), slice(0, width)).to(start)

        sampler = self.sampler
        if constraint is not None:
            sampler = ConstrainedSampler(sampler.schedule, constraint=constraint)
        operator = self.operator_of(told)
        weight = self.weight_of(told, operator)
        return sampler.sample(
            lr, start, operator=operator, denoise=denoise, noise=noise, weight=weight
        )

    def operator_of(self, told: KernelEstimate, *, shift: float = 0.0) -> LinearOperator:
        """What made LR, with sigma moved by so many Laplace scales of its error."""
        options: dict[str, Any] = {
            "scale": self.scale,
            "sigma_max": self.sigma_max,
            "downsampler": self.downsampler,
        }
        error = shift * told.log_scale.exp()
        if self.operator == "layered":  # one error for a picture: sigma stays a function of depth
            error = error.mean(dim=(1, 2, 3), keepdim=True)
            sigma = (told.lens + error).clamp(0, self.sigma_max)
            return LayeredOperator(sigma, 1 / (told.depth + 0.1), merge_coc=0.5, **options)
        return BlurOperator((told.blur + error).clamp(0, self.sigma_max), **options)

    def weight_of(
        self, told: KernelEstimate, operator: LinearOperator
    ) -> Callable[[Tensor, int], Tensor | float]:
        """Weight of the data step for x_0 and step t: noise, and what sigma's error does."""
        noise = self.expected_noise**2
        moved = self.operator_of(told, shift=1.0) if self.uncertainty else None

        def weight(x0: Tensor, t: int) -> Tensor | float:
            rmse = float(self.rmse[t])
            if moved is None:
                return data_weight(noise, rmse)
            return data_weight(noise + measurement_variance(x0, operator, moved), rmse)

        return weight


def known(blur: Tensor, depth: Tensor | None = None) -> KernelEstimate:
    """A true map of sigma (N, 1, H, W), and inverse depth in [0, 1], as an exact estimate."""
    depth = torch.full_like(blur, 0.5) if depth is None else depth
    return KernelEstimate(blur, torch.full_like(blur, -5.0), depth, blur)
