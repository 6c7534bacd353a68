"""What all paired DataModules share: loaders, worker seeding, batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from blindsr.data.files.manifest_content import LARGEST_SCALE, LARGEST_SIGMA
from blindsr.data.files.source_values import MOST_WORKERS
from blindsr.data.loading.checked_options import (
    LARGEST_BATCH,
    LARGEST_SEED,
    check_flags,
    check_number,
    check_whole,
)
from blindsr.data.loading.evaluation import EvalSet
from blindsr.data.loading.resumable import ResumableLoader
from blindsr.data.loading.samplers import EvalSampler, SeededSampler
from blindsr.degradation.kernels import window_size
from blindsr.imaging.resize import Downsampler, phase
from blindsr.types import Batch, DataFacts


class PairedDataModule(LightningDataModule):
    """Base of the data modules that yield :class:`~blindsr.types.Batch`.

    A subclass hands over ``class_names``, ``downsampler`` and the like, which make up ``facts``,
    and sets in ``setup`` the three data sets ``train_set``, ``val_set`` and ``test_sets`` (one per
    test group).

    Two runs with equal ``seed`` see equal batches, whatever the number of workers. Several
    processes share each epoch; ``batch_size`` is that of one process.
    """

    def __init__(
        self,
        *,
        scale: int,
        num_classes: int,
        sigma_max: float,
        class_names: Sequence[str],
        downsampler: Downsampler,
        batch_size: int,
        eval_batch_size: int,
        num_workers: int,
        pin_memory: bool,
        seed: int,
        metric_depth: bool | None = None,
    ) -> None:
        super().__init__()
        check_whole("scale", scale, least=1, most=LARGEST_SCALE)
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA)
        check_whole("batch_size", batch_size, least=1, most=LARGEST_BATCH)
        check_whole("eval_batch_size", eval_batch_size, least=1, most=LARGEST_BATCH)
        check_whole("num_workers", num_workers, least=0, most=MOST_WORKERS)
        check_whole("seed", seed, least=0, most=LARGEST_SEED)
        check_flags(pin_memory=pin_memory)
        self.scale = scale
        self.num_classes = num_classes
        self.sigma_max = sigma_max
        self.class_names = tuple(class_names)
        self.downsampler: Downsampler = downsampler
        self.phase = phase(downsampler, scale)
        self.facts = DataFacts(
            scale=scale,
            phase=self.phase,
            downsampler=downsampler,
            sigma_max=sigma_max,
            window_taps=window_size(sigma_max) if sigma_max else 1,
            num_classes=num_classes,
            class_names=self.class_names,
            metric_depth=metric_depth,
        )
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.seed = seed
        self.train_set: Any = None
        self.val_set: Any = None
        self.test_sets: list[Any] = []

    def preflight(self, stage: str) -> None:
        """Find what is wrong with the files before a run leaves any trace.

        Args:
            stage: "fit", "validate", "test" or "predict".

        Raises:
            BlindSRError: what ``setup`` raises.
        """
        self.setup(stage)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the test groups that :meth:`test_dataloader` delivers, after ``setup``."""
        groups = [part.group for part in self.test_sets]
        return tuple(f"Group{g}" if isinstance(g, int) and g else str(g or "test") for g in groups)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the training loader: seeded order and augmentation, resumable within an epoch.

        The last partial batch of an epoch is dropped unless it is the only one.
        """
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        rank, world_size = self._process()
        sampler = SeededSampler(
            len(self.train_set), seed=self.seed, epoch=epoch, rank=rank, world_size=world_size
        )
        return self._loader(
            self.train_set,
            kind=ResumableLoader,
            batch_size=self.batch_size,
            sampler=sampler,
            drop_last=len(sampler) >= self.batch_size,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation loader, whole pictures in order; batches carry ``repeat``."""
        return self._eval_loader([self.val_set])

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return one loader over all test groups in turn.

        Batches carry ``group`` and ``repeat``.
        """
        return self._eval_loader(self.test_sets)

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of :meth:`test_dataloader`."""
        return self.test_dataloader()

    def _process(self) -> tuple[int, int]:
        """Return the rank of this process and their number."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def _eval_loader(self, parts: Sequence[Any]) -> DataLoader[Batch]:
        dataset = EvalSet(parts)
        rank, world_size = self._process()
        sampler = EvalSampler(len(dataset), rank=rank, world_size=world_size)
        return self._loader(dataset, batch_size=self.eval_batch_size, sampler=sampler)

    def _loader(
        self, dataset: Dataset[Any], *, kind: type[DataLoader] = DataLoader, **options: Any
    ) -> DataLoader[Batch]:
        if self.num_workers > 0:
            # Workers are forked: threads that OpenCV has here would be missing there, and the
            # first filter would wait for them for ever.
            cv2.setNumThreads(1)
        return kind(
            dataset,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            worker_init_fn=_one_thread,
            pin_memory=self.pin_memory and torch.cuda.is_available(),
            **options,
        )


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(1)  # every worker would otherwise start a thread per core
