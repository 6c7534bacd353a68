"""Train the small restorer on blur maps whose uncertainty is known: true and disturbed ones."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor

from blindsr.networks.blur_sr import BlurSR
from blindsr.networks.build import build
from blindsr.types import Batch

from .map_mix import check_shares, mixed_maps
from .restoration import L1RestorerTask
from .rrdb_sft import CONSTANT, with_constant_sigma

NO_MAP = "any sigma"
_UNKNOWN = (2.0, 4.0)  # sigma and its scale in HR pixels that say nothing


class BlurSRTask(L1RestorerTask):
    """Train and score :class:`blindsr.networks.blur_sr.BlurSR`.

    It learns with true maps, of which it is told that they are sure, and with disturbed ones, of
    which it is told how far off they are: so it can be put behind any estimator that knows its own
    error. Validation and test take the true maps; a test has the rows bicubic, constant sigma (each
    image's mean) and any sigma (a map that says nothing).

    Args:
        scale: HR size over LR size; follows the data.
        features: channels of the trunk.
        blocks: residual blocks.
        phase: where LR pixel 0 lies in HR pixels; follows the data.
        true_share: of the training pictures with a true map.
        crop_border: pixels left out on every side before scoring.
        lpips: torchvision's AlexNet file, to score LPIPS in tests; ``None`` goes without.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        weight_decay: of Adam.
        warmup_steps: optimiser steps of linear warm-up.
        cosine_steps: optimiser steps of one cosine annealing; ``None`` ends it with the training.
        min_learning_rate: where annealing ends.
        restart: start a new annealing after each.

    Raises:
        ConfigError: if an option is out of range.
    """

    title = "BlurSR, true maps"
    architecture = tuple(inspect.signature(BlurSR).parameters)
    linked_with_data = ("scale",)

    def __init__(
        self,
        scale: int = 4,
        *,
        features: int = 32,
        blocks: int = 8,
        phase: float = 1.5,
        true_share: float = 0.5,
        crop_border: int = 0,
        lpips: str | None = None,
        learning_rate: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        warmup_steps: int = 100,
        cosine_steps: int | None = None,
        min_learning_rate: float = 2e-5,
        restart: bool = False,
    ) -> None:
        super().__init__(crop_border)
        self.save_hyperparameters()
        self._shares = {"true": true_share, "disturbed": 1 - true_share}
        check_shares(self._shares)
        self.network = build(BlurSR, self.hparams)

    def decided_by_data(self) -> dict[str, Any]:
        """The phase too: the network enlarges LR."""
        return super().decided_by_data() | {"phase": self.hparams["phase"]}

    def forward(self, lr: Tensor, blur: Tensor, blur_scale: Tensor | None = None) -> Tensor:
        """LR image and maps as in :class:`~blindsr.networks.blur_sr.BlurSR` -> SR image."""
        return cast("Tensor", self.network(lr, blur, None, blur_scale))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """L1 between SR and HR, each picture with the map that it draws."""
        self.require(cast("dict", batch), "lr", "hr", "blur")
        truth = batch["blur"]
        maps = mixed_maps(self._shares, truth, truth, torch.zeros_like(truth))
        loss = (self(batch["lr"], *maps) - batch["hr"]).abs().mean()
        self.log("train/loss", loss, prog_bar=True, batch_size=len(truth))
        return loss

    def restore(self, batch: Batch) -> tuple[Tensor, None]:
        """Restore with the true maps."""
        self.require(cast("dict", batch), "lr", "blur")
        return self(batch["lr"], batch["blur"]), None

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """Bicubic, and this network with a constant and with no map."""
        known = with_constant_sigma(batch)["blur"]
        said, unsure = (torch.full_like(batch["blur"], value) for value in _UNKNOWN)
        return super().rivals(batch) | {
            CONSTANT: self(batch["lr"], known),
            NO_MAP: self(batch["lr"], said, unsure),
        }
