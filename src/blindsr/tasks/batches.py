"""Questions that several tasks ask of the data behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule


def group_names(task: LightningModule) -> tuple[str, ...]:
    """Names of the test groups of the data a task is run on."""
    return tuple(getattr(datamodule(task), "group_names", ("test",)))


def datamodule(task: LightningModule) -> Any:
    """The DataModule a task is run on; ``None`` for plain loaders."""
    return getattr(task.trainer, "datamodule", None)
