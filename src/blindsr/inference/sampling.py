"""Several samples of one picture: their mean, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.imaging.rows_on_disk import Picture, bands, mapped, rows_of, stored
from blindsr.networks.ssr.ssr import SSR
from blindsr.networks.ssr.svkr import SVKR, KernelEstimate
from blindsr.types import Estimate

LARGE = 1 << 21
"""HR pixels from which on pictures of HR size lie on disk: smaller ones take 1 GB."""


def is_large(lr: Tensor, scale: int) -> bool:
    """Whether pictures of HR size do not belong into memory."""
    return lr.shape[2] * lr.shape[3] * scale**2 > LARGE


def estimated(network: SVKR, lr: Tensor) -> Estimate:
    """What SVKR estimates of a picture of any size; of a large one as rows."""
    return network.last(lr, by_rows=is_large(lr, network.scale)).as_estimate()


class SampledRun:
    """Runs SSR on a whole picture and keeps the spread of its samples.

    Samples of one seed differ in what LR does not tell, and in nothing else. Of a large picture
    nothing of HR size is held: what is returned are
    :class:`~blindsr.imaging.rows_on_disk.Rows`. Only a layered data step still needs it whole.

    Args:
        network: in evaluation mode.
        samples: how many, at least 1.
        seed: of their noise.
        caution: share of the estimated sigma that is removed; ``None`` for the network's own.

    Attributes:
        spread: (1, 1, H, W) standard deviation of the last picture's samples, root of its mean
            square over the colours; ``None`` before the first.
    """

    def __init__(
        self, network: SSR, *, samples: int = 1, seed: int = 0, caution: float | None = None
    ) -> None:
        self.network, self.samples, self.seed, self.caution = network, samples, seed, caution
        self.spread: Picture | None = None

    def __call__(self, lr: Tensor) -> Picture:
        """(1, 3, h, w) -> the mean (1, 3, s*h, s*w), computed as samples come."""
        told = self.network.estimate_all(lr, by_rows=self._by_rows(lr))
        mean = self._sample(lr, told, 0)
        square = mapped(lambda first: torch.zeros_like(first[:, :1]), mean)
        for number in range(1, self.samples):
            one = self._sample(lr, told, number)
            square = stored(mapped(_square_step(number), square, mean, one))
            mean = stored(mapped(_mean_step(number), mean, one))
        count = max(self.samples - 1, 1)
        self.spread = mapped(lambda total: (total / count).sqrt(), square)
        return mean

    @property
    def removed_share(self) -> float:
        """Share of the estimated sigma that samples are without."""
        return self.network.caution if self.caution is None else self.caution

    def estimate(self, lr: Tensor) -> Estimate:
        """The blur alone."""
        return self.network.estimate_all(lr, by_rows=self._by_rows(lr)).as_estimate()

    def spread_strips(self) -> Iterator[NDArray[np.float32]]:
        """Rows of ``spread``, (n, W), from the top; none of a single sample."""
        if self.spread is not None and self.samples > 1:
            for rows in bands(self.spread):
                yield rows_of(self.spread, rows)[0, 0].cpu().numpy()

    def _sample(self, lr: Tensor, told: KernelEstimate, number: int) -> Picture:
        sample = self.network.sample
        drawn = sample(lr, told, seed=self.seed, number=number, caution=self.caution)
        return stored(mapped(Tensor.float, drawn))

    def _by_rows(self, lr: Tensor) -> bool:
        return is_large(lr, self.network.scale) and self.network.operator == "gather"


def _mean_step(number: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Mean of the samples before, and one more -> mean of all."""
    return lambda mean, one: mean.add(one - mean, alpha=1 / (number + 1))


def _square_step(number: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Sum of squares around the mean, the mean before, one more -> the sum of all (Welford)."""
    step = _mean_step(number)

    def update(square: Tensor, mean: Tensor, one: Tensor) -> Tensor:
        away = one - mean
        return square + (one - step(mean, one)).mul_(away).mean(dim=1, keepdim=True)

    return update
