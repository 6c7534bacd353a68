"""What a diffusion needs to be held to LR: SVKR, the operator behind LR, and its data step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from blindsr.degradation.linear.gather import BlurOperator
from blindsr.degradation.linear.gather_by_rows import BlurOperatorByRows
from blindsr.degradation.linear.layered import LayeredOperator
from blindsr.degradation.linear.operator import LinearOperator
from blindsr.degradation.paired import Operator
from blindsr.diffusion.noise import PositionNoise
from blindsr.diffusion.sampler import ConstrainedSampler, Constraint
from blindsr.diffusion.uncertainty import data_weight, measurement_variance
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler
from blindsr.imaging.rows_on_disk import Picture, Rows, mapped
from blindsr.networks.roles import JointNetwork
from blindsr.types import Estimate

from .svkr import SVKR, KernelEstimate, enlarged

NOISE = 1 / 255
"""Standard deviation of the noise of LR: rounding to 8 bit and as much again."""
TILE = 768
_RMSE = 0.06


class ConstrainedNetwork(JointNetwork):
    """Base of SSR in pixels and in latents: a subclass makes ``sampler`` and :meth:`denoiser`.

    Args:
        scale: HR size over LR size, 2 or 4.
        sigma_max: largest sigma in HR pixels.
        downsampler: of the data.
        iterations: of SVKR.
        kernel_width: channels of SVKR.
        kernel_blocks: depth-aware blocks of SVKR.
        use_depth: SVKR estimates depth.
        steps: of the diffusion.
        operator: of the data step, ``"gather"`` or ``"layered"``.
        uncertainty: LR pixels count less where sigma's own error would change them.
        expected_noise: standard deviation of LR's noise.

    Raises:
        ConfigError: an option has an unknown value or is out of range.
    """

    estimates = ("blur", "blur_scale")
    rmse: Tensor
    sampler: ConstrainedSampler
    caution: float = 1.0
    """Share of sigma that samples are drawn with."""

    def __init__(
        self,
        *,
        scale: int,
        sigma_max: float,
        downsampler: Downsampler,
        iterations: int,
        kernel_width: int,
        kernel_blocks: int,
        use_depth: bool,
        steps: int,
        operator: Operator,
        uncertainty: bool,
        expected_noise: float,
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
        # of x_0 at each step, measured on validation pictures
        self.register_buffer("rmse", torch.full((max(steps, 0) + 1,), _RMSE))

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

    def estimate_all(self, lr: Tensor, *, by_rows: bool = False) -> KernelEstimate:
        """Kernel and depth, the last iteration; ``by_rows`` on disk, of one picture."""
        return self.svkr.last(lr, by_rows=by_rows)

    def enlarged(self, lr: Tensor, *, by_rows: bool = False) -> Picture:
        """(N, 3, h, w) -> (N, 3, H, W), where sampling starts."""
        return enlarged(lr, self.scale, self.downsampler, by_rows=by_rows)

    def sample(
        self,
        lr: Tensor,
        told: KernelEstimate,
        *,
        seed: int = 0,
        number: int = 0,
        constraint: Constraint | None = None,
        caution: float | None = None,
        tile: int = TILE,
    ) -> Picture:
        """Draw pictures that LR may come from, one for each of the batch, all with the same noise.

        Args:
            lr: (N, 3, h, w) in [0, 1].
            told: kernel and depth, estimated or known (:func:`known`). Where they are
                :class:`~blindsr.imaging.rows_on_disk.Rows`, so is the result, and no picture of HR
                size is held; ``operator`` must be ``"gather"``.
            seed: of the noise.
            number: of the sample; others of the same seed differ.
            constraint: another than the network's own.
            caution: the same.
            tile: side of the tiles of the denoiser in HR pixels; of no effect on the result.

        Returns:
            (N, 3, H, W) in [0, 1].
        """
        told = cautious(told, self.caution if caution is None else caution)
        by_rows = isinstance(told.blur, Rows)
        start = self.enlarged(lr, by_rows=by_rows)
        channels, height, width = self.noise_size(start)
        source = PositionNoise(seed, number, channels=channels)

        def noise(t: int) -> Picture:
            def read(rows: slice) -> Tensor:
                return source.window(t, rows, slice(0, width)).to(lr)

            if by_rows:
                return Rows((1, channels, height, width), lambda rows: read(rows)[None])
            return read(slice(0, height))

        sampler = self.sampler
        if constraint is not None:
            sampler = ConstrainedSampler(sampler.schedule, constraint=constraint)
        operator = self.operator_of(told)
        return sampler.sample(
            lr,
            start,
            operator=operator,
            denoise=self.denoiser(lr, start, told, tile),
            noise=noise,
            weight=self.weight_of(told, operator),
        )

    def noise_size(self, picture: Picture) -> tuple[int, int, int]:
        """Channels, rows and columns of the noise for a picture (N, 3, H, W)."""
        raise NotImplementedError

    def denoiser(
        self, lr: Tensor, start: Picture, told: KernelEstimate, tile: int
    ) -> Callable[[Picture, int], Picture]:
        """The network as the sampler calls it: x_t and t -> x_0 (N, 3, H, W)."""
        raise NotImplementedError

    def renoised(
        self, hr: Tensor, lr: Tensor, told: KernelEstimate, t: Tensor, noise: Tensor
    ) -> Tensor:
        """What the network makes of a picture to which the noise of step t was added.

        Args:
            hr: (N, 3, H, W) the picture.
            lr: (N, 3, h, w) its LR.
            told: kernel and depth.
            t: (N,) steps, 1..T.
            noise: (N, ...) of :meth:`noise_size`, standard normal.

        Returns:
            (N, 3, H, W).
        """
        raise NotImplementedError

    def operator_of(self, told: KernelEstimate, *, shift: float = 0.0) -> LinearOperator:
        """What made LR, with sigma moved by so many Laplace scales of its error."""
        options: dict[str, Any] = {
            "scale": self.scale,
            "sigma_max": self.sigma_max,
            "downsampler": self.downsampler,
        }
        if self.operator == "layered":  # one error for a picture: sigma stays a function of depth
            error = (shift * told.log_scale.exp()).mean(dim=(1, 2, 3), keepdim=True)
            sigma = (told.lens + error).clamp(0, self.sigma_max)
            return LayeredOperator(sigma, distance(told.depth), merge_coc=0.5, **options)

        def moved(blur: Tensor, log_scale: Tensor) -> Tensor:
            return (blur + shift * log_scale.exp()).clamp(0, self.sigma_max)

        kind = BlurOperatorByRows if isinstance(told.blur, Rows) else BlurOperator
        return kind(mapped(moved, told.blur, told.log_scale), **options)

    def weight_of(
        self, told: KernelEstimate, operator: LinearOperator
    ) -> Callable[[Picture, int], Tensor | float]:
        """Weight of the data step for x_0 and step t: noise, and what sigma's error does."""
        noise = self.expected_noise**2
        moved = self.operator_of(told, shift=1.0) if self.uncertainty else None

        def weight(x0: Picture, t: int) -> Tensor | float:
            rmse = float(self.rmse[t])
            if moved is None:
                return data_weight(noise, rmse)
            return data_weight(noise + measurement_variance(x0, operator, moved), rmse)

        return weight


def cautious(told: KernelEstimate, share: float) -> KernelEstimate:
    """The estimate with a share of its sigma."""
    if share == 1:
        return told
    blur, lens = (mapped(lambda sigma: share * sigma, one) for one in (told.blur, told.lens))
    return told._replace(blur=blur, lens=lens)


def distance(depth: Tensor) -> Tensor:
    """Inverse depth in [0, 1] -> what an operator with occlusion sorts by: order alone counts."""
    return 1 / (depth + 0.1)


def known(blur: Tensor, depth: Tensor | None = None) -> KernelEstimate:
    """A true map of sigma (N, 1, H, W), and inverse depth in [0, 1], as an exact estimate."""
    depth = torch.full_like(blur, 0.5) if depth is None else depth
    return KernelEstimate(blur, torch.full_like(blur, -5.0), depth, blur)
