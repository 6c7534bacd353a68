"""Base of the tasks that restore without being told the blur, and score what they find of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from blindsr.metrics import EstimateScores
from blindsr.types import Batch, Estimate, counted

from .batches import group_names
from .restoration import L1RestorerTask
from .rrdb_sft import Rival, compared, load_others

if TYPE_CHECKING:
    from blindsr.metrics.collector import ScoreCollector


class BlindRestorerTask(L1RestorerTask):
    """Base: a subclass builds ``self.network`` and restores with an estimate of the blur.

    It has the hyper-parameter ``sigma_max`` and, where its network tells classes, ``num_classes``.
    A test scores the SR image and the maps behind it.

    Args:
        compare: checkpoints to score beside it, by the name of their row.
        tell: restorers to tell the map that it finds, checkpoints by the name of their row: with
            one restorer for several methods their maps alone are compared.
        options: see the base classes.
    """

    def __init__(
        self,
        *,
        compare: dict[str, str] | None = None,
        tell: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.others: dict[str, list[Rival]] = {}
        self.listeners: dict[str, list[Rival]] = {}
        self.map_scores: dict[str, EstimateScores] = {}

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the networks to compare with, once.

        Raises:
            FileError, WeightsError: if a file is missing or holds another network.
        """
        super().preflight(stage, resumed=resumed)
        if stage == "test" and not self.others:
            self.others = load_others(self.hparams["compare"])
            self.listeners = load_others(self.hparams["tell"], key="tell", told=True)

    def setup(self, stage: str) -> None:
        """Check the data; load what :meth:`preflight` has not loaded yet; make the scores."""
        super().setup(stage)
        self.preflight(stage, resumed=self.trainer.ckpt_path is not None)
        if stage == "test":
            self.map_scores = {group: self.new_map_scores() for group in group_names(self)}

    def collectors(self) -> dict[str, dict[str, list[ScoreCollector]]]:
        """See the base class; scores of the maps stand beside those of the SR image."""
        found = super().collectors()
        for group, maps in self.map_scores.items():
            found.setdefault("", {}).setdefault(group, []).append(maps)
        return found

    def new_map_scores(self) -> EstimateScores:
        """Collector of the scores of maps."""
        return EstimateScores(self.hparams.get("num_classes", 0), self.hparams["sigma_max"])

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """Bicubic, :meth:`told_rivals`, and the networks of ``compare``."""
        others = self.told_rivals(batch) | compared(self, self.others, batch)
        return super().rivals(batch) | others

    def told_rivals(self, batch: Batch) -> dict[str, Tensor]:
        """SR images of this restorer with other maps, where it can be told some."""
        return {}

    def told_estimate(self, batch: Batch, estimate: Estimate) -> dict[str, Tensor]:
        """SR images of the restorers of ``tell``."""
        logits = estimate.seg_logits
        found = {
            "lr": batch["lr"],
            "blur": estimate.blur,
            "seg": None if logits is None else logits.argmax(dim=1),
        }
        # a batch without what is not known
        known = cast("Batch", {name: map_ for name, map_ in found.items() if map_ is not None})
        return compared(self, self.listeners, known)

    def score_estimate(self, batch: Batch, estimate: Estimate) -> None:
        """Score the estimated maps of each image into its group."""
        groups = batch.get("group", ["test"] * len(batch["lr"]))
        for index in counted(batch):
            self.score_maps(self.map_scores[groups[index]], batch, estimate, index)

    def score_maps(
        self, scores: EstimateScores, batch: Batch, estimate: Estimate, index: int
    ) -> None:
        """Add the maps of one image of a batch."""
        part = slice(index, index + 1)
        one = Estimate(*(None if map_ is None else map_[part] for map_ in estimate))
        blur = batch["blur"][part] if "blur" in batch else None
        seg = batch["seg"][part] if "seg" in batch else None
        scores.to(self.device).update(one, blur, seg)

    def on_test_epoch_end(self) -> None:
        """Log the scores of images and maps by group, and their means over the groups."""
        super().on_test_epoch_end()
        self.log_rows({group: maps.compute() for group, maps in self.map_scores.items()}, "")
