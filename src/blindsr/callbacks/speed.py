"""Logs how fast a training is, how long it waits for data, and the memory that it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from .progress import DataWait

GIB = 2**30


class Speed(Callback):
    """Log ``speed/samples_per_second``, ``speed/data_wait`` and ``memory/peak_gib``.

    They stand beside the losses, at the trainer's logging interval. Samples are those of all
    processes, since the last logged value; the wait is a share in [0, 1] of the same time. Memory
    is the peak so far: of the GPU, or of this process where there is none.
    """

    def __init__(self) -> None:
        self._wait, self._samples = DataWait(), 0
        self._begin: float | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the wait for data."""
        self._begin = time.perf_counter() if self._begin is None else self._begin
        self._wait.batch_starts()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log with the losses of this step."""
        self._wait.batch_ends()
        self._samples += samples_of(batch) * trainer.world_size
        if not trainer._logger_connector.should_update_logs:
            return
        now = time.perf_counter()
        values = {
            "speed/samples_per_second": self._samples / max(now - (self._begin or now), 1e-9),
            "speed/data_wait": self._wait.share,
            "memory/peak_gib": peak_bytes(pl_module.device) / GIB,
        }
        pl_module.log_dict(values, batch_size=1)
        self._wait.restart()
        self._samples, self._begin = 0, now

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out the time of validations."""
        self._wait.pause()
        self._begin = None
        self._samples = 0


def samples_of(batch: Any) -> int:
    """Samples of a batch, those of all streams."""
    if isinstance(batch, Mapping):
        if "lr" in batch:
            return len(batch["lr"])
        return sum(samples_of(part) for part in batch.values())
    return 0


def peak_bytes(device: torch.device) -> int:
    """The most memory that was in use: of a CUDA device, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
