"""The two main scores of every test group in one table, as papers print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from blindsr.errors import printable
from blindsr.metrics.score_rows import MEAN, title_of
from blindsr.metrics.table import METRICS, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .comparison import Cell
    from .report import Report

PAIRS = (("psnr", "ssim"), ("blur_psnr", "blur_ssim"))
"""Restorers have the first, estimators the second."""
NOTHING = "–"


def lines_by_group(report: Report) -> list[list[str]]:
    """Titles, then rows of cells ``PSNR / SSIM``, those of a paper first; empty for one group.

    An asterisk marks a first score whose difference has an interval that excludes zero.
    """
    groups, names = report.groups(), report.scores()
    pair = next((pair for pair in PAIRS if pair[0] in names), None)
    if len(groups) < 2 or pair is None:
        return []
    titles = ["row", *groups, "average"]
    titles[0] = f"{METRICS[pair[0]].column} / {title_of(pair[1])}"
    lines = [titles]
    for paper in report.paper:
        if pair[0] in paper.scores:
            mean = " / ".join(show(name, paper.scores.get(name)) for name in pair)
            lines.append([paper.method, *([NOTHING] * len(groups)), mean])
    for one in report.rows:
        places = [one.cells.get(group, {}) for group in (*groups, MEAN)]
        lines.append([one.row.name, *(_cell(pair, place) for place in places)])
    return lines


def _cell(pair: tuple[str, str], scores: Mapping[str, Cell]) -> str:
    first = scores.get(pair[0])
    if first is None:
        return NOTHING
    values = (scores[name].mean if name in scores else None for name in pair)
    mark = " *" if first.difference is not None and first.difference.sure else ""
    return " / ".join(map(show, pair, values)) + mark


def as_group_table(report: Report) -> Table | None:
    """For the terminal; ``None`` for one group."""
    lines = lines_by_group(report)
    if not lines:
        return None
    table = Table(title=Text(caption_of(report)), title_justify="left")
    for number, name in enumerate(lines[0]):
        table.add_column(Text(name), justify="right" if number else "left", no_wrap=True)
    for line in lines[1:]:
        table.add_row(*(Text(printable(cell)) for cell in line))
    return table


def caption_of(report: Report) -> str:
    """What the table holds."""
    own = " or the row that it is compared with" if any(r.row.against for r in report.rows) else ""
    return (
        f"By test group; *: the difference to {report.plan.reference!r}{own} has an interval that "
        "excludes zero"
    )
