"""The scores of an estimator of blur that estimates depth, too."""

from __future__ import annotations

from torch import Tensor

from .collector import mean_over_images
from .estimate import EstimateScores
from .table import metrics_of


class DepthScores(EstimateScores):
    """:class:`EstimateScores` and ``depth_mae``, the error of relative inverse depth.

    Args:
        sigma_max: see the base class.
    """

    def __init__(self, sigma_max: float) -> None:
        super().__init__(0, sigma_max)
        self._depth = tuple(metrics_of("depth"))
        for name, metric in metrics_of("depth").items():
            self.scores[name] = self.by_name[name] = mean_over_images(metric, metric.score)

    def update_depth(self, estimate: Tensor, depth: Tensor) -> None:
        """Add a batch, both (N, 1, H, W) in [0, 1], 1 = nearest."""
        for name in self._depth:
            self.by_name[name].update(estimate.float(), depth)
