"""Train the small restorer on blur maps whose uncertainty is known: true and disturbed ones."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks.blind import at_hr
from blindsr.networks.blur_sr import BlurSR
from blindsr.networks.build import build
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Batch
from blindsr.weights.checkpoint import read_network

from .map_mix import check_shares, mixed_maps
from .restoration import L1RestorerTask
from .rrdb_sft import CONSTANT, with_constant_sigma

NO_MAP = "any sigma"
_UNKNOWN = (2.0, 4.0)  # sigma and its scale in HR pixels that say nothing


class BlurSRTask(L1RestorerTask):
    """Train and score :class:`blindsr.networks.blur_sr.BlurSR`.

    It learns with true maps, of which it is told that they are sure, with disturbed ones, of which
    it is told how far off they are, and with those of an estimator: so it can be put behind any
    estimator that knows its own error. Validation and test take the true maps; a test has the rows
    bicubic, constant sigma (each image's mean) and any sigma (a map that says nothing).

    Args:
        scale: HR size over LR size; follows the data.
        features: channels of the trunk.
        blocks: residual blocks.
        phase: where LR pixel 0 lies in HR pixels; follows the data.
        estimator: file of an estimator of scale 1 that tells its uncertainty; it stays as it is.
        map_mix: shares of the training pictures with ``truth``, ``disturbed`` and ``estimated``
            maps; half ``truth`` and half ``disturbed`` if not given.
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
        estimator: str | None = None,
        map_mix: dict[str, float] | None = None,
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
        self._shares = map_mix or {"truth": 0.5, "disturbed": 0.5}
        check_shares(self._shares)
        if estimator is None and self._shares.get("estimated"):
            raise ConfigError(
                "map_mix.estimated", found="no estimator", expected="its file as `estimator`"
            )
        self.network = build(BlurSR, self.hparams)
        self._estimators: list[EstimatorNetwork] = []  # no part of the task's own weights

    def decided_by_data(self) -> dict[str, Any]:
        """The phase too: the network enlarges LR."""
        return super().decided_by_data() | {"phase": self.hparams["phase"]}

    def forward(self, lr: Tensor, blur: Tensor, blur_scale: Tensor | None = None) -> Tensor:
        """LR image and maps as in :class:`~blindsr.networks.blur_sr.BlurSR` -> SR image."""
        return cast("Tensor", self.network(lr, blur, None, blur_scale))

    def restore_to_learn(self, batch: Batch) -> Tensor:
        """Restore each picture with the map that it draws."""
        self.require(batch, "blur")
        return self(batch["lr"], *mixed_maps(self._shares, batch["blur"], *self._estimate(batch)))

    def _estimate(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sigma and its scale; where no estimated map is wanted any will do."""
        if not self._shares.get("estimated"):
            return batch["blur"], torch.zeros_like(batch["blur"])
        network = self._estimators[0].to(self.device)
        with torch.no_grad():
            scale, phase = (self.hparams[name] for name in ("scale", "phase"))
            found = at_hr(network(batch["lr"]), scale, phase)
        assert found.blur is not None
        assert found.blur_scale is not None
        return found.blur, found.blur_scale

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Read the estimator.

        Raises:
            FileError, WeightsError: if its file is missing or no such estimator.
        """
        super().preflight(stage, resumed=resumed)
        path = self.hparams["estimator"]
        if path is None or stage != "fit" or self._estimators:
            return
        network = read_network(path).network()
        if not isinstance(network, EstimatorNetwork) or "blur_scale" not in network.estimates:
            raise WeightsError(
                path,
                found=f"{type(network).__name__}",
                expected="an estimator that says how far off its sigma may be",
            )
        if network.scale != 1:
            raise WeightsError(
                path, found=f"an estimator of x{network.scale}", expected="one of scale 1"
            )
        self._estimators = [network.requires_grad_(False)]

    def setup(self, stage: str) -> None:
        """Check the data; read what :meth:`preflight` has not read yet."""
        super().setup(stage)
        self.preflight(stage, resumed=self.trainer.ckpt_path is not None)

    def restore(self, batch: Batch) -> tuple[Tensor, None]:
        """Restore with the true maps."""
        self.require(batch, "lr", "blur")
        return self(batch["lr"], batch["blur"]), None

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """Bicubic, and this network with a constant and with no map."""
        known = with_constant_sigma(batch)["blur"]
        said, unsure = (torch.full_like(batch["blur"], value) for value in _UNKNOWN)
        return super().rivals(batch) | {
            CONSTANT: self(batch["lr"], known),
            NO_MAP: self(batch["lr"], said, unsure),
        }
