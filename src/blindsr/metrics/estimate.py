"""The scores of an estimator: blur PSNR, blur SSIM, rank correlation and mIoU."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .collector import ScoreCollector, mean_over_images
from .modules import ConfusionScore
from .table import metrics_of

if TYPE_CHECKING:
    from torch import Tensor

    from blindsr.types import Estimate


class EstimateScores(ScoreCollector):
    """Collects the metrics of :data:`~blindsr.metrics.METRICS` that compare maps over a set.

    They are ``blur_psnr`` [dB], ``blur_ssim``, ``blur_rank`` and ``miou``.

    Args:
        num_classes: classes of the semantic map.
        sigma_max: divides the sigma maps before they are compared.
    """

    def __init__(self, num_classes: int, sigma_max: float) -> None:
        blur = {
            name: mean_over_images(metric, partial(metric.score, sigma_max=sigma_max))
            for name, metric in metrics_of("blur").items()
        }
        seg = {
            name: ConfusionScore(
                metric.score, num_classes, higher_is_better=metric.higher_is_better
            )
            for name, metric in metrics_of("seg").items()
        }
        super().__init__({**blur, **seg})
        self._blur, self._seg = tuple(blur), tuple(seg)

    def update(self, estimate: Estimate, blur: Tensor | None, seg: Tensor | None) -> None:
        """Add a batch: what the network or the data set lacks is left out.

        Args:
            estimate: maps of N images at HR size.
            blur: (N, 1, H, W) true sigma, or ``None``.
            seg: (N, H, W) true classes, 255 for no label, or ``None``.
        """
        if estimate.blur is not None and blur is not None and len(blur):
            for name in self._blur:
                self.by_name[name].update(estimate.blur.float(), blur)
        if estimate.seg_logits is not None and seg is not None and len(seg):
            for name in self._seg:
                self.by_name[name].update(estimate.seg_logits.argmax(1), seg)
