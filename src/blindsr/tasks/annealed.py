"""Base of the tasks that train one network: Adam, linear warm-up, cosine annealing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from blindsr.errors import ConfigError

from .base import RestorationTask
from .schedules import WarmupCosine


class AnnealedTask(RestorationTask):
    """Base: a subclass builds ``self.network``, whose parameters that need a gradient learn.

    Args:
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        cosine_steps: optimiser steps of one cosine annealing; ``None`` ends it with the training.
        min_learning_rate: where annealing ends.
        restart: start a new annealing after each, as the released CMOS training on NYUv2 did at
            step 41,000.
        options: see the base class.
    """

    def __init__(
        self,
        *,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        cosine_steps: int | None = None,
        min_learning_rate: float = 1e-7,
        restart: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam with a schedule that counts optimiser steps."""
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        settings = self.hparams
        optimizer = torch.optim.Adam(
            parameters,
            lr=settings["learning_rate"],
            betas=tuple(settings["betas"]),
            weight_decay=settings["weight_decay"],
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule())
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def schedule(self) -> Callable[[int], float]:
        """Factor on the learning rate after so many optimiser steps."""
        settings = self.hparams
        return WarmupCosine(
            settings["warmup_steps"],
            settings["cosine_steps"] or self._steps_after_warmup(),
            floor=settings["min_learning_rate"] / settings["learning_rate"],
            restart=settings["restart"],
        )

    def _steps_after_warmup(self) -> int:
        """Steps left for one annealing that ends with the training."""
        total = self.trainer.estimated_stepping_batches
        if total == float("inf"):
            raise ConfigError(
                "model.cosine_steps",
                found="null in a training without end",
                expected="a number of steps",
                fix="Set it, or --trainer.max_steps, or --trainer.max_epochs.",
            )
        return max(int(total) - int(self.hparams["warmup_steps"]), 1)
