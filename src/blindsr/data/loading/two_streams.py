"""PBaSR's two streams, general pictures and intended blur: data set, sampler, data module.

One item holds a sample of each stream, so one loader, one sampler and one position suffice for
several processes and for resuming. Each stream is shuffled anew for every pass through its
pictures; the shorter one is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from blindsr.data.loading.checked_options import check_whole
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.evaluation import GroupedEvalSet
from blindsr.data.loading.samplers import Draw, EvalSampler, ResumableLoader, sized
from blindsr.types import Batch, Sample


class PairDraw(NamedTuple):
    """A general and a blur item, each with the seed of its augmentation."""

    general: Draw
    blur: Draw


class TwoSamples(TypedDict):
    """One item; collated, the batch of PBaSR: ``{"general": Batch, "blur": Batch}``."""

    general: Sample
    blur: Sample


class TwoStreamDataset(Dataset[TwoSamples]):
    """Joins two data sets, indexed by :class:`PairDraw`; as long as the longer one.

    Args:
        general: any pictures.
        blur: pictures with intended blur; samples have a ``mask``.
    """

    def __init__(self, general: Any, blur: Any) -> None:
        self.general, self.blur = general, blur

    def __len__(self) -> int:
        return max(len(self.general), len(self.blur))

    def __getitem__(self, index: int | PairDraw) -> TwoSamples:
        if isinstance(index, PairDraw):
            return {"general": self.general[index.general], "blur": self.blur[index.blur]}
        return {
            "general": self.general[index % len(self.general)],
            "blur": self.blur[index % len(self.blur)],
        }


class TwoStreamSampler(DistributedSampler[PairDraw]):
    """Yields pairs of draws: position p of a stream is item p of endless shuffled passes.

    Epoch e covers positions ``e * T`` to ``(e + 1) * T``, T = ``steps * batch_size * world_size``,
    whatever the lengths: no picture is seen twice before all others were seen once, and an epoch of
    a few steps continues where the last one ended. A picture has another seed in every pass.
    Process r takes positions r, r + world_size, ...
    Lightning calls :meth:`set_epoch`; in a plain loop every iteration counts as the next epoch.

    Args:
        general: number of general pictures.
        blur: number of pictures with intended blur.
        steps: batches of an epoch, of every process.
        batch_size: samples of each stream in a batch of one process.
        seed: equal seeds give equal epochs.
        epoch: number of the first epoch.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        general: int,
        blur: int,
        *,
        steps: int,
        batch_size: int,
        seed: int,
        epoch: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        positions = sized(steps * batch_size * world_size)
        super().__init__(positions, num_replicas=world_size, rank=rank, seed=seed)
        self.lengths = (general, blur)
        self.epoch = epoch
        self.skip = 0
        """Items that the next iteration leaves out at its start; the one after is whole again."""

    def __iter__(self) -> Iterator[PairDraw]:
        skip, self.skip = self.skip, 0
        first = self.epoch * self.total_size
        self.epoch += 1
        positions = np.arange(first + self.rank, first + self.total_size, self.num_replicas)[skip:]
        streams = (self._draws(stream, positions) for stream in range(2))
        return iter([PairDraw(*pair) for pair in zip(*streams, strict=True)])

    def _draws(self, stream: int, positions: np.ndarray) -> list[Draw]:
        """Return the draws of a stream at ascending positions."""
        length = self.lengths[stream]
        draws: list[Draw] = []
        for turn in np.unique(positions // length):
            rng = np.random.default_rng([self.seed, stream, int(turn)])
            order, seeds = rng.permutation(length), rng.integers(2**31, size=length)
            mine = positions[positions // length == turn] % length
            draws += [Draw(int(order[at]), int(seeds[at])) for at in mine]
        return draws


class TwoStreamDataModule(PairedDataModule):
    """Base of the data modules whose training batch is ``{"general": Batch, "blur": Batch}``.

    A subclass sets in ``setup``: ``train_set`` (a :class:`TwoStreamDataset`), ``val_sets`` and
    ``test_sets`` (one data set with an attribute ``group`` for each group). Batches of evaluation
    are ordinary ones, each of a single group: ``general``, ``blur``, or these followed by a name,
    as ``general-DIV2K`` and ``blur-defocus``.

    All batches of an epoch are full. Equal ``seed`` gives equal batches, whatever the number of
    workers.

    Args:
        steps_per_epoch: batches of an epoch; None lasts until the longer stream was seen once.
        options: see the base class; ``batch_size`` counts samples of *each* stream.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(self, *, steps_per_epoch: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if steps_per_epoch is not None:
            check_whole("steps_per_epoch", steps_per_epoch, least=1, most=10**9)
        self.steps_per_epoch = steps_per_epoch
        self.val_sets: list[Any] = []

    @property
    def val_group_names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`val_dataloader` delivers, after ``setup``."""
        return tuple(part.group for part in self.val_sets)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of ``{"general": Batch, "blur": Batch}``, ``batch_size`` of each."""
        pairs: TwoStreamDataset = self.train_set
        rank, world_size = self._process()
        steps = self.steps_per_epoch or -(-len(pairs) // (self.batch_size * world_size))
        sampler = TwoStreamSampler(
            len(pairs.general),
            len(pairs.blur),
            steps=steps,
            batch_size=self.batch_size,
            seed=self.seed,
            epoch=self.trainer.current_epoch if self.trainer is not None else 0,
            rank=rank,
            world_size=world_size,
        )
        return self._loader(
            pairs, kind=ResumableLoader, batch_size=self.batch_size, sampler=sampler
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation loader, all groups in turn; batches carry ``repeat``."""
        return self._eval_loader(self.val_sets)

    def _eval_loader(self, parts: Sequence[Any]) -> DataLoader[Batch]:
        rank, world_size = self._process()
        dataset = GroupedEvalSet(parts, multiple=self.eval_batch_size * world_size)
        sampler = EvalSampler(len(dataset), rank=rank, world_size=world_size)
        return self._loader(dataset, batch_size=self.eval_batch_size, sampler=sampler)
