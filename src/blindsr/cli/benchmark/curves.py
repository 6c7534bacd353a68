"""Curves of the trainings of a benchmark: what they logged over their iterations, row by row."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blindsr.drawing.curves import Curve, draw_curves

from .runs import finished

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from blindsr.metrics.bootstrap import Floats

    from .jobs import Job
    from .plan import Plan

POINTS = 100
"""Of a curve: each is the mean of a hundredth of the training, so that noisy losses can be seen."""
ITERATIONS, STEP = "iterations", "step"
"""Columns of ``metrics.csv`` that count; the first is that of trainings with several optimisers."""


Logged = dict[str, dict[str, list[dict[float, float]]]]
"""By logged name and row, for each seed the value by iteration."""


class Ends(NamedTuple):
    """The last point of a curve by seed."""

    name: str
    row: str
    values: tuple[float, ...]


def read_curve(folder: Path, name: str) -> dict[float, float]:
    """A value that a training logged, by iteration; empty where it did not.

    A training that was stopped has several files: what a later one says of an iteration holds.

    Args:
        folder: of the run.
        name: as it was logged, ``train/general`` or ``interpolation/distance``.
    """
    found: dict[float, float] = {}
    for path in sorted(folder.glob("*/metrics.csv"), key=lambda path: path.stat().st_mtime):
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                at = line.get(ITERATIONS) or line.get(STEP)
                if at and (value := line.get(name)):
                    found[float(at)] = float(value)
    return dict(sorted(found.items()))


def by_hundredths(curve: Mapping[float, float], end: float) -> Floats:
    """(POINTS,) means; NaN where nothing was logged."""
    at, values = (np.array(part, np.float64) for part in (list(curve), list(curve.values())))
    place = np.clip(np.ceil(at * POINTS / end).astype(int) - 1, 0, POINTS - 1)
    counts = np.bincount(place, minlength=POINTS)
    sums = np.bincount(place, weights=values, minlength=POINTS)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def curves_of(logged: Logged) -> dict[str, dict[str, Curve]]:
    """Curves by logged name and row, over the seeds."""
    found: dict[str, dict[str, Curve]] = {}
    for name, by_row in logged.items():
        for row, curves in by_row.items():
            end = max(max(curve) for curve in curves) or 1.0
            runs = np.array([by_hundredths(curve, end) for curve in curves])
            kept = np.isfinite(runs).all(0)
            at = (np.arange(POINTS) + 0.5) / POINTS * end
            parts = runs.mean(0), runs.min(0), runs.max(0)
            curve = Curve(at[kept].tolist(), *(part[kept].tolist() for part in parts))
            found.setdefault(name, {})[row] = curve
    return found


def ends_of(logged: Logged) -> list[Ends]:
    """The last values of all curves, seed by seed."""
    return [
        Ends(name, row, tuple(curve[max(curve)] for curve in curves))
        for name, by_row in logged.items()
        for row, curves in by_row.items()
    ]


def logged_by(plan: Plan, jobs: Sequence[Job]) -> Logged:
    """What finished trainings of rows that are shown logged under the plan's names."""
    found: Logged = {}
    for job in jobs:
        if not (job.row.shown and job.row.trained) or finished(job) is None:
            continue
        for name in plan.curves:
            if curve := read_curve(job.folder, name):
                found.setdefault(name, {}).setdefault(job.row.name, []).append(curve)
    return found


def curves_picture(title: str, logged: Logged) -> Figure | None:
    """All curves in one picture; ``None`` where no training logged any of them."""
    if not logged:
        return None
    return draw_curves(f"{title}: mean and range over the seeds", curves_of(logged))


def curves_markdown(logged: Logged) -> str:
    """The last values of the curves as a section of the table; empty for none."""
    lines = [
        f"| {end.name} | {end.row} | {np.mean(end.values):.4g} "
        f"| {min(end.values):.4g} to {max(end.values):.4g} |"
        for end in ends_of(logged)
    ]
    if not lines:
        return ""
    head = ["", "## Curves", "", "![curves](curves.png)", "", "| last value | row | mean | seeds |"]
    return "\n".join([*head, "|---|---|---|---|", *lines]) + "\n"
