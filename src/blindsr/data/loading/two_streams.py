"""PBaSR's two streams, general pictures and intended blur: data set, sampler, data module.

One item holds a sample of each stream, so one loader, one sampler and one position suffice for
several processes and for resuming. Each stream is shuffled anew for every pass through its
pictures; the shorter one is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
from torch.utils.data import DataLoader, Dataset, DistributedSampler, default_collate

from blindsr.data.loading.checked_options import check_whole
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.evaluation import GroupedEvalSet
from blindsr.data.loading.samplers import Draw, EvalSampler, ResumableLoader, sized
from blindsr.types import Batch, Sample


class PairDraw(NamedTuple):
    """A general and a blur item, each with the seed of its augmentation; ``None`` for no item."""

    general: Draw | None
    blur: Draw | None


class TwoSamples(TypedDict, total=False):
    """One item; collated, the batch of PBaSR: ``{"general": Batch, "blur": Batch}``.

    Where a batch has more samples of one stream, some items hold no sample of the other.
    """

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
            item: TwoSamples = {}
            if index.general is not None:
                item["general"] = self.general[index.general]
            if index.blur is not None:
                item["blur"] = self.blur[index.blur]
            return item
        return {
            "general": self.general[index % len(self.general)],
            "blur": self.blur[index % len(self.blur)],
        }


def join_streams(items: Sequence[TwoSamples]) -> dict[str, Any]:
    """Collate each stream over the items that have a sample of it."""
    streams: dict[str, list[Any]] = {}
    for item in items:
        for name, sample in item.items():
            streams.setdefault(name, []).append(sample)
    return {name: default_collate(samples) for name, samples in streams.items()}


class TwoStreamSampler(DistributedSampler[PairDraw]):
    """Yields pairs of draws: position p of a stream is item p of endless shuffled passes.

    Epoch e covers positions ``e * T`` to ``(e + 1) * T``, T = ``steps * batch_size * world_size``
    with the stream's own ``batch_size``, whatever the lengths: no picture is seen twice before all
    others were seen once, and an epoch of a few steps continues where the last one ended. A picture
    has another seed in every pass.
    Process r takes positions r, r + world_size, ...
    Lightning calls :meth:`set_epoch`; in a plain loop every iteration counts as the next epoch.

    Args:
        general: number of general pictures.
        blur: number of pictures with intended blur.
        steps: batches of an epoch, of every process.
        batch_size: samples in a batch of one process: of each stream, or of general and blur.
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
        batch_size: int | tuple[int, int],
        seed: int,
        epoch: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        both = (batch_size, batch_size) if isinstance(batch_size, int) else batch_size
        items = sized(steps * max(both) * world_size)
        super().__init__(items, num_replicas=world_size, rank=rank, seed=seed)
        self.steps, self.batch_sizes = steps, both
        self.lengths = (general, blur)
        self.epoch = epoch
        self.skip = 0
        """Items that the next iteration leaves out at its start; the one after is whole again."""

    def __iter__(self) -> Iterator[PairDraw]:
        skip, self.skip = self.skip, 0
        epoch, self.epoch = self.epoch, self.epoch + 1
        streams = (self._items(stream, epoch)[skip:] for stream in range(2))
        return iter([PairDraw(*pair) for pair in zip(*streams, strict=True)])

    def _items(self, stream: int, epoch: int) -> list[Draw | None]:
        """Draws of a stream for every item of an epoch; ``None`` where the other has more."""
        size, longest = self.batch_sizes[stream], max(self.batch_sizes)
        count = self.steps * size * self.num_replicas
        first = epoch * count
        draws = self._draws(stream, np.arange(first + self.rank, first + count, self.num_replicas))
        batches = [draws[at : at + size] for at in range(0, len(draws), size)]
        return [item for batch in batches for item in [*batch, *[None] * (longest - size)]]

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
        general_batch_size: samples of the general stream in a batch, where it shall have more or
            fewer than ``batch_size``: the ratio of the streams (figure 4a of the paper).
        options: see the base class; ``batch_size`` counts samples of *each* stream.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        steps_per_epoch: int | None = None,
        general_batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if general_batch_size is not None:
            check_whole("general_batch_size", general_batch_size, least=1, most=10**6)
        self.batch_sizes = (general_batch_size or self.batch_size, self.batch_size)
        if steps_per_epoch is not None:
            check_whole("steps_per_epoch", steps_per_epoch, least=1, most=10**9)
        self.steps_per_epoch = steps_per_epoch
        self.val_sets: list[Any] = []

    @property
    def val_group_names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`val_dataloader` delivers, after ``setup``."""
        return tuple(part.group for part in self.val_sets)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of ``{"general": Batch, "blur": Batch}``, full batches of each."""
        pairs: TwoStreamDataset = self.train_set
        rank, world_size = self._process()
        lengths = len(pairs.general), len(pairs.blur)
        each = zip(lengths, self.batch_sizes, strict=True)
        steps = self.steps_per_epoch or max(-(-n // (size * world_size)) for n, size in each)
        sampler = TwoStreamSampler(
            *lengths,
            steps=steps,
            batch_size=self.batch_sizes,
            seed=self.seed,
            epoch=self.trainer.current_epoch if self.trainer is not None else 0,
            rank=rank,
            world_size=world_size,
        )
        return self._loader(
            pairs,
            kind=ResumableLoader,
            batch_size=max(self.batch_sizes),
            sampler=sampler,
            collate_fn=join_streams,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation loader, all groups in turn; batches carry ``repeat``."""
        return self._eval_loader(self.val_sets)

    def _eval_loader(self, parts: Sequence[Any]) -> DataLoader[Batch]:
        rank, world_size = self._process()
        dataset = GroupedEvalSet(parts, multiple=self.eval_batch_size * world_size)
        sampler = EvalSampler(len(dataset), rank=rank, world_size=world_size)
        return self._loader(dataset, batch_size=self.eval_batch_size, sampler=sampler)
