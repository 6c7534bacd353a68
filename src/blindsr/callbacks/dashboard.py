"""Logs configuration, data, best scores and checkpoints of a run to a dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn

from blindsr.metrics.regions import REGIONS
from blindsr.metrics.table import METRICS
from blindsr.types import HasValidationGroups

from .wandb_logger import WandbLogger

CONFIG = "config.yaml"
"""As Lightning's command line writes it to the run's folder."""


class Dashboard(Callback):
    """Tell loggers what a run is.

    All loggers get ``task``, the class of the model, and ``data_fingerprint``, digits that other
    data change. Weights & Biases also gets the whole configuration, summaries with the best
    validation scores, and the checkpoints if its logger was asked to keep them.
    """

    def __init__(self) -> None:
        self._told = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Describe a training."""
        self._describe(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Describe a validation that belongs to no training."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._describe(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Describe a test."""
        self._describe(trainer, pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Store the checkpoints where that was asked for."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        for logger in trainer.loggers:
            if folder and isinstance(logger, WandbLogger) and logger.checkpoints:
                logger.log_checkpoints(Path(folder) / "checkpoints")

    def _describe(self, trainer: Trainer, pl_module: LightningModule) -> None:
        folder = trainer.log_dir
        if self._told or not trainer.is_global_zero:
            return
        self._told = True
        data: Any = getattr(trainer, "datamodule", None)
        facts = {"task": type(pl_module).__name__}
        if hasattr(data, "fingerprint"):
            facts["data_fingerprint"] = data.fingerprint()
        for logger in trainer.loggers:
            logger.log_hyperparams(facts)
            if isinstance(logger, WandbLogger):
                logger.keep_best(best_of(trainer))
                if folder and (Path(folder) / CONFIG).is_file():
                    logger.log_config(Path(folder) / CONFIG)


def best_of(trainer: Trainer) -> dict[str, str]:
    """Which end of each validation score is its best: ``max`` or ``min`` by logged name."""
    data = getattr(trainer, "datamodule", None)
    groups = data.val_group_names if isinstance(data, HasValidationGroups) else ()
    places = ["val/", *(f"val/{group}/" for group in groups)]
    best = {
        f"{place}{region}{name}": "max" if metric.better == "higher" else "min"
        for name, metric in METRICS.items()
        if metric.higher_is_better is not None
        for place in places
        for region in ("", *(f"{region}_" for region in REGIONS))
    }
    monitored = (c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint))
    return best | {c.monitor: c.mode for c in monitored if c.monitor}
