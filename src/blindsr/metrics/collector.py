"""Scores by name, accumulated over a set, and their means over test groups."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from .modules import ConfusionScore, MeanOverImages
from .table import EXACT, UNDEFINED, Metric, counted, split_region


class ScoreCollector(nn.Module):
    """Base of the collectors: ``scores`` by name, added up over all ranks together."""

    def __init__(self, scores: Mapping[str, MeanOverImages | ConfusionScore]) -> None:
        super().__init__()
        self.scores = nn.ModuleDict(scores)
        self.by_name = dict(scores)  # the same modules with their type; it registers none

    def compute(self) -> dict[str, Tensor]:
        """Scores of all that was added on all ranks; NaN where there was nothing to score.

        Where a mean leaves images out, ``<score>_exact`` and ``<score>_undefined`` count them.
        Images without a region are not counted for its scores.
        """
        values: dict[str, Tensor] = {}
        with warnings.catch_warnings():
            # A rank that has seen nothing of a group must still take part in adding up.
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method.*")
            for name, score in self.by_name.items():
                value = values[name] = score.compute()
                exact, undefined = getattr(score, "left_out", (0, 0))
                if exact:
                    values[name + EXACT] = torch.tensor(float(exact), device=value.device)
                if undefined and not value.isnan() and not split_region(name)[0]:
                    values[name + UNDEFINED] = torch.tensor(float(undefined), device=value.device)
        return values

    def reset(self) -> None:
        """Forget everything."""
        for score in self.by_name.values():
            score.reset()
            score.each.clear()


def mean_over_images(
    metric: Metric, score: Callable[..., Tensor], *, crop: int = 0
) -> MeanOverImages:
    """Mean over images of a metric of the table; images below its least size have no score.

    Args:
        metric: its entry.
        score: its function with all options bound.
        crop: border in pixels that the function leaves out on every side.
    """
    return MeanOverImages(
        partial(_score_or_nan, score, metric.least_size + 2 * crop),
        higher_is_better=metric.higher_is_better,
    )


def _score_or_nan(
    score: Callable[..., Tensor], least_size: int, first: Tensor, second: Tensor, *more: Tensor
) -> Tensor:
    if min(second.shape[-2:]) < least_size:
        return torch.full((len(second),), torch.nan, dtype=torch.float64, device=second.device)
    return score(first, second, *more)


def mean_over_groups(table: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Plain means of scores over test groups, as the papers average them.

    A score inside a region is averaged over the groups that have the region; counts of images are
    added up.

    Args:
        table: scores by group, as :meth:`ScoreCollector.compute` gives them.
    """
    means = {}
    for name in dict.fromkeys(name for scores in table.values() for name in scores):
        values = torch.stack([row[name].double() for row in table.values() if name in row])
        if counted(name):
            means[name] = values.sum()
        else:
            means[name] = values.nanmean() if split_region(name)[0] else values.mean()
    return means
