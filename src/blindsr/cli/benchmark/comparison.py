"""Means, spreads over seeds and paired intervals of the scores of finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from blindsr.metrics.bootstrap import Floats, Interval, Statistic, bootstrap, mean_of
from blindsr.metrics.picture_scores import PictureScores
from blindsr.metrics.score_rows import MEAN
from blindsr.metrics.table import METRICS, Metric, split_region

MATRIX_DRAWS = 1000
"""Draws for scores of confusion matrices, each of which is computed by itself."""
BETTER, WORSE, SAME = "better", "worse", "no difference seen"
DIFFERENT, UNKNOWN = "different", "too few pictures"


@dataclass(frozen=True)
class Cell:
    """One score of a row, on a group or on average.

    Attributes:
        seeds: its mean over pictures by seed.
        pictures: how many count.
        difference: to the reference, over the pictures that both have; ``None`` for itself.
        verdict: that in words; better and worse only where the interval excludes zero.
    """

    seeds: tuple[float, ...]
    pictures: int
    difference: Interval | None = None
    verdict: str = ""

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.seeds))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; ``None`` for one."""
        return float(np.std(self.seeds, ddof=1)) if len(self.seeds) > 1 else None


@dataclass(frozen=True)
class Runs:
    """What the tests of one row found.

    Attributes:
        pictures: by seed.
        method: row of their tables, ``""`` for the tested network.
    """

    pictures: Mapping[int, PictureScores]
    method: str = ""

    def groups(self) -> list[str]:
        """Test groups with scores."""
        first = next(iter(self.pictures.values()))
        return [group for group, scores in first.methods.get(self.method, {}).items() if scores]

    def metrics(self, group: str) -> list[str]:
        """Scores that every run has on a group."""
        runs = [one.methods[self.method].get(group, {}) for one in self.pictures.values()]
        return [name for name in runs[0] if all(name in run for run in runs)]

    def names(self, group: str) -> list[str]:
        """Pictures of a group, numbered where names are missing or double."""
        found = next(iter(self.pictures.values())).names[group]
        return found if len(set(found)) == len(found) else [str(i) for i in range(len(found))]


def verdict(name: str, difference: Interval) -> str:
    """A difference in words."""
    metric = METRICS.get(split_region(name)[1])
    if np.isnan(difference.low):
        return UNKNOWN
    if not difference.sure:
        return SAME
    if metric is None or metric.higher_is_better is None:
        return DIFFERENT
    return BETTER if (difference.mean > 0) == metric.higher_is_better else WORSE


def cells(runs: Runs, reference: Runs | None) -> dict[str, dict[str, Cell]]:
    """Cells of a row by group (the mean over the groups last) and score.

    Args:
        runs: of the row.
        reference: of the row to compare with; ``None`` for that row itself.
    """
    groups = runs.groups()
    places = {group: [group] for group in groups} if len(groups) > 1 else {}
    found: dict[str, dict[str, Cell]] = {}
    for key, place in {**places, MEAN: groups}.items():
        names = [n for n in runs.metrics(place[0]) if all(n in runs.metrics(g) for g in place)]
        row = {name: _cell(name, place, runs, reference) for name in names}
        found[key] = {name: cell for name, cell in row.items() if cell is not None}
    return found


def _cell(name: str, groups: Sequence[str], runs: Runs, reference: Runs | None) -> Cell | None:
    own = _Scores(name, groups, runs, _units([runs], groups))
    means = own.statistic()(np.ones((1, own.count)))[:, 0]
    if np.isnan(means).all():
        return None
    cell = Cell(tuple(float(mean) for mean in means), own.pictures())
    if reference is None:
        return cell
    shared = [g for g in groups if g in reference.groups() and name in reference.metrics(g)]
    if len(shared) < len(groups):
        return cell
    difference = _paired(name, groups, runs, reference)
    return Cell(cell.seeds, cell.pictures, difference, verdict(name, difference))


