"""Tells how far a run is."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from blindsr.cli.terminal import Teller


class Told(Callback):
    """Tells how far a run is, in percent.

    Args:
        tell: to be told.
        first: percent at its begin.
        last: percent at its end.
    """

    def __init__(self, tell: Teller, first: int, last: int) -> None:
        self.tell, self.first, self.last = tell, first, last

    def _say(self, share: float) -> None:
        self.tell(int(self.first + min(1.0, share) * (self.last - self.first)), 100)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        """The farther of steps and epochs."""
        epochs, batches = trainer.max_epochs or 0, float(trainer.num_training_batches)
        done = [trainer.global_step / trainer.max_steps if trainer.max_steps > 0 else 0.0]
        if epochs > 0 and batches:
            progress: Any = (
                trainer.fit_loop.epoch_loop.batch_progress
            )  # its type is less than it has
            here = progress.current.processed
            done.append((trainer.current_epoch + here / batches) / epochs)
        self._say(max(done))

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Batches."""
        count = sum(map(int, trainer.num_test_batches))
        self._say((batch_idx + 1) / max(count, 1))
