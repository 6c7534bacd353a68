"""What a benchmark found so far, row by row; as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blindsr.metrics.picture_scores import PictureScores
from blindsr.metrics.score_rows import MEAN, columns, json_values
from blindsr.metrics.score_rows import Row as ScoreRow

from .comparison import Cell, Runs, cells
from .jobs import Job
from .plan import Plan, Row
from .runs import finished, state_of


@dataclass(frozen=True)
class RowReport:
    """One line of the table.

    Attributes:
        row: of the plan.
        seeds: that are finished.
        failed: reasons by seed.
        missing: seeds that have not been run.
        cells: by group and score.
        weights: names of the files that were tested, of trainings.
        rule: of the task that was tested, see :class:`~blindsr.tasks.base.RestorationTask`.
        costs: medians over the seeds, see :class:`~.costs.Costs`, with ``steps``,
            ``training_seconds`` and ``cpu_seconds`` of the training and of the rows not shown that
            it starts from.
    """

    row: Row
    seeds: tuple[int, ...]
    failed: Mapping[int, str]
    missing: tuple[int, ...]
    cells: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True)
class Report:
    """All lines, and those of a paper whose full test set was scored."""

    plan: Plan
    rows: tuple[RowReport, ...]
    paper: tuple[ScoreRow, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a run has failed."""
        return any(row.failed for row in self.rows)

    def scores(self, group: str = MEAN) -> list[str]:
        """Names of all scores, in the order of the table of metrics."""
        rows = [
            ScoreRow(one.row.name, group, {n: c.mean for n, c in one.cells.get(group, {}).items()})
            for one in self.rows
        ]
        return columns(rows)

    def groups(self) -> list[str]:
        """Test groups beside the mean."""
        found = dict.fromkeys(group for row in self.rows for group in row.cells)
        return [group for group in found if group != MEAN]


def make_report(plan: Plan, jobs: Sequence[Job]) -> Report:
    """Compare what is finished."""
    results = {
        (job.row.name, job.seed): found
        for job in jobs
        if (found := finished(job))  # {}: no test
    }
    pictures = {key: PictureScores.of_plain(one["pictures"]) for key, one in results.items()}
    runs = {row.name: _runs(row, pictures) for row in plan.rows}
    rows = []
    for row in plan.rows:
        own = runs[row.name]
        of = [job for job in jobs if job.row.name == (row.of or row.name)]
        failed = {job.seed: why for job in of if (why := _failure(job))}
        ended = {*own.pictures, *failed} if own else set(failed)
        other = plan.compared_with(row)
        compared = None if other == row.name else runs[other]
        own_results = [one for (name, _), one in results.items() if name == row.name]
        report = RowReport(
            row,
            tuple(own.pictures) if own else (),
            failed,
            tuple(job.seed for job in of if job.seed not in ended),
            cells(own, compared) if own else {},
            {} if row.rival else _costs([job for job in of if (row.name, job.seed) in results]),
            tuple(one["weights"] for one in own_results),
            next((one.get("rule", "") for one in own_results), ""),
        )
        if row.shown or failed:
            rows.append(report)
    paper = [ScoreRow(m, MEAN, s) for one in results.values() for m, s in one["paper"]]
    once = {row.method: row for row in paper}
    return Report(plan, tuple(rows), tuple(once.values()))


def _runs(row: Row, pictures: Mapping[tuple[str, int], PictureScores]) -> Runs | None:
    method, source = row.rival or "", row.of or row.name
    found = {
        seed: one
        for (name, seed), one in pictures.items()
        if name == source and any(one.methods.get(method, {}).values())
    }
    return Runs(found, method) if found else None


def _failure(job: Job) -> str:
    state = state_of(job)
    same = state.get("training") == job.training and state.get("testing") == job.testing
    return (state.get("failed") or "") if same else ""


def _costs(jobs: Sequence[Job]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for job in jobs:
        state = state_of(job)
        known = dict((state.get("result") or {}).get("costs", {}))
        known |= _training(job)
        for name, value in known.items():
            found.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def _training(job: Job) -> dict[str, float]:
    """Steps and time of a training, with those of the rows not shown that it starts from."""
    state = state_of(job)
    if "steps" not in state:
        return {}
    cpu = {"cpu_seconds": state["cpu_seconds"]} if "cpu_seconds" in state else {}
    found = {"steps": state["steps"], "training_seconds": state["seconds"], **cpu}
    earlier = [_training(one) for one in job.needs.values() if not one.row.shown]
    return {name: sum(one.get(name, 0) for one in (found, *earlier)) for name in found}


def as_json(report: Report) -> dict[str, Any]:
    """Everything with full precision; null where there is nothing."""
    return {
        "title": report.plan.title,
        "reference": report.plan.reference,
        "choices": [choice._asdict() for choice in report.plan.choices],
        "paper": {row.method: json_values(row.scores) for row in report.paper},
        "rows": [
            {
                "name": one.row.name,
                "against": report.plan.compared_with(one.row),
                "seeds": list(one.seeds),
                "failed": {str(seed): why for seed, why in one.failed.items()},
                "missing": list(one.missing),
                "budget": one.row.budget,
                "costs": dict(one.costs),
                "scores": {
                    group: {name: _cell(name, cell) for name, cell in scores.items()}
                    for group, scores in one.cells.items()
                },
            }
            for one in report.rows
        ],
    }


def _cell(name: str, cell: Cell) -> dict[str, Any]:
    numbers: dict[str, float | None] = {"mean": cell.mean, "std": cell.spread}
    if cell.difference is not None:
        numbers |= {
            "difference": cell.difference.mean,
            "low": cell.difference.low,
            "high": cell.difference.high,
        }
    plain = json_values({key: float("nan") if v is None else v for key, v in numbers.items()})
    seeds = [json_values({name: seed})[name] for seed in cell.seeds]
    return {**plain, "seeds": seeds, "pictures": cell.pictures, "verdict": cell.verdict}
