"""SSR around a pre-trained latent diffusion: SVKR and AMF learn, UNet and VAE are frozen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from blindsr.degradation.paired import Operator
from blindsr.diffusion.sampler import ConstrainedSampler, Constraint
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler
from blindsr.imaging.rows_on_disk import Picture
from blindsr.imaging.tiling import Planes, Tile, blend, split

from .amf import AMF, MULTIPLE, Fusion, Modalities, told
from .conditioned import padded
from .constrained import NOISE, ConstrainedNetwork
from .frozen_diffusion import FrozenDiffusion
from .svkr import KernelEstimate

_WINDOW, _OVERLAP = 64, 16  # latents: what Stable Diffusion was trained on


class LatentSSR(ConstrainedNetwork):
    """:class:`~blindsr.networks.SSR` whose diffusion is Stable Diffusion.

    x_t is a latent. Each estimate of it is decoded, made to explain LR as a picture, and encoded
    again; the last one is not encoded, so the result explains LR whatever the VAE does. Sampling
    starts at enlarged LR with noise (``first``), and goes on without any (DDIM).

    The frozen networks are no part of ``state_dict``, of the parameters or of copies: a checkpoint
    holds SVKR and AMF alone. They follow this network to its device.

    Pictures of more than 64 latents (512 HR pixels) go through the UNet and the VAE in overlapping
    windows, which are blended: not exactly what the whole would give.

    Args:
        frozen: the pre-trained diffusion.
        scale: HR size over LR size, 2 or 4.
        sigma_max: largest sigma in HR pixels.
        downsampler: of the data.
        iterations: of SVKR.
        kernel_width: channels of SVKR.
        kernel_blocks: depth-aware blocks of SVKR.
        use_depth: SVKR estimates depth.
        steps: of the sampling.
        first: noise level that sampling starts at, of the 1000 of Stable Diffusion.
        width: channels of AMF at half of HR size.
        tell_lr: AMF sees LR.
        tell_depth: AMF sees depth.
        tell_kernel: AMF sees the kernel.
        fusion: of AMF, ``"gated"`` or ``"concat"``.
        constraint: data step at ``"every"`` step, at the ``"last"``, or at ``"none"``.
        operator: of the data step, ``"gather"`` or ``"layered"``.
        uncertainty: LR pixels count less where sigma's own error would change them.
        expected_noise: standard deviation of LR's noise.

    Raises:
        ConfigError: an option has an unknown value or is out of range.
    """

    limits: ClassVar = {
        "iterations": (0, 8),
        "kernel_width": (1, 1024),
        "kernel_blocks": (1, 64),
        "steps": (1, 1000),
        "first": (1, 1000),
        "expected_noise": (0, 1),
    }

    def __init__(
        self,
        frozen: FrozenDiffusion,
        *,
        scale: int = 4,
        sigma_max: float = 5.0,
        downsampler: Downsampler = "bicubic",
        iterations: int = 2,
        kernel_width: int = 32,
        kernel_blocks: int = 8,
        use_depth: bool = True,
        steps: int = 4,
        first: int = 450,
        width: int = 32,
        tell_lr: bool = True,
        tell_depth: bool = True,
        tell_kernel: bool = True,
        fusion: Fusion = "gated",
        constraint: Constraint = "every",
        operator: Operator = "gather",
        uncertainty: bool = True,
        expected_noise: float = NOISE,
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
        self._beside = (frozen,)  # a tuple: no child of this module
        schedule = LatentSchedule(frozen, steps, first)
        self.sampler: ConstrainedSampler[LatentSchedule] = ConstrainedSampler(
            schedule, constraint=constraint
        )
        self.amf = AMF(
            scale=scale,
            steps=steps,
            widths=(width, 2 * width),
            modalities=told(lr=tell_lr, depth=tell_depth, kernel=tell_kernel),
            fusion=fusion,
        )
        self.ladder = Ladder((width, 2 * width), frozen.factor, frozen.channels)

    @property
    def frozen(self) -> FrozenDiffusion:
        """The pre-trained diffusion."""
        return self._beside[0]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> LatentSSR:
        super()._apply(fn, recurse)
        self.frozen._apply(fn, recurse)
        return self

    def noise_size(self, picture: Picture) -> tuple[int, int, int]:
        """That of the latents of a picture."""
        schedule, sides = self.sampler.schedule, picture.shape[2:]
        height, width = (-(-side // schedule.multiple) * schedule.multiple for side in sides)
        factor = self.frozen.factor
        return int(self.frozen.vae.config.latent_channels), height // factor, width // factor

    def denoiser(
        self, lr: Tensor, start: Picture, told: KernelEstimate, tile: int
    ) -> Callable[[Picture, int], Picture]:
        """See the base class; the windows are those of the latents, whatever ``tile``."""
        del tile
        given = self._given(lr, told)
        height, width = start.shape[2:]

        def denoise(x: Tensor, t: int) -> Tensor:
            step = torch.full((len(x),), t, device=x.device)
            latent = self.sampler.schedule.latent(x, self._predicted(x, given, step), step)
            return self.frozen.decode(latent)[..., :height, :width]

        return denoise

    def renoised(
        self, hr: Tensor, lr: Tensor, told: KernelEstimate, t: Tensor, noise: Tensor
    ) -> Tensor:
        """See the base class."""
        schedule = self.sampler.schedule
        x = schedule.add(schedule.encoded(hr), t, noise)
        latent = schedule.latent(x, self._predicted(x, self._given(lr, told), t), t)
        return self.frozen.decode(latent)[..., : hr.shape[2], : hr.shape[3]]

    def noise_error(
        self, hr: Tensor, lr: Tensor, told: KernelEstimate, t: Tensor, noise: Tensor
    ) -> Tensor:
        """What the UNet was trained on: its error as it predicts noise (or v), of the latents.

        Args:
            hr, lr, told, t, noise: as in :meth:`renoised`.

        Returns:
            (N, C, h, w), with a gradient to AMF.
        """
        schedule = self.sampler.schedule
        latent = schedule.encoded(hr)
        x = schedule.add(latent, t, noise)
        return self._predicted(x, self._given(lr, told), t) - schedule.target(latent, t, noise)

    def _given(self, lr: Tensor, told: KernelEstimate) -> Modalities:
        multiple = self.sampler.schedule.multiple
        maps = (padded(m, multiple) for m in (told.depth, told.blur, told.log_scale))
        return Modalities(padded(lr, multiple // self.scale), *maps)

    def _predicted(self, x: Tensor, given: Modalities, t: Tensor) -> Tensor:
        """The UNet told by AMF, in windows where nothing learns and the latents are large."""
        level = self.sampler.schedule.level(t)
        pyramid = self.ladder(self.amf(given, t))
        coarsest = self.frozen.coarsest
        grid = split(
            (x.shape[2], x.shape[3]),
            (_WINDOW - _OVERLAP,) * 2,
            overlap=_OVERLAP,
            multiple=(coarsest, coarsest),
        )
        if len(grid) == 1 or torch.is_grad_enabled():
            return self.frozen.predict(x, level, pyramid)

        def compute(tile: Tile) -> Planes:
            parts = [_window(map_, tile, 2**index) for index, map_ in enumerate(pyramid)]
            made = self.frozen.predict(_window(x, tile, 1), level, parts)
            return {"noise": made.flatten(0, 1).permute(1, 2, 0)}

        strips = [strip["noise"] for _, strip in blend(grid, 1, compute)]
        return torch.cat(strips).permute(2, 0, 1).view_as(x)


class Ladder(nn.Module):
    """AMF's features at a half and a quarter of HR size -> residuals at the levels of a UNet.

    Without biases: where AMF is silent, so is this, and an untrained one changes nothing.

    Args:
        widths: channels of AMF's two levels.
        stride: HR pixels of the UNet's first level, 2 or more; each further one has twice as many.
        channels: of the UNet's levels.
    """

    def __init__(self, widths: tuple[int, int], stride: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        first = round(math.log2(stride)) - 1  # in steps down from half of HR size
        last = first + len(channels) - 1
        sizes = [widths[0], *(widths[1] for _ in range(max(last, 1)))]
        self.down = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2, bias=False)
            for fine, coarse in itertools.pairwise(sizes)
        )
        self.out = nn.ModuleList(
            nn.Conv2d(sizes[first + index], width, 1, bias=False)
            for index, width in enumerate(channels)
        )
        self.first = first

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        """Two features -> one residual for each level."""
        levels = [pyramid[0]]
        for index, down in enumerate(self.down):
            coarse = down(silu(levels[-1]))
            levels.append(coarse + pyramid[1] if index == 0 else coarse)
        return [out(levels[self.first + i]) for i, out in enumerate(self.out)]


class LatentSchedule:
    """Noise levels between a picture's latent and the start of the sampling.

        x_t = sqrt(alpha_t) z + sqrt(1 - alpha_t) noise,   t = 1..steps

    Args:
        frozen: whose ``alphas`` these are.
        steps: of the sampling.
        first: index of alpha that sampling starts at; the others are evenly spaced below.

    Raises:
        ConfigError: no step, or ``first`` is out of range.
    """

    def __init__(self, frozen: FrozenDiffusion, steps: int, first: int) -> None:
        count = len(frozen.alphas)
        if steps < 1:
            raise ConfigError("steps", found=str(steps), expected="at least 1")
        if not steps <= first < count:
            raise ConfigError("first", found=str(first), expected=f"{steps} to {count - 1}")
        self.steps, self._frozen = steps, frozen
        self._levels = tuple(round(first * t / steps) for t in range(steps + 1))
        self.multiple = math.lcm(frozen.factor * frozen.coarsest, MULTIPLE)

    def level(self, t: Tensor) -> Tensor:
        """(N,) steps -> noise levels of the UNet."""
        return torch.tensor(self._levels, device=t.device)[t]

    def encoded(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) -> latents, of the picture padded to what the UNet takes."""
        return self._frozen.encode(padded(picture.float(), self.multiple))

    def add(self, latent: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t of latents."""
        signal, share = self._shares(t, latent)
        return signal * latent + share * noise

    def latent(self, x: Tensor, predicted: Tensor, t: Tensor) -> Tensor:
        """Latents that x_t and the prediction of the UNet tell."""
        signal, share = self._shares(t, x)
        if self._frozen.prediction == "v_prediction":
            return signal * x - share * predicted
        return (x - share * predicted) / signal

    def target(self, latent: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """What the UNet ought to predict."""
        if self._frozen.prediction == "epsilon":
            return noise
        signal, share = self._shares(t, latent)
        return signal * noise - share * latent

    def start(self, y: Tensor, noise: Tensor) -> Tensor:
        """See :class:`~blindsr.diffusion.sampler.Schedule`; the noise is of the latents' size."""
        t = torch.full((len(y),), self.steps, device=y.device)
        return self.add(self.encoded(y), t, noise)

    def posterior(self, x_t: Tensor, x0: Tensor, t: int, noise: Tensor) -> Tensor:
        """DDIM: the noise that x_t holds besides x_0, as much of it as belongs to t - 1."""
        del noise
        latent = self.encoded(x0)
        now, before = (torch.full((len(x0),), s, device=x0.device) for s in (t, t - 1))
        signal, share = self._shares(now, latent)
        return self.add(latent, before, (x_t - signal * latent) / share)

    def _shares(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self._frozen.alphas.to(like)[self.level(t)].view(-1, 1, 1, 1)
        return alpha.sqrt(), (1 - alpha).sqrt()


def _window(map_: Tensor, tile: Tile, stride: int) -> Tensor:
    """What a tile sees of a map whose pixels are ``stride`` latents wide."""
    rows, columns = (slice(span.start // stride, span.stop // stride) for span in tile)
    return map_[..., rows, columns]
