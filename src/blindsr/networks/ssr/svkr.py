"""SVKR: kernel and depth estimated in turn, each helping the other (SSR, Lin et al., ECCV 2024)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from blindsr.degradation.linear.gather import BlurOperator
from blindsr.degradation.linear.gather_by_rows import BlurOperatorByRows
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler, phase, upsample, upsample_rows
from blindsr.imaging.rows_on_disk import Picture, Rows, mapped, stored
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Estimate

from .estimators import DEPTH_REACH, STRIDE, DepthNet, DKENet
from .in_tiles import Tiling, in_tiles
from .thin_lens import fit_thin_lens

_TILE = 320  # LR pixels
_PREVIEW_WEIGHT, _PREVIEW_ITERATIONS, _PREVIEW_LEVELS = 2e-2, 2, 8


class KernelEstimate(NamedTuple):
    """One iteration, (N, 1, H, W) each; of a large picture :class:`Rows`."""

    blur: Picture
    """In HR pixels."""
    log_scale: Picture
    """Logarithm of the Laplace scale of its error."""
    depth: Picture
    """Inverse depth in [0, 1], 1 = nearest."""
    lens: Picture
    """Sigma by the thin lens that was fitted to the iteration before; zeros in the first."""

    def as_estimate(self) -> Estimate:
        """In the words of all estimators."""
        return Estimate(blur=self.blur, blur_scale=mapped(torch.exp, self.log_scale))


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

    def last(self, lr: Tensor, *, by_rows: bool = False) -> KernelEstimate:
        """The last iteration alone, others are not kept.

        Args:
            lr: (N, 3, h, w) in [0, 1].
            by_rows: give maps on disk, computed in tiles; N is 1.
        """
        return deque(self._iterations(lr, by_rows), maxlen=1).pop()

    def _iterations(self, lr: Tensor, by_rows: bool = False) -> Iterator[KernelEstimate]:
        start = enlarged(lr, self.scale, self.downsampler, by_rows=by_rows)
        zero = mapped(lambda image: torch.zeros_like(image[:, :1]), start)
        if self.depth_net is None:
            depth = mapped(lambda none: none + 0.5, zero)
        else:
            depth = self._depth(lr, start)
        sigma, log_scale = self._kernel(lr, depth, zero)
        last = KernelEstimate(sigma, log_scale, depth, zero)
        yield last
        for _ in range(self.iterations):
            seen = stored(self.preview(lr, start, last.blur)) if self.deblurred else start
            depth = self._depth(lr, seen, last.depth)
            certainty = stored(mapped(lambda log: (-2 * log.detach()).exp(), last.log_scale))
            lens = mapped(self._lens(depth, last.blur, certainty), depth)
            sigma, log_scale = self._kernel(lr, depth, lens)
            last = KernelEstimate(sigma, log_scale, depth, lens)
            yield last

    def _depth(self, lr: Tensor, *maps: Picture) -> Picture:
        assert self.depth_net is not None
        if not isinstance(maps[0], Rows):
            return self.depth_net(lr, *maps)
        return in_tiles(self.depth_net, self._tiling(DEPTH_REACH), self.scale, lr, *maps)

    def _kernel(self, lr: Tensor, depth: Picture, lens: Picture) -> tuple[Picture, Picture]:
        if not isinstance(depth, Rows):
            return self.kernel_net(lr, depth, lens)

        def both(*part: Tensor) -> Tensor:
            return torch.cat(self.kernel_net(*part), dim=1)

        tiling = self._tiling(self.kernel_net.reach)
        maps = in_tiles(both, tiling, self.scale, lr, depth, lens)
        return mapped(lambda pair: pair[:, :1], maps), mapped(lambda pair: pair[:, 1:], maps)

    def _tiling(self, reach: int) -> Tiling:
        return Tiling(self.scale * _TILE, self.scale * reach, self.scale * STRIDE)

    def _lens(
        self, depth: Picture, blur: Picture, certainty: Picture
    ) -> Callable[[Tensor], Tensor]:
        fit = fit_thin_lens(depth, blur, certainty)
        return lambda depth: fit.sigma(depth).clamp(max=self.sigma_max)

    def preview(self, lr: Tensor, start: Picture, blur: Picture) -> Picture:
        """What a better kernel gives to depth: HR deblurred a little, no gradient to sigma."""
        kind = BlurOperatorByRows if isinstance(blur, Rows) else BlurOperator
        with torch.autocast(lr.device.type, enabled=False):
            operator = kind(
                mapped(Tensor.float, blur),
                scale=self.scale,
                sigma_max=self.sigma_max,
                downsampler=self.downsampler,
                levels=_PREVIEW_LEVELS,
            )
            begin = mapped(Tensor.float, start)
            return operator.prox(begin, lr.float(), _PREVIEW_WEIGHT, _PREVIEW_ITERATIONS)


def enlarged(lr: Tensor, scale: int, downsampler: Downsampler, *, by_rows: bool = False) -> Picture:
    """(N, 3, h, w) -> bicubic (N, 3, H, W), as rows where asked for."""
    place = phase(downsampler, scale)
    if not by_rows:
        return upsample(lr, scale, phase=place)
    count, channels, height, width = lr.shape

    def read(rows: slice) -> Tensor:
        return upsample_rows(lr, scale, phase=place, rows=range(rows.start, rows.stop))

    return Rows((count, channels, scale * height, scale * width), read)
