"""Scores of a test as rows: parsed from logged names, shown as table, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

MEAN = "mean"
TITLES = {
    "psnr": "PSNR [dB]",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "gmsd": "GMSD",
    "vif": "VIF",
    "blur_psnr": "blur PSNR [dB]",
    "blur_ssim": "blur SSIM",
    "miou": "mIoU",
}
"""Titles of the scores, in the order of the columns."""
DECIMALS = {"psnr": 2, "blur_psnr": 2}
"""Decimals where they are not 4."""


@dataclass(frozen=True)
class Row:
    """Scores of one way to do it, on one group or on average."""

    method: str
    group: str
    scores: Mapping[str, float]


def rows_of(metrics: Mapping[str, float], own: str) -> list[Row]:
    """Turn logged scores into rows: by method, groups in order, the mean last; ``own`` at the end.

    Args:
        metrics: ``test/<group>/<score>`` and ``test/<score>`` (the mean) of the tested network,
            ``test/<group>/<method>/<score>`` of others; everything else is left out.
        own: name of the tested network.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for key, value in metrics.items():
        stage, *parts = key.split("/")
        if stage != "test" or not 1 <= len(parts) <= 3:
            continue
        group = parts[0] if len(parts) > 1 else MEAN
        method = parts[1] if len(parts) == 3 else own
        found.setdefault(method, {}).setdefault(group, {})[parts[-1]] = float(value)
    order = [*(method for method in found if method != own), *([own] if own in found else [])]
    return [
        Row(method, group, found[method][group])
        for method in order
        for group in [*(g for g in found[method] if g != MEAN), MEAN]
        if group in found[method]
    ]


def columns(rows: list[Row]) -> list[str]:
    """Scores that some row has, in the usual order; unknown ones last."""
    present = dict.fromkeys(name for row in rows for name in row.scores)
    return [*(t for t in TITLES if t in present), *(n for n in present if n not in TITLES)]


def show(name: str, value: float | None) -> str:
    """A score with its usual decimals, a dash where it is undefined."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{DECIMALS.get(name, 4)}f}"


def as_cells(rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    """Titles and cells as text; the group column is left out where there is but one group."""
    names = columns(rows)
    single = len({row.group for row in rows if row.group != MEAN}) <= 1
    chosen = [row for row in rows if row.group == MEAN] if single else rows
    titles = ["method", *([] if single else ["group"]), *(TITLES.get(n, n) for n in names)]
    cells = [
        [
            row.method,
            *([] if single else [row.group]),
            *(show(name, row.scores.get(name)) for name in names),
        ]
        for row in chosen
    ]
    return titles, cells


def as_table(rows: list[Row], title: str) -> Table:
    """Rich table of the rows."""
    titles, cells = as_cells(rows)
    words = titles.index("group") + 1 if "group" in titles else 1
    table = Table(title=Text(title), title_justify="left")
    for position, name in enumerate(titles):
        is_word = position < words  # names stay whole in a narrow terminal, titles may fold
        table.add_column(Text(name), justify="left" if is_word else "right", no_wrap=is_word)
    for number, row in enumerate(cells):
        if words == 2 and number and (row[1] == MEAN or row[0] != cells[number - 1][0]):
            table.add_section()
        table.add_row(*(Text(cell) for cell in row))
    return table


def as_markdown(rows: list[Row], title: str) -> str:
    """The same as a Markdown table."""
    titles, cells = as_cells(rows)
    lines = [titles, ["---"] * len(titles), *cells]
    return "\n".join([f"{title}\n", *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def as_csv(rows: list[Row]) -> str:
    """All rows with full precision; undefined scores are empty."""
    names = columns(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "group", *names])
    for row in rows:
        values = [row.scores.get(name, math.nan) for name in names]
        writer.writerow(
            [row.method, row.group, *("" if math.isnan(v) else repr(v) for v in values)]
        )
    return text.getvalue()


def as_json(rows: list[Row], own: str) -> dict[str, dict]:
    """``scores`` of the tested network by group, ``others`` by method and group; NaN is null."""
    result: dict[str, dict] = {"scores": {}, "others": {}}
    for row in rows:
        finite = {k: v if math.isfinite(v) else None for k, v in row.scores.items()}
        place = result["scores"] if row.method == own else result["others"]
        target = place if row.method == own else place.setdefault(row.method, {})
        target[row.group] = finite
    return result
