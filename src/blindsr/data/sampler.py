"""The order of an epoch and the random draw of every item, decided in one place.

The sampler hands the data set an index together with a seed. Augmentation then depends on (seed,
epoch, index) alone: not on the number of workers, on which worker got the item, or on whether the
run was resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler


class Draw(NamedTuple):
    """An item and the seed of its augmentation."""

    item: int
    seed: int


class SeededSampler(Sampler[Draw]):
    """Yields every index once per epoch in a seeded random order, each with its own seed.

    Lightning calls :meth:`set_epoch`; in a plain loop every iteration counts as the next epoch.

    Args:
        length: number of items.
        seed: equal seeds give equal epochs.
        epoch: number of the first epoch.
    """

    def __init__(self, length: int, *, seed: int, epoch: int = 0) -> None:
        self.length = length
        self.seed = seed
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Make the next iteration that of ``epoch``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        order = rng.permutation(self.length)
        seeds = rng.integers(2**31, size=self.length)
        return iter([Draw(int(item), int(seeds[item])) for item in order])
