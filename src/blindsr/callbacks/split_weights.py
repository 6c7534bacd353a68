"""Strategies that split weights over processes, refused where weights must be whole."""

from __future__ import annotations

from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy

from blindsr.errors import ConfigError

SPLITTING = (FSDPStrategy, ModelParallelStrategy, DeepSpeedStrategy)


def require_whole_weights(trainer: Trainer, part: str) -> None:
    """Refuse a strategy that splits weights.

    Args:
        trainer: as made.
        part: name of what reads or changes the weights of each process itself.

    Raises:
        ConfigError: the strategy does.
    """
    if isinstance(trainer.strategy, SPLITTING):
        raise ConfigError(
            "trainer.strategy",
            found=type(trainer.strategy).__name__,
            expected=f"a strategy that keeps whole weights in each process, for {part}",
            fix="Use --trainer.strategy ddp.",
        )
