"""Base of the tasks that restore an image: loss, scores, rows of the test table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.imaging.resize import upsample
from blindsr.losses import picture_rmse, pixel_l1
from blindsr.metrics import RestorationScores, mean_over_groups
from blindsr.metrics.collector import ScoreCollector
from blindsr.metrics.restoration import load_networks
from blindsr.networks.blocks.gradient_energy import gaussian
from blindsr.types import counted

from .annealed import AnnealedTask
from .base import RestorationTask
from .batches import group_names
from .picture_samples import restoration_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blindsr.types import Batch, PictureSample

BICUBIC, UNSHARP = "bicubic", "unsharp mask"
UNSHARP_SIGMA = 2.0  # HR pixels
LOSSES = {"l1": pixel_l1, "rmse": picture_rmse}
RESTORED = "SR"
CROPS = 2


class RestorerTask(RestorationTask):
    """Base of the tasks with an SR image as result.

    A subclass gives :meth:`restore` (the SR image of a batch and what else it found) and
    :meth:`rivals` (other SR images of the same batch, by the name of their row), and has the
    hyper-parameter ``scale``.

    Scores are logged as ``val/psnr``, ``test/<group>/<score>``, ``test/<score>`` for the mean over
    the groups, and for the rivals as ``test/<group>/<rival>/<score>`` and
    ``test/mean/<rival>/<score>``. Where images match exactly, ``<score>_exact`` counts them.

    Args:
        crop_border: pixels left out on every side before scoring.
        lpips: torchvision's AlexNet file, to score LPIPS; ``None`` goes without.
        dists: torchvision's VGG16 file, to score DISTS; ``None`` goes without.
        pyiqa: metrics of pyiqa by name (``ahiq``, ``musiq``), where it is installed.
        unsharp: strength of an unsharp mask after bicubic enlargement, to score it as the row
            ``unsharp mask``; 0 goes without.
        metrics: ``"all"`` scores a test by the metrics of other conventions too, which takes
            several times as long; see the guide to metrics.
        options: see the base class.
    """

    def __init__(
        self,
        *,
        crop_border: int = 0,
        lpips: str | None = None,
        dists: str | None = None,
        pyiqa: tuple[str, ...] = (),
        unsharp: float = 0.0,
        metrics: Literal["usual", "all"] = "usual",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.val_scores = RestorationScores(crop_border)
        self.test_scores: dict[str, dict[str, ScoreCollector]] = {}
        self.score_networks: dict[str, nn.Module] = {}  # no part of the task's own weights

    def restore(self, batch: Batch) -> tuple[Tensor, Any]:
        """(N, 3, s*h, s*w) of a batch and the estimate behind it, ``None`` if there is none."""
        raise NotImplementedError

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """SR images of other ways to restore the batch, for the rows of the test table."""
        if self.facts is None:
            return {}
        bicubic = self.bicubic(batch["lr"])
        found = {BICUBIC: bicubic}
        if strength := self.hparams["unsharp"]:
            planes = bicubic.flatten(0, 1)[:, None]
            detail = (planes - gaussian(planes, UNSHARP_SIGMA)).view_as(bicubic)
            found[UNSHARP] = (bicubic + strength * detail).clamp(0, 1)
        return found

    def told_estimate(self, batch: Batch, estimate: Any) -> dict[str, Tensor]:
        """SR images of other restorers that are told the estimate, as further rows."""
        return {}

    def bicubic(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) enlarged in the phase of the data's down-sampler."""
        scale = int(self.hparams["scale"])
        return upsample(lr.float(), scale, phase=self.known_facts().phase, method="bicubic")

    def setup(self, stage: str) -> None:
        """Check the data; make the scores of a test."""
        super().setup(stage)
        if stage == "test":
            self.test_scores = {group: {} for group in group_names(self)}

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Check, before a test starts, that its files are there.

        Raises:
            FileError, WeightsError: if a metric's file cannot be used.
        """
        if stage == "test" and not self.score_networks:
            self.score_networks = load_networks(self.hparams)

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Score a batch; the images are returned for callbacks that draw them."""
        self.require(batch, "lr", "hr")
        sr, estimate = self.restore(batch)
        images = counted(batch)
        self.val_scores.update(sr[images], batch["hr"][images])
        return {"sr": sr, "estimate": estimate}

    def picture_sample(self, batch: Batch, outputs: Mapping[str, Any], index: int) -> PictureSample:
        """LR, bicubic, SR and HR, see :class:`blindsr.types.DrawsSamples`.

        The crops lie where bicubic and HR differ most, so they stay in place during a training.
        """
        bicubic = self.bicubic(batch["lr"][index : index + 1])[0]
        restored = {BICUBIC: bicubic, RESTORED: outputs["sr"][index]}
        sample = self.compared_sample(batch, restored, index, outputs["estimate"])
        sample["scores"]["HR"] = "PSNR (Y)"
        hr = sample["images"]["HR"]
        sample["boxes"] = choose_boxes(
            sample["images"][BICUBIC],
            [hr],
            reference=hr,
            count=CROPS,
            side=crop_side(*hr.shape[:2]),
        )
        return sample

    def compared_sample(
        self, batch: Batch, restored: Mapping[str, Tensor], index: int, estimate: Any = None
    ) -> PictureSample:
        """One sample with any images of it, see :func:`~.picture_samples.restoration_sample`."""
        return restoration_sample(
            batch,
            restored,
            index,
            scale=int(self.hparams["scale"]),
            phase=self.known_facts().phase,
            sigma_max=self.hparams.get("sigma_max"),
            estimate=estimate,
        )

    def on_validation_epoch_end(self) -> None:
        """Log ``val/psnr`` and ``val/ssim``."""
        for name, value in self.val_scores.compute().items():
            self.log(f"val/{name}", value, prog_bar=True)
        self.val_scores.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> Any:
        """SR image and estimate, as in :meth:`restore`."""
        return self.restore(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score each image of a batch into its group, for every row of the table."""
        self.require(batch, "lr", "hr")
        sr, estimate = self.restore(batch)
        results = {"": sr, **self.rivals(batch), **self.told_estimate(batch, estimate)}
        groups = batch.get("group", ["test"] * len(sr))
        for index in counted(batch):
            hr = batch["hr"][index : index + 1]
            for row, image in results.items():
                one = image[index : index + 1]
                self.add_scores(self._scores(groups[index], row), one, hr, batch, index)
        self.score_estimate(batch, estimate)

    def new_scores(self) -> ScoreCollector:
        """Collector of all the scores of one row and group."""
        return RestorationScores(
            self.hparams["crop_border"], full=True, extra=self.all_metrics, **self.score_networks
        )

    @property
    def all_metrics(self) -> bool:
        """Whether a test is scored by all metrics there are."""
        return self.hparams["metrics"] == "all"

    def add_scores(
        self, scores: ScoreCollector, sr: Tensor, hr: Tensor, batch: Batch, index: int
    ) -> None:
        """Add one image, both (1, 3, H, W), the one at ``index`` of the batch."""
        assert isinstance(scores, RestorationScores)
        scores.update(sr, hr)

    def score_estimate(self, batch: Batch, estimate: Any) -> None:
        """Score the maps behind the SR image, where a task has some."""

    def _scores(self, group: str, row: str) -> ScoreCollector:
        rows = self.test_scores[group]
        if row not in rows:
            rows[row] = self.new_scores().to(self.device)
        return rows[row]

    def collectors(self) -> dict[str, dict[str, list[ScoreCollector]]]:
        """See the base class."""
        found: dict[str, dict[str, list[ScoreCollector]]] = {}
        for group, rows in self.test_scores.items():
            for row, scores in rows.items():
                found.setdefault(row, {})[group] = [scores]
        return found

    def on_test_epoch_end(self) -> None:
        """Log all scores by group and row, and their means over the groups."""
        rows = self._all_rows()
        for row in rows:
            table = {g: self._scores(g, row).compute() for g in self.test_scores}
            self.log_rows(table, row)

    def _all_rows(self) -> list[str]:
        """Rows of this rank and of all others: every rank has to add up the same ones."""
        mine = list(dict.fromkeys(row for rows in self.test_scores.values() for row in rows))
        if self.trainer.world_size == 1:
            return mine
        everyone: list[list[str]] = [[] for _ in range(self.trainer.world_size)]
        torch.distributed.all_gather_object(everyone, mine)
        return list(dict.fromkeys(row for rows in everyone for row in rows))

    def log_rows(self, table: Mapping[str, Mapping[str, Tensor]], row: str) -> None:
        """Log the scores of one row of the table by group, and their means over the groups."""
        suffix = f"{row}/" if row else ""
        for group, scores in table.items():
            self.log_dict({f"test/{group}/{suffix}{k}": v for k, v in scores.items()})
        for name, mean in mean_over_groups(table).items():
            self.log(f"test/mean/{row}/{name}" if row else f"test/{name}", mean)


class L1RestorerTask(RestorerTask, AnnealedTask):
    """Base of the restoration tasks whose loss compares pixels."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss between SR and HR, named by the hyper-parameter ``loss``; L1 by default."""
        self.require(batch, "lr", "hr")
        sr, others = self.restore_to_learn(batch)
        loss = LOSSES[self.hparams.get("loss", "l1")](sr.float(), batch["hr"])
        self.log("train/loss", loss, prog_bar=True, batch_size=len(sr))
        for name, other in others.items():
            self.log(f"train/{name}", other, prog_bar=True, batch_size=len(sr))
            loss = loss + self.hparams[name] * other
        return loss

    def restore_to_learn(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The SR image that the loss looks at, and other losses by the names of their weights.

        The image is that of :meth:`restore`, unless maps are mixed.
        """
        return self.restore(batch)[0], {}
