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
        spread: (H, W) standard deviation of the last picture's samples, mean over the colours;
            ``None`` before the first.
    """

    def __init__(self, network: SSR, *, samples: int = 1, seed: int = 0) -> None:
        self.network, self.samples, self.seed = network, samples, seed
        self.spread: NDArray[np.float32] | None = None

    def __call__(self, lr: Tensor) -> Tensor:
        """(1, 3, h, w) -> the mean (1, 3, s*h, s*w), computed as samples come."""
        told = self.network.estimate_all(lr)
        mean = square = torch.zeros((), device=lr.device)
        for number in range(self.samples):
            one = self.network.sample(lr, told, seed=self.seed, number=number).float()
            away = one - mean
            mean = mean + away / (number + 1)
            square = square + away * (one - mean)
        variance = square / max(self.samples - 1, 1)
        self.spread = variance.sqrt().mean(dim=1)[0].cpu().numpy()
        return mean
