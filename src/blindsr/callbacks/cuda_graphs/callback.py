"""Record a network's forward and backward pass on a GPU once, and replay them in every step."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from blindsr.errors import ConfigError

from .forward import RecordedForward
from .recording import record


class CUDAGraphs(Callback):
    """Start the thousands of small operations of a training step as one.

    A GPU computes most of them in less time than the processor takes to start them, so CMOS waits
    for the processor. What is recorded is ``network.forward`` in training, for the size and type of
    the first batch; other batches, validation and tests take the usual way. Weights, gradients and
    statistics are those of the usual way.

    For one GPU. The activations of a step stay allocated between steps.
    """

    def __init__(self) -> None:
        self.recorded: RecordedForward | None = None

    def require_one_gpu(self, trainer: Trainer, model: LightningModule) -> None:
        """Refuse what cannot be recorded; the command line asks before a run leaves any trace.

        Raises:
            ConfigError: there is no CUDA device, there are several, or the task trains several
                networks in turns.
        """
        kind, count = trainer.strategy.root_device.type, trainer.world_size
        if kind != "cuda" or count > 1:
            raise ConfigError(
                "trainer.callbacks",
                found=f"CUDAGraphs with {count} process{'es' * (count > 1)} on {kind}",
                expected="one process on a CUDA device",
                fix="Leave overlays/cuda_graphs.yaml out, or set --trainer.accelerator gpu "
                "--trainer.devices 1.",
            )
        if not (model.automatic_optimization and isinstance(_network(model), nn.Module)):
            raise self._not_recorded(model)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stand before the network's forward."""
        self.require_one_gpu(trainer, pl_module)
        self.recorded = RecordedForward(_network(pl_module), record)
        self.recorded.install()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Complain if the first step went past the network's forward."""
        if self.recorded is not None and not self.recorded.calls:
            raise self._not_recorded(pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let go of the recording and its memory."""
        self._remove()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """The same after a run that failed."""
        self._remove()

    def _remove(self) -> None:
        if self.recorded is not None:
            self.recorded.remove()
            self.recorded = None

    @staticmethod
    def _not_recorded(model: LightningModule) -> ConfigError:
        return ConfigError(
            "trainer.callbacks",
            found=f"CUDAGraphs with {type(model).__name__}",
            expected="a task whose step calls the forward of its one network",
            fix="Leave overlays/cuda_graphs.yaml out.",
        )


def _network(model: LightningModule) -> Any:
    """Of a task, or ``None``."""
    return getattr(model, "network", None)
