"""Skip steps whose loss is NaN or infinite; stop after ten in a row and name the samples."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from blindsr.errors import DataError

NAMES_SHOWN = 12


class SkipNonFinite(Callback):
    """Skip optimiser steps whose loss is NaN or infinite, on all ranks alike.

    Weights, optimiser state and buffers (the running statistics of batch norm) stay as they were
    before the step; the learning-rate schedule goes on. ``train/skipped_steps`` counts.

    Args:
        patience: non-finite steps in a row after which the run stops.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience
        self.skipped = 0
        self._in_a_row = 0
        self._bad = False
        self._names: deque[str] = deque(maxlen=NAMES_SHOWN)
        self._batch_names: list[str] = []
        self._saved: list[Tensor] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember buffers and names."""
        buffers = _buffers(pl_module)
        if [b.shape for b in buffers] != [s.shape for s in self._saved] or any(
            b.device != s.device for b, s in zip(buffers, self._saved, strict=True)
        ):
            self._saved = [torch.empty_like(buffer) for buffer in buffers]
        if buffers:
            torch._foreach_copy_(self._saved, buffers)
        self._batch_names = _names(batch)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Look at the loss of this rank."""
        if not bool(torch.isfinite(loss.detach()).all()):
            self._bad = True
            self._names.extend(self._batch_names)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Drop the gradients if any rank saw a loss that is not finite."""
        if not self._any_rank(trainer, pl_module):
            self._in_a_row = 0
            self._names.clear()
            return
        for group in optimizer.param_groups:  # optimisers pass over parameters without gradient
            for parameter in group["params"]:
                parameter.grad = None
        self.take_back_buffers(pl_module)
        self._bad = False
        self.skipped += 1
        self._in_a_row += 1
        pl_module.log("train/skipped_steps", float(self.skipped), batch_size=1)
        if self._in_a_row >= self.patience:
            raise DataError(
                "train/loss",
                found=f"not finite in {self._in_a_row} steps in a row "
                f"(samples {', '.join(self._names) or 'without names'})",
                expected="a finite loss",
                fix="Look at these, lower the learning rate, or use --trainer.precision 32-true.",
            )

    def take_back_buffers(self, pl_module: LightningModule) -> None:
        """Give the buffers the values they had before the current batch."""
        buffers = _buffers(pl_module)
        if buffers and len(buffers) == len(self._saved):
            torch._foreach_copy_(buffers, self._saved)

    def _any_rank(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        if trainer.world_size == 1:
            return self._bad
        flag = torch.tensor(float(self._bad), device=pl_module.device)
        return bool(trainer.strategy.reduce(flag, reduce_op="sum") > 0)

    def state_dict(self) -> dict[str, Any]:
        """Count of skipped steps, for checkpoints."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the count of a checkpoint."""
        self.skipped = state_dict["skipped"]


def _buffers(module: LightningModule) -> list[Tensor]:
    return [buffer for buffer in module.buffers() if buffer is not None]


def _names(batch: Any) -> list[str]:
    """Names of a batch, also of one that holds several named streams."""
    if not isinstance(batch, dict):
        return []
    if "name" in batch:
        return [str(name) for name in batch["name"]]
    return [name for part in batch.values() for name in _names(part)]
