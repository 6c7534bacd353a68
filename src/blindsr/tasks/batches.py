"""Questions that several tasks ask of a batch or of the data behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

    from blindsr.types import Batch


def counted(batch: Batch) -> list[int]:
    """Positions of the images that count: fillers of distributed evaluation do not."""
    repeat = batch.get("repeat")
    size = len(batch["lr"])
    return [i for i in range(size) if repeat is None or not bool(repeat[i])]


def group_names(task: LightningModule) -> tuple[str, ...]:
    """Names of the test groups of the data a task is run on."""
    return tuple(getattr(datamodule(task), "group_names", ("test",)))


def datamodule(task: LightningModule) -> Any:
    """The DataModule a task is run on; ``None`` for plain loaders."""
    return getattr(task.trainer, "datamodule", None)
