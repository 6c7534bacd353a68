"""Exponential moving average of the weights; frozen parts stay bit-identical."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from blindsr.errors import ConfigError

from .split_weights import require_whole_weights


class EMA(WeightAveraging):
    """Lightning's weight averaging with average <- average + (1 - decay) (weights - average).

    The average is validated, tested and saved in place of the raw weights. In this form of the
    update equal numbers stay equal: a frozen estimator is saved bit for bit, where
    ``EMAWeightAveraging`` (decay * average + (1 - decay) * weights) rounds it anew in every step.

    Args:
        decay: share of the average that each step keeps, 0..1.

    Raises:
        ConfigError: for another decay; before a training, for a strategy that splits weights.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay <= 1:
            raise ConfigError("decay", found=str(decay), expected="0..1")
        super().__init__(use_buffers=True, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the average; refuse strategies of which no process has the whole weights."""
        if stage == "fit":
            require_whole_weights(trainer, type(self).__name__)
        super().setup(trainer, pl_module, stage)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """What a validation has measured of the average stays with it (``measured`` of a task)."""
        if self._average_model is None:
            return
        for name in getattr(pl_module, "measured", ()):
            self._average_model.module.get_buffer(name).copy_(pl_module.get_buffer(name))

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on averaging when a training is resumed; a test has the average as its weights."""
        if trainer.state.fn == TrainerFn.FITTING:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)
