"""Base of the tasks that train an estimator of blur or classes: steps, scores, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from blindsr.losses import blur_semantic_losses
from blindsr.metrics import EstimateScores, mean_over_groups
from blindsr.metrics.table import metric_of
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Batch, Estimate, counted

from .annealed import AnnealedTask
from .batches import group_names
from .picture_samples import estimate_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blindsr.metrics.collector import ScoreCollector
    from blindsr.types import PictureSample


class EstimationTask(AnnealedTask):
    """Base of the tasks that train an estimator: a subclass builds ``self.network``.

    It has the hyper-parameters ``scale``, ``sigma_max`` and, where its network tells classes,
    ``num_classes``.

    It learns the parts of :class:`~blindsr.types.Estimate` that the network gives and the batch has
    targets for, by L1 and cross-entropy; a subclass with another likelihood writes
    :meth:`training_step`.

    Args:
        options: see the base classes.

    Attributes:
        loss_weights: weights by the names of :func:`blindsr.losses.blur_semantic_losses`; 1 where
            one is missing.
    """

    network: EstimatorNetwork
    loss_weights: Mapping[str, float]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.loss_weights = {}
        self.val_scores = self._new_scores()
        self.test_scores: dict[str, EstimateScores] = {}

    @property
    def sigma_max(self) -> float:
        """Divides blur scores and ends the scale of drawn maps, HR pixels."""
        return float(self.hparams["sigma_max"])

    def _new_scores(self) -> EstimateScores:
        classes = max(0, self.hparams.get("num_classes", 0))  # the network refuses what is less
        return EstimateScores(classes, self.sigma_max)

    def setup(self, stage: str) -> None:
        """Check the data; make the scores of a test."""
        super().setup(stage)
        if stage == "test":
            self.test_scores = {g: self._new_scores().to(self.device) for g in group_names(self)}

    def collectors(self) -> dict[str, dict[str, list[ScoreCollector]]]:
        """See the base class."""
        return {"": {group: [scores] for group, scores in self.test_scores.items()}}

    def forward(self, lr: Tensor) -> Estimate:
        """(N, 3, h, w) in [0, 1] -> :class:`~blindsr.types.Estimate` at HR size."""
        return self.network.estimate(lr)

    def estimate_to_learn(self, lr: Tensor) -> Estimate:
        """As ``forward``, but class logits may be smaller: their loss enlarges them."""
        estimate: Estimate = self(lr)
        return estimate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Weighted sum of the losses that the batch has targets for."""
        self.require(batch, "lr", "blur")
        found = self.estimate_to_learn(batch["lr"])
        parts = blur_semantic_losses(found, batch["blur"], batch.get("seg"))
        total = sum(self.loss_weights.get(name, 1.0) * value for name, value in parts.items())
        size = len(batch["lr"])
        self.log("train/loss", total, prog_bar=True, batch_size=size)
        for name, value in parts.items():
            main = not name.startswith("aux")
            self.log(f"train/{name}", value.detach(), prog_bar=main, batch_size=size)
        return torch.as_tensor(total)

    # Lightning's annotation admits a tensor or a dictionary alone
    def validation_step(self, batch: Batch, batch_idx: int) -> Estimate:  # type: ignore[override]
        """Score a batch; the estimate is returned for callbacks that draw it."""
        self.require(batch, "lr", "blur")
        estimate = self(batch["lr"])
        self._update(self.val_scores, estimate, batch, counted(batch))
        return estimate

    def picture_sample(self, batch: Batch, outputs: Estimate, index: int) -> PictureSample:
        """LR and both maps beside the true ones, see :class:`blindsr.types.DrawsSamples`."""
        facts = self.known_facts()
        return estimate_sample(
            batch,
            outputs,
            index,
            scale=int(self.hparams["scale"]),
            phase=facts.phase,
            sigma_max=self.sigma_max,
            class_names=facts.class_names,
        )

    def on_validation_epoch_end(self) -> None:
        """Log ``val/<score>``: ``blur_psnr``, ``blur_ssim``, ``miou``."""
        for name, value in self.val_scores.compute().items():
            metric = metric_of(name)
            self.log(f"val/{name}", value, prog_bar=metric is not None and metric.in_progress)
        self.val_scores.reset()

    def on_test_start(self) -> None:
        """Bring the scores of the groups to the device of the run."""
        for scores in self.test_scores.values():
            scores.to(self.device)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score each image into its test group."""
        self.require(batch, "lr", "blur")
        estimate = self(batch["lr"])
        groups = batch.get("group", ["test"] * len(batch["lr"]))
        for index in counted(batch):
            self._update(self.test_scores[groups[index]], estimate, batch, [index])

    def on_test_epoch_end(self) -> None:
        """Log ``test/<group>/<score>`` and ``test/<score>``, the mean over the groups."""
        table = {group: scores.compute() for group, scores in self.test_scores.items()}
        for group, row in table.items():
            self.log_dict({f"test/{group}/{name}": value for name, value in row.items()})
        for name, mean in mean_over_groups(table).items():
            self.log(f"test/{name}", mean)

    def predict_step(self, batch: Batch, batch_idx: int) -> Estimate:
        """Estimate maps without targets."""
        return self(batch["lr"])

    def _update(
        self, scores: EstimateScores, estimate: Estimate, batch: Batch, images: list[int]
    ) -> None:
        chosen = Estimate(*(None if part is None else part[images] for part in estimate))
        seg = batch["seg"][images] if "seg" in batch else None
        scores.update(chosen, batch["blur"][images], seg)
