"""Order of the samples of an epoch, their split between processes, a seed for each.

The training sampler hands the data set an index together with a seed. Augmentation then depends on
(seed, epoch, index) alone: not on the number of workers, on which worker or process got the item,
or on whether the run was resumed.

Both samplers know their rank and the number of processes. They are ``DistributedSampler``, so
Lightning takes them as they are instead of wrapping them, which would lose the
information which items only fill up the last round.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch.utils.data import DataLoader, Dataset, DistributedSampler, SequentialSampler


class Draw(NamedTuple):
    """An item and the seed of its augmentation."""

    item: int
    seed: int


def sized(length: int) -> Dataset[Any]:
    """What a ``DistributedSampler`` asks of its data set: the length alone."""
    return range(length)  # type: ignore[return-value]  # its annotation asks for a whole data set


class SeededSampler(DistributedSampler[Draw]):
    """Yields every index once per epoch in a seeded random order, each with its own seed.

    With several processes each takes every ``world_size``-th of one common order. Where the items
    do not divide evenly, the order starts again, so that all processes take equally many steps; an
    item that comes a second time has another seed then.
    Lightning calls :meth:`set_epoch`; in a plain loop every iteration counts as the next epoch.

    Args:
        length: number of items.
        seed: equal seeds give equal epochs.
        epoch: number of the first epoch.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self, length: int, *, seed: int, epoch: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        super().__init__(sized(length), num_replicas=world_size, rank=rank, seed=seed)
        self.length = length
        self.epoch = epoch
        self.skip = 0
        """Items that the next iteration leaves out at its start; the one after is whole again."""

    def __iter__(self) -> Iterator[Draw]:
        skip, self.skip = self.skip, 0
        rng = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        order = rng.permutation(self.length)
        # the first ones do not depend on how many follow, hence not on the number of processes
        seeds = rng.integers(2**31, size=self.total_size)
        fillers = np.arange(self.length, self.total_size)
        items = np.resize(order, self.total_size)
        drawn = np.concatenate([seeds[order], seeds[fillers]])
        mine = slice(self.rank, None, self.num_replicas)
        draws = [Draw(int(i), int(s)) for i, s in zip(items[mine], drawn[mine], strict=True)]
        return iter(draws[skip:])


class EvalSampler(DistributedSampler[int], SequentialSampler):
    """Yields the positions of an :class:`~blindsr.data.loading.evaluation.EvalSet` in order.

    Process r takes positions r, r + world_size, ... Where the items do not divide evenly, the last
    positions lie beyond the set, which turns them into repeats that say so. It is a
    ``SequentialSampler`` too, by which Lightning sees that nothing is shuffled.

    Args:
        length: number of items.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(self, length: int, *, rank: int = 0, world_size: int = 1) -> None:
        DistributedSampler.__init__(
            self, sized(length), num_replicas=world_size, rank=rank, shuffle=False
        )
        self.data_source = range(length)
        self.length = length

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.rank, self.total_size, self.num_replicas))


@runtime_checkable
class Skipping(Protocol):
    """A sampler that can begin later in an epoch."""

    skip: int
    """Items that the next iteration leaves out at its start."""


class ResumableLoader(DataLoader):
    """Counts its batches, and begins after those that a checkpoint has seen.

    Lightning stores :meth:`state_dict` in checkpoints and hands it back before the first batch. The
    order of an epoch depends on seed and epoch alone, so the number of batches is all there is to
    know; nothing that is skipped is read. Needs a sampler with an attribute ``skip``
    (:class:`SeededSampler`); with another one an epoch starts from
    its beginning.
    """

    _first = 0  # batch that the next iteration begins with
    _done = 0  # batches of the current epoch that were handed out

    # torch's annotation promises its private class of iterators
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        first, self._first = self._first, 0
        if not isinstance(self.sampler, Skipping):
            first = 0
        elif first:
            self.sampler.skip = first * int(self.batch_size or 1)
        self._done = first
        for batch in super().__iter__():
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of the current epoch were handed out; 0 at its end."""
        return {"batches": self._done % max(len(self), 1)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next epoch after ``state["batches"]`` batches."""
        self._first = int(state["batches"])
