"""Several samples of one picture: their mean, and how far they lie apart."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.networks.ssr.ssr import SSR


class SampledRun:
    """Runs SSR on a whole picture and keeps the spread of its samples.

    Samples of one seed differ in what LR does not tell, and in nothing else.

    Args:
        network: in evaluation mode.
        samples: how many, at least 1.
        seed: of their noise.

    Attributes:
        spread: (H, W) standard deviation of the last picture's samples, root of its mean square
            over the colours; ``None`` before the first.
    """

    def __init__(self, network: SSR, *, samples: int = 1, seed: int = 0) -> None:
        self.network, self.samples, self.seed = network, samples, seed
        self.spread: NDArray[np.float32] | None = None

    def __call__(self, lr: Tensor) -> Tensor:
        """(1, 3, h, w) -> the mean (1, 3, s*h, s*w), computed as samples come."""
        told = self.network.estimate_all(lr)
        mean = self.network.sample(lr, told, seed=self.seed).float()
        square = torch.zeros_like(mean[:, :1])
        for number in range(1, self.samples):  # in place: pictures are large
            one = self.network.sample(lr, told, seed=self.seed, number=number).float()
            away = one - mean
            mean.add_(away, alpha=1 / (number + 1))
            square += one.sub_(mean).mul_(away).mean(dim=1, keepdim=True)
        self.spread = (square / max(self.samples - 1, 1)).sqrt_()[0, 0].cpu().numpy()
        return mean