def _paired(name: str, groups: Sequence[str], runs: Runs, reference: Runs) -> Interval:
    """Interval of the difference over the pictures and seeds that both have."""
    both = [seed for seed in runs.pictures if seed in reference.pictures]
    if len(runs.pictures) > 1 and len(reference.pictures) > 1 and both:
        pair = [
            Runs({seed: one.pictures[seed] for seed in both}, one.method)
            for one in (runs, reference)
        ]
    else:  # one run stands beside all of the other's
        pair = [runs, reference]
    units = _units(pair, groups)
    first, second = (_Scores(name, groups, one, units) for one in pair)
    seeds = max(len(one.pictures) for one in pair)
    if first.is_matrix:
        one, two = first.statistic(), second.statistic()
        return bootstrap(lambda w: one(w) - two(w), len(units), seeds, draws=MATRIX_DRAWS)
    with np.errstate(invalid="ignore"):  # two exact matches have no difference of infinities
        difference = first.values() - second.values()
    counted = np.isfinite(difference).any(axis=(0, 1))
    return bootstrap(mean_of(difference[:, :, counted]), int(counted.sum()), seeds)


def _units(several: Sequence[Runs], groups: Sequence[str]) -> list[str]:
    """Pictures that all have: one in several groups is one picture, drawn with all its versions."""
    sets = [{name for group in groups for name in runs.names(group)} for runs in several]
    return sorted(set.intersection(*sets))


class _Scores:
    """One score of some runs on groups, by picture."""

    def __init__(self, name: str, groups: Sequence[str], runs: Runs, units: list[str]) -> None:
        self.metric: Metric | None = METRICS.get(name)
        self.groups, self.runs, self.name, self.units = groups, runs, name, units
        self.count = len(units)

    @property
    def is_matrix(self) -> bool:
        """Whether each picture has a confusion matrix instead of a number."""
        return self.metric is not None and self.metric.compares == "seg"

    def _by_picture(self, scores: PictureScores, group: str) -> dict[str, Any]:
        values = scores.methods[self.runs.method][group][self.name]
        return dict(zip(self.runs.names(group), values, strict=True))

    def values(self) -> Floats:
        """(groups, seeds, pictures), NaN where a picture is not in the group."""
        rows = [
            [[found.get(unit, np.nan) for unit in self.units] for found in by_seed]
            for by_seed in self._found()
        ]
        return np.array(rows, np.float64).reshape(
            len(self.groups), len(self.runs.pictures), self.count
        )

    def _found(self) -> list[list[dict[str, Any]]]:
        several = self.runs.pictures.values()
        return [[self._by_picture(one, group) for one in several] for group in self.groups]

    def pictures(self) -> int:
        """How many count."""
        if self.is_matrix:
            return self.count
        return int(np.isfinite(self.values()).any(axis=(0, 1)).sum())

    def statistic(self) -> Statistic:
        """The score by how often each picture counts, see :mod:`blindsr.metrics.bootstrap`."""
        return self._of_matrices() if self.is_matrix else mean_of(self.values())

    def _of_matrices(self) -> Statistic:
        assert self.metric is not None
        score = self.metric.score
        classes = max(one.classes for one in self.runs.pictures.values())
        matrices = [[self._matrix(found, classes) for found in row] for row in self._found()]

        def of_one(weights: Floats, matrix: Any) -> Floats:
            sums = torch.from_numpy(np.rint(matrix.T @ weights.T).T.astype(np.int64))
            return np.array([float(score(one.reshape(classes, classes))) for one in sums])

        def statistic(weights: Floats) -> Floats:
            return np.mean([[of_one(weights, m) for m in row] for row in matrices], axis=0)

        return statistic

    def _matrix(self, found: Mapping[str, Mapping[int, int]], classes: int) -> Any:
        from scipy.sparse import csr_array

        entries = [
            (unit, place, count)
            for unit, name in enumerate(self.units)
            for place, count in found.get(name, {}).items()
        ]
        rows, columns, counts = zip(*entries, strict=True) if entries else ((), (), ())
        shape = self.count, classes**2
        return csr_array((np.array(counts, np.float64), (rows, columns)), shape=shape)
