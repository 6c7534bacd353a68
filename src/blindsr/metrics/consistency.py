"""How well SR, degraded as its LR was, gives back that LR."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .collector import mean_over_images
from .restoration import RestorationScores, to_device
from .table import METRICS

NAME = "consistency"


class ConsistentScores(RestorationScores):
    """:class:`RestorationScores` and ``consistency`` [dB]: PSNR of degraded SR against LR.

    Args:
        crop: see the base class.
        options: see the base class.
    """

    def __init__(self, crop: int = 0, **options: Any) -> None:
        super().__init__(crop, **options)
        score = mean_over_images(METRICS[NAME], METRICS[NAME].score)
        self.scores[NAME] = self.by_name[NAME] = score

    def update(self, sr: Tensor, hr: Tensor) -> None:
        """Add a batch, both (N, 3, H, W); consistency has :meth:`update_lr`."""
        to_device(self._networks, hr)
        for name, score in self.by_name.items():
            if name != NAME:
                score.update(sr.float(), hr)

    def update_lr(self, degraded: Tensor, lr: Tensor) -> None:
        """Add a batch, both (N, 3, h, w): SR degraded by the true operator, and LR."""
        self.by_name[NAME].update(degraded.float(), lr)
