"""Base of all tasks: hyper-parameters, checks against the data, content of checkpoints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import FSDPStrategy
from lightning.pytorch.utilities import rank_zero_info
from torch import nn
from torch.optim import Optimizer

from blindsr.degradation.kernels import window_size
from blindsr.errors import ConfigError
from blindsr.networks import kinds
from blindsr.networks.roles import EstimatorNetwork, RestorerNetwork
from blindsr.networks.settings.build import network_settings
from blindsr.networks.settings.checked import FACTS_KEY, checked_facts
from blindsr.types import DataFacts
from blindsr.weights.checkpoint import NETWORK_KEY, stored

from .batches import datamodule, facts_of

if TYPE_CHECKING:
    from torch.distributed.fsdp import FullyShardedDataParallel

    from blindsr.metrics.collector import ScoreCollector

SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "learning_rate": (lambda value: 0 < value < inf, "a number above 0"),
    "discriminator_learning_rate": (lambda value: 0 < value < inf, "a number above 0"),
    "min_learning_rate": (lambda value: 0 <= value < inf, "0 or more"),
    "betas": (lambda pair: all(0 <= beta < 1 for beta in pair), "two numbers in 0..1, 1 excluded"),
    "weight_decay": (lambda value: 0 <= value < inf, "0 or more"),
    "unsharp": (lambda value: 0 <= value < inf, "0 or more"),
    "warmup_steps": (lambda value: value >= 0, "0 or more"),
    "cosine_steps": (lambda value: value >= 1, "1 or more, or null"),
    "max_iterations": (lambda value: value >= 1, "1 or more, or null"),
    "estimator_loss": (lambda value: 0 <= value < inf, "0 or more"),
    "gradient_clip": (lambda value: 0 < value < inf, "a number above 0, or null"),
}
"""What the settings of a training may be."""


DECIDED_BY_DATA = ("num_classes", "scale", "sigma_max", "phase")
"""Arguments of tasks that the command line takes from the data."""


class RestorationTask(LightningModule):
    """Base of the tasks: subclasses build ``self.network`` and write the steps.

    A subclass names its own arguments alone and hands the others on (``**options``): the command
    line finds those of the base classes, their defaults and their help by itself. The arguments of
    all of them are the hyper-parameters; they are plain values, so that checkpoints load with
    ``torch.load(weights_only=True)``.

    Args:
        weight_decay: of Adam; in PBaSR of the restorers, not of the discriminators.
        warmup_steps: steps of linear warm-up, of the optimiser or, in PBaSR, iterations.
    """

    network: nn.Module
    linked_with_data: tuple[str, ...] = ("scale", "num_classes", "sigma_max")
    title: str = ""
    """Name of the row in tables."""
    rule: str = ""
    """What was chosen where the method leaves it open; below every table that has it."""
    architecture: tuple[str, ...] = ()
    """Hyper-parameters that shape the network: a checkpoint of other ones is refused."""
    measured: tuple[str, ...] = ()
    """Buffers that a validation measures; an average of the weights takes them as they are."""
    facts: DataFacts | None = None
    """Of the data that it is run on; ``None`` before, and for plain loaders, which say nothing."""
    trained_on: DataFacts | None = None
    """Of the data that its weights were trained on, as far as known; checkpoints keep them."""

    def __init__(self, *, weight_decay: float = 0.0, warmup_steps: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()  # with the arguments of all subclasses
        # The command line also stores what follows the data and this task does not take.
        for name in self.hparams.keys() & set(DECIDED_BY_DATA) - arguments_of(type(self)):
            del self.hparams[name]

    def leave_out_classes(self, network: type[EstimatorNetwork | RestorerNetwork]) -> None:
        """Where the data have no classes, choose what the network has for that, and say so.

        Args:
            network: its ``without_classes`` names the settings; those that are not the default
                were chosen by the user and stay.
        """
        defaults = inspect.signature(network).parameters
        for name, value in network.without_classes.items():
            if not self.hparams["num_classes"] and self.hparams[name] == defaults[name].default:
                self.hparams[name] = value
                verb = "learns" if network.role == "estimator" else "is told"
                rank_zero_info(
                    f"The data have no classes: {network.__name__} {verb} blur alone "
                    f"({name}: {value})."
                )

    def random_parts(self) -> str:
        """Names the parts whose weights are random unless a checkpoint is given; empty for none."""
        return type(self).__name__

    def draws(self) -> torch.Generator:
        """Random numbers of the present training step, on the CPU.

        The seed of the run, the epoch, the batch and the rank decide them: a resumed training draws
        what one in a piece does, and no two ranks draw alike. Without a trainer they are torch's.
        """
        if self._trainer is None:
            return torch.default_generator
        batch = self.trainer.fit_loop.epoch_loop.batch_idx
        key = (torch.initial_seed(), self.current_epoch, max(0, batch), self.global_rank)
        (seed,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(seed) >> 1)

    def collectors(self) -> dict[str, dict[str, list[ScoreCollector]]]:
        """What scored the images of the test: by row (``""`` for this network) and group.

        Each image of a group was given to all of its collectors, one after the other.
        """
        return {}

    def windows_of_data(self, name: str) -> int:
        """Side of the kernels: the hyper-parameter ``name``, or that of the data's windows."""
        side = self.hparams[name]
        return window_size(self.hparams["sigma_max"]) if side is None else int(side)

    def setup(self, stage: str) -> None:
        """Take the facts of the data; refuse another scale, phase, class count or sigma range.

        Raises:
            ConfigError: names the first that differs, or that the DataModule says nothing.
        """
        self.check_settings()
        data = datamodule(self)
        self.facts = None if data is None else facts_of(data)
        if self.facts is not None:
            self._refuse_other_data(self.facts, type(data).__name__)
        if stage == "fit":
            self.trained_on = self.facts

    def known_facts(self) -> DataFacts:
        """The facts of the data, required.

        Raises:
            ConfigError: for plain loaders, or before ``setup``.
        """
        if self.facts is None:
            raise ConfigError(
                "data",
                found="plain loaders, which do not say the phase of LR",
                expected="a DataModule with facts, to enlarge LR",
                fix="Put the loaders into a LightningDataModule with a blindsr.types.DataFacts.",
            )
        return self.facts

    def decided_by_data(self) -> dict[str, Any]:
        """Settings that must equal a fact of the data, by a key that ends in the fact's name."""
        return {name: self.hparams.get(name) for name in self.linked_with_data}

    def _refuse_other_data(self, facts: DataFacts, title: str) -> None:
        for key, mine in self.decided_by_data().items():
            name = key.rpartition(".")[2]
            theirs = facts.plain()[name]
            if mine is not None and mine != theirs:
                how = f" ({facts.downsampler} at x{facts.scale})" if name == "phase" else ""
                raise ConfigError(
                    f"model.{key}",
                    found=f"{mine}",
                    expected=f"{theirs}{how} as in the data ({title})",
                    fix=f"Make the model with {name}={theirs}, or use other data.",
                )

    def check_settings(self) -> None:
        """Refuse settings of the optimiser and its schedule that make no sense.

        Raises:
            ConfigError: on the first one; the command line asks before a run leaves any trace.
        """
        for name, (allowed, expected) in SETTINGS.items():
            value = self.hparams.get(name)
            if value is not None and not allowed(value):
                raise ConfigError(f"model.{name}", found=str(value), expected=expected)
        highest = self.hparams.get("learning_rate")
        lowest = self.hparams.get("min_learning_rate")
        if highest is not None and lowest is not None and lowest > highest:
            raise ConfigError(
                "model.min_learning_rate",
                found=str(lowest),
                expected=f"no more than the learning rate, {highest}",
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what the weights were trained on: legends and enlargements need it without data."""
        facts = self.trained_on or self.facts
        checkpoint[FACTS_KEY] = None if facts is None else facts.plain()
        checkpoint["class_names"] = [] if facts is None else list(facts.class_names)
        about = self.about_network()
        if about is not None:
            checkpoint[NETWORK_KEY] = about

    def about_network(self) -> dict[str, Any] | None:
        """Kind and settings of the network, for files of weights; ``None`` if it is of no kind."""
        kind = kinds.kind_of(self.network)
        return None if kind is None else stored(kind.name, self.stored_settings(kind))

    def stored_settings(self, kind: kinds.NetworkKind) -> dict[str, Any]:
        """Arguments of the network's constructor, for files of weights."""
        return network_settings(kind.network, self.hparams)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip gradients, also where FSDP has split them: Lightning refuses their norm there.

        Args:
            optimizer: about to step.
            gradient_clip_val: of the trainer; ``None`` or 0 clips nothing.
            gradient_clip_algorithm: ``"norm"`` (default) or ``"value"``.
        """
        by_norm = gradient_clip_algorithm != "value"
        if gradient_clip_val and by_norm and isinstance(self.trainer.strategy, FSDPStrategy):
            root = cast("FullyShardedDataParallel", self.trainer.strategy.model)  # after setup
            root.clip_grad_norm_(gradient_clip_val)
            return
        self.clip_gradients(
            optimizer,
            gradient_clip_val=gradient_clip_val,
            gradient_clip_algorithm=gradient_clip_algorithm,
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the facts of the data that the weights were trained on, stored in a checkpoint.

        Raises:
            WeightsError: if what the checkpoint says of it is damaged.
        """
        stored = checked_facts(checkpoint.get(FACTS_KEY), "checkpoint")
        self.trained_on = self.trained_on or stored

    def require(self, batch: Mapping[str, object], *keys: str) -> None:
        """Raise :class:`ConfigError` if the data set does not deliver ``keys``."""
        missing = [key for key in keys if key not in batch]
        if missing:
            raise ConfigError(
                "data",
                found=f"batches with {', '.join(sorted(batch))}",
                expected=f"also {', '.join(missing)} for {type(self).__name__}",
                fix="Use a data set that has them.",
            )


def arguments_of(owner: type) -> set[str]:
    """Names of the arguments that a class and its bases name."""
    inits = [vars(base)["__init__"] for base in owner.__mro__ if "__init__" in vars(base)]
    return {name for init in inits for name in inspect.signature(init).parameters}
