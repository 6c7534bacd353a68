"""Base of the tasks that train one network: Adam, linear warm-up, cosine annealing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from blindsr.errors import ConfigError

from .adam import adam
from .base import RestorationTask
from .schedules import Halving, WarmupCosine


class AnnealedTask(RestorationTask):
    """Base: a subclass builds ``self.network``, whose parameters that need a gradient learn.

    Args:
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        cosine_steps: optimiser steps of one cosine annealing; ``None`` ends it with the training.
        min_learning_rate: where annealing ends.
        restart: start a new annealing after each, as the released CMOS training on NYUv2 did at
            step 41,000.
        schedule: ``"cosine"``, or ``"constant"`` without annealing.
        halve_at: optimiser steps at which a constant learning rate is halved.
        options: see the base class.
    """

    halving = 0.5
    """Share of the learning rate that is left after each step of ``halve_at``."""

    def __init__(
        self,
        *,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        cosine_steps: int | None = None,
        min_learning_rate: float = 1e-7,
        restart: bool = False,
        schedule: Literal["cosine", "constant"] = "cosine",
        halve_at: tuple[int, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam with a schedule that counts optimiser steps."""
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        settings = self.hparams
        optimizer = adam(
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
        if settings["schedule"] == "constant":
            return Halving(settings["warmup_steps"], tuple(settings["halve_at"]), self.halving)
        if settings["cosine_steps"]:
            return self._cosine(settings["cosine_steps"])
        if self.trainer.max_steps == -1 and self.trainer.max_epochs in (None, -1):
            raise _without_end()

        @cache
        def period() -> int:
            return self._steps_after_warmup()

        def to_the_end(step: int) -> float:
            # To count the batches of an epoch Lightning makes their loader, and one that is made
            # before a checkpoint is restored begins its epoch anew. Step 0 needs no count.
            return self._cosine(period() if step else 1)(step)

        return to_the_end

    def _cosine(self, period: int) -> WarmupCosine:
        settings = self.hparams
        return WarmupCosine(
            settings["warmup_steps"],
            period,
            floor=settings["min_learning_rate"] / settings["learning_rate"],
            restart=settings["restart"],
        )

    def _steps_after_warmup(self) -> int:
        """Steps left for one annealing that ends with the training."""
        total = self.trainer.estimated_stepping_batches
        if total == float("inf"):
            raise _without_end()
        return max(int(total) - int(self.hparams["warmup_steps"]), 1)


def _without_end() -> ConfigError:
    return ConfigError(
        "model.cosine_steps",
        found="null in a training without end",
        expected="a number of steps",
        fix="Set it, or --trainer.max_steps, or --trainer.max_epochs.",
    )
