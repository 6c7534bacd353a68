"""SVKR: kernel and depth estimated in turn, each helping the other (SSR, Lin et al., ECCV 2024)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from blindsr.degradation.linear.gather import BlurOperator
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler, phase, upsample
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Estimate

from .estimators import DepthNet, DKENet
from .thin_lens import fit_thin_lens

_PREVIEW_WEIGHT, _PREVIEW_ITERATIONS, _PREVIEW_LEVELS = 2e-2, 2, 8


class KernelEstimate(NamedTuple):
    """One iteration, (N, 1, H, W) each."""

    blur: Tensor
    """In HR pixels."""
    log_scale: Tensor
    """Logarithm of the Laplace scale of its error."""
    depth: Tensor
    """Inverse depth in [0, 1], 1 = nearest."""
    lens: Tensor
    """Sigma by the thin lens that was fitted to the iteration before; zeros in the first."""

    def as_estimate(self) -> Estimate:
        """In the words of all estimators."""
        return Estimate(blur=self.blur, blur_scale=self.log_scale.exp())


class SVKR(EstimatorNetwork):
    """Depth, kernel, deblurred preview, depth, thin lens, kernel, and so on.

    The parts and their order are the paper's; the preview, the thin lens and the networks inside
    are ours (docs/methods/ssr.md).

    Args:
        scale: HR size over LR size.
        sigma_max: largest sigma in HR pixels that the preview takes back.
        iterations: after the first estimate; 0 has that alone.
        width: channels at LR size.
        blocks: depth-aware blocks.
        use_depth: ``False`` estimates the kernel from LR alone.
        deblurred: depth is estimated again from LR deblurred by the kernel; ``False``: from LR
            enlarged, so that the kernel does not help depth.
        downsampler: of the data; decides the phase of the preview.

    Raises:
        ConfigError: a number below 1 (``iterations``: below 0).
    """

    estimates = ("blur", "blur_scale")
    limits: ClassVar = {"iterations": (0, 8)}

    def __init__(
        self,
        *,
        scale: int = 4,
        sigma_max: float = 5.0,
        iterations: int = 2,
        width: int = 32,
        blocks: int = 8,
        use_depth: bool = True,
        deblurred: bool = True,
        downsampler: Downsampler = "bicubic",
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("scale", scale, 1),
            ("width", width, 1),
            ("blocks", blocks, 1),
            ("iterations", iterations, 0),
        ):
            if value < least:
                raise ConfigError(name, found=str(value), expected=f"at least {least}")
        self.scale, self.sigma_max = scale, float(sigma_max)
        self.iterations = iterations if use_depth else 0
        self.deblurred = deblurred
        self.downsampler: Downsampler = downsampler
        self.depth_net = DepthNet(scale=scale, width=width) if use_depth else None
        self.kernel_net = DKENet(scale=scale, width=width, blocks=blocks)

    def forward(self, lr: Tensor) -> Estimate:
        """(N, 3, h, w) in [0, 1] -> ``blur`` and ``blur_scale`` (N, 1, H, W)."""
        return self.last(lr).as_estimate()

    def iterate(self, lr: Tensor) -> list[KernelEstimate]:
        """All iterations, the first estimate first.

        Args:
            lr: (N, 3, h, w) in [0, 1].
        """
        return list(self._iterations(lr))

    def last(self, lr: Tensor) -> KernelEstimate:
        """The last iteration alone, others are not kept.

        Args:
            lr: (N, 3, h, w) in [0, 1].
        """
        return deque(self._iterations(lr), maxlen=1).pop()

    def _iterations(self, lr: Tensor) -> Iterator[KernelEstimate]:
        enlarged = upsample(lr, self.scale, phase=phase(self.downsampler, self.scale))
        zero = torch.zeros_like(enlarged[:, :1])
        depth = zero + 0.5 if self.depth_net is None else self.depth_net(lr, enlarged)
        sigma, log_scale = self.kernel_net(lr, depth, zero)
        last = KernelEstimate(sigma, log_scale, depth, zero)
        yield last
        for _ in range(self.iterations):
            assert self.depth_net is not None
            seen = self.preview(lr, enlarged, last.blur) if self.deblurred else enlarged
            depth = self.depth_net(lr, seen, last.depth)
            certainty = (-2 * last.log_scale.detach()).exp()
            lens = fit_thin_lens(depth, last.blur, certainty).sigma(depth)
            lens = lens.clamp(max=self.sigma_max)
            sigma, log_scale = self.kernel_net(lr, depth, lens)
            last = KernelEstimate(sigma, log_scale, depth, lens)
            yield last

    def preview(self, lr: Tensor, enlarged: Tensor, blur: Tensor) -> Tensor:
        """What a better kernel gives to depth: HR deblurred a little, no gradient to sigma."""
        with torch.autocast(lr.device.type, enabled=False):
            operator = BlurOperator(
                blur.float(),
                scale=self.scale,
                sigma_max=self.sigma_max,
                downsampler=self.downsampler,
                levels=_PREVIEW_LEVELS,
            )
            return operator.prox(enlarged.float(), lr.float(), _PREVIEW_WEIGHT, _PREVIEW_ITERATIONS)
