"""Properties of a DataModule that tasks read: its facts and the names of its test groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError
from blindsr.types import DataFacts, HasFacts, HasTestGroups

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule


def group_names(task: LightningModule) -> tuple[str, ...]:
    """Names of the test groups of the data a task is run on."""
    data = datamodule(task)
    return tuple(data.group_names) if isinstance(data, HasTestGroups) else ("test",)


def facts_of(data: object) -> DataFacts:
    """The facts that a DataModule states about its samples.

    Raises:
        ConfigError: if it says nothing.
    """
    if not isinstance(data, HasFacts) or not isinstance(data.facts, DataFacts):
        raise ConfigError(
            "data",
            found=f"{type(data).__name__} without facts",
            expected="an attribute facts, a blindsr.types.DataFacts",
            fix="Set self.facts = DataFacts(scale=..., phase=..., downsampler=..., ...) in it.",
        )
    return data.facts


def datamodule(task: LightningModule) -> Any:
    """The DataModule a task is run on; ``None`` for plain loaders."""
    return getattr(task.trainer, "datamodule", None)
