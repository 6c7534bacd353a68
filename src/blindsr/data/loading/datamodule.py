"""Base of all data modules: loaders, seeds of workers, batch sizes, facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from blindsr.data.files.source_values import LARGEST_SCALE, MOST_WORKERS
from blindsr.data.loading.checked_options import (
    LARGEST_BATCH,
    LARGEST_SEED,
    check_flags,
    check_whole,
)
from blindsr.data.loading.evaluation import EvalSet
from blindsr.data.loading.fingerprint import fingerprint
from blindsr.data.loading.samplers import EvalSampler, ResumableLoader, SeededSampler
from blindsr.degradation.kernels import window_size
from blindsr.imaging.resize import Downsampler, phase
from blindsr.types import Batch, DataFacts


class PairedDataModule(LightningDataModule):
    """Base of the data modules that yield :class:`~blindsr.types.Batch`.

    A subclass says in attributes what ``facts`` are made of, and sets in ``setup`` the three data
    sets ``train_set``, ``val_set`` and ``test_sets`` (one per test group). It names its own
    arguments alone and hands the others on (``**options``): the command line finds those of the
    base classes, their defaults and their help by itself.

    Two runs with equal ``seed`` see equal batches, whatever the number of workers. Several
    processes share each epoch; ``batch_size`` is that of one process.

    Args:
        scale: HR is ``scale`` times LR.
        batch_size: pictures of a training batch.
        eval_batch_size: pictures of a validation or test batch; more than 1 needs pictures of
            equal size.
        num_workers: loader processes; each keeps its own copy of what is held in memory.
        seed: of every random choice: held-out pictures, order, augmentation, synthetic pictures.
        pin_memory: for faster copies to a GPU.

    Raises:
        ConfigError: an argument is out of range.
    """

    class_names: tuple[str, ...] = ()
    """Of ``seg``, in the order of the class index."""
    metric_depth: bool | None = None
    """Depth is in metres (True) or relative (False); None where there is none."""
    sigma_max: float = 0.0
    """Largest sigma of ``blur`` in HR pixels; 0 without ``blur``."""
    downsampler: Downsampler = "sfold"
    """How LR is taken from the blurred HR."""

    def __init__(
        self,
        *,
        scale: int = 4,
        batch_size: int = 8,
        eval_batch_size: int = 1,
        num_workers: int = 2,
        seed: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)  # with the arguments of all subclasses
        check_whole("scale", scale, least=1, most=LARGEST_SCALE)
        check_whole("batch_size", batch_size, least=1, most=LARGEST_BATCH)
        check_whole("eval_batch_size", eval_batch_size, least=1, most=LARGEST_BATCH)
        check_whole("num_workers", num_workers, least=0, most=MOST_WORKERS)
        check_whole("seed", seed, least=0, most=LARGEST_SEED)
        check_flags(pin_memory=pin_memory)
        self.scale, self.seed = scale, seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.num_workers, self.pin_memory = num_workers, pin_memory
        self.train_set: Any = None
        self.val_set: Any = None
        self.test_sets: list[Any] = []

    @property
    def num_classes(self) -> int:
        """Number of classes of ``seg``; 0 without ``seg``."""
        return len(self.class_names)

    @property
    def phase(self) -> float:
        """HR position of LR pixel 0, see :func:`blindsr.imaging.resize.phase`."""
        return phase(self.downsampler, self.scale)

    @property
    def facts(self) -> DataFacts:
        """What holds for all samples; known before ``setup``."""
        return DataFacts(
            scale=self.scale,
            phase=self.phase,
            downsampler=self.downsampler,
            sigma_max=self.sigma_max,
            window_taps=window_size(self.sigma_max) if self.sigma_max else 1,
            num_classes=self.num_classes,
            class_names=self.class_names,
            metric_depth=self.metric_depth,
        )

    def preflight(self, stage: str) -> None:
        """Find what is wrong with the files before a run leaves any trace.

        Args:
            stage: "fit", "validate", "test" or "predict".

        Raises:
            BlindSRError: what ``setup`` raises.
        """
        self.setup(stage)

    def fingerprint(self) -> str:
        """Digits that say which data these are, after ``setup``: files and settings."""
        sets = [self.train_set, self.val_set, *getattr(self, "val_sets", ()), *self.test_sets]
        return fingerprint(type(self).__name__, self.hparams, sets)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the test groups that :meth:`test_dataloader` delivers, after ``setup``."""
        groups = [getattr(part, "group", "") for part in self.test_sets]
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
            # Workers are forked without the threads that OpenCV has here; the first filter in a
            # worker would wait for them without end.
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
