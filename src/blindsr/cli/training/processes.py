"""What several processes cannot do with a task: refused before a run starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, ModelParallelStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import nn

from blindsr.callbacks import CUDAGraphs, WeightInterpolation, callbacks_of
from blindsr.callbacks.split_weights import require_whole_weights
from blindsr.errors import ConfigError

from .resume import say


def check_processes(trainer: Trainer, model: LightningModule, command: str, *, shared: Any) -> None:
    """Refuse what the processes of a run cannot do.

    Args:
        trainer: as made.
        model: to be run.
        command: of the command line.
        shared: ``sync_batchnorm`` of the configuration.

    Raises:
        ConfigError: the first such thing.
    """
    refuse_shared_statistics(trainer, model, shared)
    if command == "fit":
        refuse_split_weights(trainer, model)
        for callback in callbacks_of(trainer):
            if isinstance(callback, CUDAGraphs):
                callback.require_one_gpu(trainer, model)
        warn_of_own_statistics(trainer, model, shared)


def refuse_shared_statistics(trainer: Trainer, model: LightningModule, asked: Any) -> None:
    """Refuse shared statistics of batch normalisation where torch cannot share them.

    Args:
        trainer: as made.
        model: to be run.
        asked: ``sync_batchnorm`` of the configuration.

    Raises:
        ConfigError: several processes would compute on CPUs, or one does whose strategy, made for
            several, torch refuses with such layers.
    """
    if not asked or not isinstance(trainer.accelerator, CPUAccelerator):
        return
    one_of_several = isinstance(trainer.strategy, DDPStrategy) and bool(_statistics(model))
    if trainer.world_size > 1 or one_of_several:
        raise ConfigError(
            "trainer.sync_batchnorm",
            found="true on CPUs",
            expected="GPUs: torch shares statistics between them alone",
            fix="Set --trainer.sync_batchnorm false.",
        )


def refuse_split_weights(trainer: Trainer, model: LightningModule) -> None:
    """Refuse to split the weights of a training over processes where something needs them whole.

    Args:
        trainer: as made.
        model: to be trained.

    Raises:
        ConfigError: the task steps its optimisers itself, a callback averages or mixes weights, or
            the strategy leaves the splitting to the task.
    """
    if not model.automatic_optimization:
        require_whole_weights(trainer, type(model).__name__)
    for callback in callbacks_of(trainer):
        if isinstance(callback, (WeightAveraging, WeightInterpolation)):
            require_whole_weights(trainer, type(callback).__name__)
    by_itself = is_overridden("configure_model", model, LightningModule)
    if isinstance(trainer.strategy, ModelParallelStrategy) and not by_itself:
        raise ConfigError(
            "trainer.strategy",
            found=type(trainer.strategy).__name__,
            expected=f"one that needs no method configure_model of {type(model).__name__}",
            fix="Use --trainer.strategy fsdp.",
        )


def refuse_numbers_of_whole_weights(
    path: str, content: Mapping[str, Any], trainer: Trainer, model: LightningModule
) -> None:
    """Refuse to go on with FSDP from a run without it, where a part of the network is frozen.

    FSDP numbers what an optimiser remembers by the parameters of the whole task, others by those
    that are trained.

    Args:
        path: of the checkpoint.
        content: of it.
        trainer: as made.
        model: to be trained.

    Raises:
        ConfigError: the numbers mean frozen parameters.
    """
    if not isinstance(trainer.strategy, FSDPStrategy):
        return
    trained = [parameter.requires_grad for parameter in model.parameters()]
    groups = [group for state in content["optimizer_states"] for group in state["param_groups"]]
    if not all(trained[number] for group in groups for number in group["params"]):
        raise ConfigError(
            "--ckpt_path",
            found=f"{path}, of a run without FSDP",
            expected="one of FSDP, as parts of the network are frozen",
            fix="Use --trainer.strategy ddp.",
        )


def warn_of_own_statistics(trainer: Trainer, model: LightningModule, asked: Any) -> None:
    """Say that processes will differ: DDP hands the first one's buffers round, FSDP does not.

    Args:
        trainer: as made.
        model: to be trained.
        asked: ``sync_batchnorm`` of the configuration.
    """
    learns = any(p.requires_grad for layer in _statistics(model) for p in layer.parameters())
    several = isinstance(trainer.strategy, FSDPStrategy) and trainer.world_size > 1
    if several and learns and not asked and trainer.is_global_zero:
        say(
            "each process has its own statistics of batch normalisation under FSDP, and the "
            "first one's are saved; --trainer.sync_batchnorm true shares them"
        )


def _statistics(model: LightningModule) -> list[nn.Module]:
    """Layers of batch normalisation."""
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
