"""KernelGAN and ZSSR on one image, from pixels to a model that runs like any other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.degradation.kernel_basis import sigma_max_of
from blindsr.degradation.kernel_maps import sigma_of_kernels
from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample
from blindsr.inference.model import Estimator, Model, Precision, Upscaler
from blindsr.losses.kernelgan import BicubicLoss
from blindsr.networks.kernelgan import ZSSRNet, centre_kernel, kernel_x4
from blindsr.networks.tile_needs import TileNeeds
from blindsr.types import Estimate

from .enlarger import EnlargementLearner, fit_enlargement
from .kernel import KernelLearner, fit_kernel
from .resizing import reduced

NAME, TITLE = "kernelgan", "KernelGAN + ZSSR"
STEPS = 3000
SCALES = (2, 4)
_PROJECTIONS = 4
_REAL_NOISE = 0.0125
_BYTES = 4 * 16 * 200  # per LR pixel at x4: features of the network, three at a time
_TRIED = 3  # steps that the expected time follows from
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Fitted:
    """What was learnt of one image.

    Attributes:
        kernel: (n, n) of ``scale``, n odd, its centre where the phase wants it; sums to 1.
        network: trained.
        scale: s.
        phase: where LR pixel 0 lies in HR pixels.
        projections: how often what is missing in the reduced result is added to it.
    """

    kernel: NDArray[np.float32]
    network: ZSSRNet
    scale: int
    phase: float
    projections: int = _PROJECTIONS

    @torch.no_grad()
    def upscale(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] -> (N, 3, s*h, s*w) in [0, 1]."""
        kernel = torch.from_numpy(self.kernel).to(lr.device)

        def enlarged(x: Tensor) -> Tensor:
            return upsample(x, self.scale, phase=self.phase, method="bicubic")

        sr = self.network(enlarged(lr)).float().clamp(0, 1)
        for _ in range(self.projections):
            missing = lr - reduced(sr, kernel, self.scale)
            sr = (sr + enlarged(missing)).clamp(0, 1)
        return sr

    def estimate(self, lr: Tensor) -> Estimate:
        """The one kernel in every pixel, and the sigma of the Gaussian as wide as it."""
        count, (height, width) = len(lr), lr.shape[-2:]
        kernel = torch.from_numpy(self.kernel).to(lr.device).reshape(1, -1, 1, 1)
        blur = sigma_of_kernels(kernel, sigma_max_of(len(self.kernel)))
        hr = (count, 1, self.scale * height, self.scale * width)
        return Estimate(blur=blur.expand(*hr), kernels=kernel.expand(count, -1, height, width))

    def model(self, origin: str, device: torch.device, precision: Precision = "float32") -> Model:
        """As a model that restores pictures in tiles."""
        needs = TileNeeds(overlap=32, bytes_per_pixel=_BYTES * self.scale**2 // 16)
        return Model(
            TITLE,
            origin,
            self.scale,
            device,
            precision,
            Estimator(self.estimate, needs, ("blur", "kernels")),
            Upscaler(self.upscale, needs),
        )


def fit(
    lr: Tensor,
    scale: int = 4,
    *,
    steps: int = STEPS,
    seed: int = 0,
    phase: float | None = None,
    bicubic: BicubicLoss = "per_channel",
    real: bool = False,
    tell: Tell | None = None,
) -> Fitted:
    """Learn the kernel of an image, then how to enlarge it.

    Args:
        lr: (1, 3, h, w) in [0, 1], at least 28 pixels a side.
        scale: 2 or 4.
        steps: of the kernel; the most that each size of the enlargement takes as well.
        seed: of all that is random.
        phase: where LR pixel 0 lies in HR pixels; ``None`` is the middle of its s*s HR pixels, as
            released. Of data that keep every s-th pixel it is 0.
        bicubic: see :func:`blindsr.losses.kernelgan.bicubic_target`.
        real: the image is a photograph with noise: noise is added to what is learnt from, and
            nothing is projected back.
        tell: is told the steps done and all steps.

    Raises:
        ConfigError: for another scale, or fewer than one step.
        DataError: if the image is too small.
    """
    if scale not in SCALES:
        raise ConfigError("scale", found=str(scale), expected="2 or 4")
    if steps < 1:
        raise ConfigError("steps", found=str(steps), expected="at least 1")
    sizes = [size for size in SCALES if size <= scale]
    parts = 1 + len(sizes)
    base = fit_kernel(lr, steps=steps, seed=seed, bicubic=bicubic, tell=_part(tell, 0, parts))
    phase = (scale - 1) / 2 if phase is None else phase
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ZSSRNet().to(lr.device)
    kernel = np.zeros((1, 1), np.float32)
    for number, size in enumerate(sizes, start=1):
        own = phase * (size - 1) / (scale - 1)
        kernel = _centred(base, size, own)
        learner = EnlargementLearner(
            *(network, lr, torch.from_numpy(kernel).to(lr.device), size, own),
            noise=_REAL_NOISE if real else 0.0,
            seed=seed + number,
        )
        fit_enlargement(learner, steps, _part(tell, number, parts))
    network.eval().requires_grad_(False)
    return Fitted(kernel, network, scale, phase, 0 if real else _PROJECTIONS)


def fit_predict(lr: Tensor, scale: int = 4, **options: Any) -> tuple[Tensor, Estimate]:
    """Learn from one image and enlarge it: SR (1, 3, s*h, s*w) in [0, 1], and its kernel.

    Arguments and errors are those of :func:`fit`.
    """
    fitted = fit(lr, scale, **options)
    return fitted.upscale(lr), fitted.estimate(lr)


def expected_seconds(lr: Tensor, scale: int = 4, *, steps: int = STEPS) -> float:
    """How long :func:`fit` takes at most on this machine, measured in a few steps.

    Raises:
        DataError: if the image is too small.
    """
    learner = KernelLearner(lr, _TRIED)
    learner.step(0)
    start = time.monotonic()
    for index in range(1, _TRIED):
        learner.step(index)
    one = (time.monotonic() - start) / (_TRIED - 1)
    kernel = torch.full((3, 3), 1 / 9, device=lr.device)
    other = EnlargementLearner(ZSSRNet().to(lr.device), lr, kernel, 2, 0.5)
    other.step()
    start = time.monotonic()
    for _ in range(1, _TRIED):
        other.step()
    two = (time.monotonic() - start) / (_TRIED - 1)
    return steps * (one + two * sum(size <= scale for size in SCALES))


def _centred(base: NDArray[np.float64], size: int, phase: float) -> NDArray[np.float32]:
    """The learnt kernel for a size, with its centre where the phase wants it; sums to 1."""
    kernel = centre_kernel(base, 2, phase=phase if size == 2 else phase / 3, released=False)
    if size == 2:
        return kernel
    four = kernel_x4(kernel.astype(np.float64))
    return centre_kernel(four, size, threshold=False, phase=phase, released=False)


def _part(tell: Tell | None, number: int, parts: int) -> Tell | None:
    """What is told of one of several parts of equal length."""
    if tell is None:
        return None

    def told(done: int, total: int) -> None:
        tell(number * total + done, parts * total)

    return told
