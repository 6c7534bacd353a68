"""Learn the kernel of one image: patches that it makes must look like patches of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.errors import DataError
from blindsr.imaging.resize import downsample
from blindsr.losses.kernelgan import BicubicLoss, bicubic_loss, kernel_terms, real_or_not
from blindsr.networks.kernelgan import (
    SHAVED,
    TAPS,
    KernelGANDiscriminator,
    KernelGANGenerator,
    collapse,
)

from .controller import Controller
from .crops import corners, gradient_map, probability

CROP = 64
"""Side of the generator's crops where the image is large enough."""
SMALLEST = 2 * (SHAVED + 2) + TAPS - 1  # the discriminator normalises what it sees: two pixels
_NOISE = 1 / 255
_BETAS = (0.5, 0.999)
Tell = Callable[[int, int], None]


@dataclass
class KernelLearner:
    """One image, two networks, and where the next crops are.

    Args:
        lr: (1, 3, h, w) in [0, 1].
        steps: that will be taken.
        seed: of crops, noise and weights.
        bicubic: see :func:`blindsr.losses.kernelgan.bicubic_target`.

    Raises:
        DataError: if the image has a side of less than 28 pixels.
    """

    lr: Tensor
    steps: int
    seed: int = 0
    bicubic: BicubicLoss = "per_channel"

    def __post_init__(self) -> None:
        height, width = (side // 2 * 2 for side in self.lr.shape[-2:])
        self.side = min(CROP, height, width)
        if self.side < SMALLEST:
            raise DataError(
                "image", found=f"{width} x {height} pixels", expected=f"at least {SMALLEST} a side"
            )
        self.image = 2 * self.lr[..., :height, :width].float() - 1
        self.fake_side = (self.side - TAPS + 1) // 2
        draw = np.random.default_rng(self.seed)
        self.small_corners, self.large_corners = self._corners(draw)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.generator = KernelGANGenerator().to(self.lr.device)
            self.discriminator = KernelGANDiscriminator().to(self.lr.device).train()
        self.noise = torch.Generator(self.lr.device).manual_seed(self.seed)
        self.controller = Controller()
        rate = self.controller.learning_rate
        self.optimisers = [
            torch.optim.Adam(network.parameters(), rate, betas=_BETAS)
            for network in (self.generator, self.discriminator)
        ]

    def _corners(self, draw: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of real crops by what the image shows, of the generator's by what half of it does."""
        values = ((self.image[0] + 1) / 2).permute(1, 2, 0).double().cpu().numpy()
        own = probability(gradient_map(values), self.fake_side)
        half = np.clip(downsample(values, 2, "bicubic"), 0, 1)
        coarse = gradient_map(half).repeat(2, axis=0).repeat(2, axis=1)
        wide = probability(coarse, self.side)
        count = max(1, self.steps)
        return corners(own, self.fake_side, count, draw), corners(wide, self.side, count, draw)

    def step(self, index: int) -> float:
        """Train the generator, then the discriminator; the bicubic loss."""
        crop = self._crop(self.large_corners[index], self.side)
        state, (first, second) = self.controller, self.optimisers
        made = self.generator(crop)
        terms = kernel_terms(collapse(self.generator))
        near = bicubic_loss(made, crop, self.bicubic)
        total = real_or_not(self.discriminator(made), real=True) + state.bicubic * near
        total = total + sum(getattr(state, name) * value for name, value in terms.items())
        first.zero_grad()
        total.backward()
        first.step()
        with torch.no_grad():
            fake = self.generator(crop)
        real = self._crop(self.small_corners[index], self.fake_side)
        fake, real = self._noisy(fake, _NOISE), self._noisy(real, 2 * _NOISE)
        of_fake = real_or_not(self.discriminator(fake), real=False)
        of_real = real_or_not(self.discriminator(real), real=True)
        second.zero_grad()
        ((of_fake + of_real) / 2).backward()
        second.step()
        state.update(index, float(near.detach()))
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = state.learning_rate
        return float(near.detach())

    def kernel(self) -> NDArray[np.float64]:
        """(13, 13), of reducing by 2."""
        return collapse(self.generator).detach().double().cpu().numpy()

    def _crop(self, corner: NDArray[np.int64], side: int) -> Tensor:
        row, column = (int(place) for place in corner)
        return self.image[..., row : row + side, column : column + side]

    def _noisy(self, x: Tensor, strength: float) -> Tensor:
        noise = torch.randn(x.shape, generator=self.noise, device=x.device)
        return x + strength * noise


def fit_kernel(
    lr: Tensor,
    *,
    steps: int = 3000,
    seed: int = 0,
    bicubic: BicubicLoss = "per_channel",
    tell: Tell | None = None,
) -> NDArray[np.float64]:
    """The kernel (13, 13) that an image would be reduced by 2 with.

    Args:
        lr: (1, 3, h, w) in [0, 1].
        steps: optimiser steps of both networks.
        seed: of crops, noise and weights.
        bicubic: see :func:`blindsr.losses.kernelgan.bicubic_target`.
        tell: is told the steps done and all steps.

    Raises:
        DataError: if the image is too small.
    """
    learner = KernelLearner(lr, steps, seed, bicubic)
    for index in range(steps):
        learner.step(index)
        if tell is not None:
            tell(index + 1, steps)
    return learner.kernel()
