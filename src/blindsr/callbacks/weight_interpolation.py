"""PBaSR's weight interpolation during training: mix two branches of one architecture."""

from __future__ import annotations

from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from blindsr.errors import ConfigError
from blindsr.networks.mixing import (
    cosine,
    distance,
    interpolate_,
    mix_coefficient,
    paired_statistics,
    paired_weights,
)

from .split_weights import require_whole_weights

CosineForm = Literal["global", "per_tensor"]
CoefficientForm = Literal["paper", "released", "constant"]
FORMS: dict[str, tuple[CosineForm, CoefficientForm]] = {
    "paper": ("global", "paper"),
    "per_tensor": ("per_tensor", "released"),
    "constant": ("global", "constant"),
}


class WeightInterpolation(Callback):
    """Mix the weights of two branches every ``every`` iterations (PBaSR, Eq. 2).

    Works with any LightningModule that has two submodules of the same shapes, under automatic and
    manual optimisation. Parameters that are trainable in both take part, and the running
    statistics of batch norms follow; frozen parameters, other buffers and the state of the
    optimisers stay as they are.

    An iteration is a training batch that has ended. The callback counts them itself, because under
    manual optimisation ``trainer.global_step`` counts each optimiser's steps; a counter the module
    may have (``iterations``) is not looked at. The count is saved in checkpoints, so a training
    resumed between two mixings goes on exactly. With gradient accumulation batches are counted,
    not optimiser steps: let ``every`` be a multiple of ``accumulate_grad_batches``, or gradients
    gathered before a mixing are applied to the weights after it.

    Under DDP all ranks hold equal weights and compute equal numbers: nothing is communicated.

    When it acts, it logs ``interpolation/lambda``, ``interpolation/one_minus_cosine`` and
    ``interpolation/distance`` (Euclidean, over the trainable parameters), the last two as they were
    before mixing. An averaging callback such as ``EMA`` sees the mixed weights when it is listed
    after this one.

    Args:
        first: name of one branch, a submodule of the LightningModule; dots lead deeper.
        second: name of the other branch.
        every: k, iterations from one mixing to the next.
        lambda0: l0, 0..1; 1 never mixes.
        form: ``paper`` l0 + (1 - l0) cos / 2 with one cosine over all weights; ``per_tensor``
            l0 + (1 - l0) cos with the mean of one cosine per tensor, as in the released code
            (whose l0 is 0.995); ``constant`` l0 (0.999 there).

    Raises:
        ConfigError: for values out of range; at the start of ``fit`` for names that do not exist,
            branches of different shapes or without trainable parameters, and strategies that
            split weights over ranks.
    """

    def __init__(
        self,
        first: str = "general",
        second: str = "blur",
        every: int = 20,
        lambda0: float = 0.99,
        form: Literal["paper", "per_tensor", "constant"] = "paper",
    ) -> None:
        if first == second:
            raise ConfigError("second", found=second, expected=f"another submodule than {first}")
        if every < 1:
            raise ConfigError("every", found=str(every), expected="1 or more iterations")
        if not 0 <= lambda0 <= 1:
            raise ConfigError("lambda0", found=str(lambda0), expected="0..1")
        if form not in FORMS:
            raise ConfigError("form", found=form, expected=f"one of {', '.join(FORMS)}")
        self.first, self.second = first, second
        self.every, self.lambda0 = every, lambda0
        self.cosine_form, self.coefficient_form = FORMS[form]
        self.iterations = 0

    @property
    def state_key(self) -> str:
        """Distinct for each pair of branches, so that several pairs can be mixed in one run."""
        return self._generate_state_key(first=self.first, second=self.second)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse branches that cannot be mixed before the first batch."""
        require_whole_weights(trainer, type(self).__name__)
        branches, names = self._branches(pl_module), (self.first, self.second)
        paired_weights(*branches, names)
        paired_statistics(*branches, names)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count, and mix when it is time."""
        self.iterations += 1
        if self.iterations % self.every:
            return
        first, second = self._branches(pl_module)
        with torch.no_grad():
            cos = cosine(first, second, form=self.cosine_form)
            lam = mix_coefficient(cos, self.lambda0, self.coefficient_form)
            values = {"lambda": lam, "one_minus_cosine": 1 - cos}
            values["distance"] = distance(first, second)
            interpolate_(first, second, lam)
        for name, value in values.items():
            pl_module.log(f"interpolation/{name}", value, batch_size=1)

    def state_dict(self) -> dict[str, Any]:
        """Count of iterations, for checkpoints."""
        return {"iterations": self.iterations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the count of a checkpoint."""
        self.iterations = state_dict["iterations"]

    def _branches(self, module: LightningModule) -> tuple[nn.Module, nn.Module]:
        return _submodule(module, self.first), _submodule(module, self.second)


def _submodule(module: nn.Module, name: str) -> nn.Module:
    """The submodule of a dotted name."""
    parent, path = module, ""
    for word in name.split("."):
        children = dict(parent.named_children())
        if word not in children:
            raise ConfigError(
                name,
                found="no such submodule",
                expected="one of " + (", ".join(path + child for child in children) or "none"),
            )
        parent, path = children[word], f"{path}{word}."
    return parent
