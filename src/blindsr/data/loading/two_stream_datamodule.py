"""What the DataModules of PBaSR share: the loader of two streams, and evaluation by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import DataLoader

from blindsr.data.loading.checked_options import check_whole
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.loading.grouped_evaluation import GroupedEvalSet
from blindsr.data.loading.resumable import ResumableLoader
from blindsr.data.loading.samplers import EvalSampler
from blindsr.data.loading.two_streams import TwoStreamDataset, TwoStreamSampler
from blindsr.imaging.resize import Downsampler
from blindsr.types import Batch


class TwoStreamDataModule(PairedDataModule):
    """Base of the data modules whose training batch is ``{"general": Batch, "blur": Batch}``.

    A subclass sets in ``setup``: ``train_set`` (a
    :class:`~blindsr.data.loading.two_streams.TwoStreamDataset`), ``val_sets`` and ``test_sets``
    (one data set with an attribute ``group`` for each group). Batches of evaluation are ordinary
    ones, each of a single group: ``general``, ``blur``, or these followed by a name, as
    ``general-DIV2K`` and ``blur-defocus``.

    An epoch lasts until the longer stream has been seen once, or ``steps_per_epoch`` batches; all
    batches are full. Equal ``seed`` gives equal batches, whatever the number of workers.
    """

    def __init__(
        self,
        *,
        scale: int,
        sigma_max: float,
        downsampler: Downsampler,
        batch_size: int,
        eval_batch_size: int,
        num_workers: int,
        steps_per_epoch: int | None,
        pin_memory: bool,
        seed: int,
    ) -> None:
        super().__init__(
            scale=scale,
            num_classes=0,
            sigma_max=sigma_max,
            class_names=(),
            downsampler=downsampler,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            seed=seed,
        )
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
