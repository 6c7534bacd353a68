"""Scores of a test as rows: parsed from logged names, shown as table, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from blindsr.metrics.regions import REGIONS
from blindsr.metrics.table import EXACT, METRICS, UNDEFINED, counted, show, split_region

MEAN = "mean"


@dataclass(frozen=True)
class Row:
    """Scores of one way to do it, on one group or on average, or in a region of its images."""

    method: str
    group: str
    scores: Mapping[str, float]
    region: str = ""

    @property
    def where(self) -> str:
        """Group and region as words."""
        return f"{self.group}: {self.region}" if self.region else self.group


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
    """Scores that some row has, in the order of the table of metrics; unknown ones last."""
    present = dict.fromkeys(name for row in rows for name in row.scores if not counted(name))
    return [*(n for n in METRICS if n in present), *(n for n in present if n not in METRICS)]


def title_of(name: str) -> str:
    """Title of a score's column, or of a count of its images."""
    if score := counted(name):
        return f"{title_of(score)}, {name.removeprefix(score + '_')}"
    return METRICS[name].column if name in METRICS else name


def by_region(rows: list[Row]) -> list[Row]:
    """Put scores of a region into a row of their own, below that of the whole images.

    A region without scores gets none. The mean gets some only if several groups have the region.
    """
    result: list[Row] = []
    for row in rows:
        parts: dict[str, dict[str, float]] = {place: {} for place in ("", *REGIONS)}
        for name, value in row.scores.items():
            place, rest = split_region(name)
            parts[place][rest] = value
        result.append(Row(row.method, row.group, parts.pop("")))
        result += [
            Row(row.method, row.group, scores, place)
            for place, scores in parts.items()
            if not all(math.isnan(value) for value in scores.values())
        ]
    seen = {(row.region, row.group) for row in result if row.group != MEAN}
    once = [place for place in REGIONS if [region for region, _ in seen].count(place) == 1]
    return [row for row in result if row.group != MEAN or row.region not in once]


def as_cells(rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    """Titles and cells as text; the group column is left out where there is but one group."""
    names = columns(rows)
    single = is_single(rows)
    titles = ["method", *([] if single else ["group"]), *map(title_of, names)]
    cells = [
        [
            row.method,
            *([] if single else [row.where]),
            *(show(name, row.scores.get(name)) for name in names),
        ]
        for row in rows
    ]
    return titles, cells


def is_single(rows: list[Row]) -> bool:
    """Whether there is nothing to tell the rows of a method apart by."""
    return not any(row.region for row in rows) and all(row.group == MEAN for row in rows)


def chosen(rows: list[Row]) -> list[Row]:
    """Rows of a table: regions apart, and the mean alone where there is but one group."""
    if len({row.group for row in rows if row.group != MEAN}) > 1:
        return by_region(rows)
    means = [row for row in rows if row.group == MEAN]
    return by_region(means or rows)


def as_table(rows: list[Row], title: str, *, width: int | None = None) -> Table:
    """Rich table of the rows.

    Args:
        rows: see :func:`rows_of`.
        title: above it.
        width: characters there are. Titles are folded to fit in; where that is not enough, columns
            are dropped as the table of metrics says, and named below. ``None`` drops nothing.
    """
    shown = chosen(rows)
    table = _table(shown, title)
    notes = footnotes(shown)
    if width is None or _width(table) <= width:
        table.caption = Text("\n".join(notes)) if notes else None
        return table
    left: list[str] = []
    table = _table(shown, title, fold=True)
    for name in _expendable(shown):
        if _width(table) <= width:
            break
        left.append(title_of(name))
        shown = [
            replace(row, scores={k: v for k, v in row.scores.items() if k != name}) for row in shown
        ]
        table = _table(shown, title, fold=True)
    notes = [*([f"too narrow for {', '.join(left)}"] if left else []), *footnotes(shown)]
    table.caption = Text("\n".join(notes)) if notes else None
    return table


def _expendable(rows: list[Row]) -> list[str]:
    """Columns that a narrow terminal drops, in this order."""
    order = {n: METRICS[n].dropped for n in columns(rows) if n in METRICS}
    return sorted((n for n, at in order.items() if at is not None), key=lambda n: order[n] or 0)


def footnotes(rows: list[Row]) -> list[str]:
    """What the numbers do not say: where lower is better, and images that no mean holds."""
    lower = [
        METRICS[n].title for n in columns(rows) if n in METRICS and METRICS[n].better == "lower"
    ]
    notes = [f"lower is better: {', '.join(lower)}"] if lower else []
    single = is_single(rows)
    groups = any(row.group != MEAN for row in rows)
    for suffix, words in ((EXACT, "exact"), (UNDEFINED, "no score")):
        for row in rows:
            counts = [
                f"{title_of(counted(n) or n).partition(' [')[0]} of {count:.0f}"
                for n, count in row.scores.items()
                if n.endswith(suffix) and count > 0
            ]
            if counts and not (groups and row.group == MEAN):  # which has the sum of the groups
                where = row.method if single else f"{row.method}, {row.where}"
                notes.append(f"{words}, not in the mean: {', '.join(counts)} ({where})")
    return notes


def _width(table: Table) -> int:
    """Characters of a line: columns, a blank on each side of them, lines between them."""
    return sum((column.width or 0) + 3 for column in table.columns) + 1


def _table(rows: list[Row], title: str, *, fold: bool = False) -> Table:
    """A table whose columns are as wide as their cells, and as their titles or words of these."""
    titles, cells = as_cells(rows)
    words = 1 if is_single(rows) else 2
    for row, line in zip(rows, cells, strict=True):
        if row.region:
            line[1] = f"  {row.region}"
    table = Table(title=Text(title), title_justify="left", caption_justify="left")
    for position, name in enumerate(titles):
        whole = [*(name.split() if fold else [name]), *(line[position] for line in cells)]
        justify: Literal["left", "right"] = "left" if position < words else "right"
        table.add_column(Text(name), justify=justify, width=max(map(len, whole)))
    for number, (row, line) in enumerate(zip(rows, cells, strict=True)):
        before = rows[number - 1] if number else row
        if words == 2 and (row.method, row.group == MEAN) != (before.method, before.group == MEAN):
            table.add_section()
        table.add_row(*(Text(cell) for cell in line))
    return table


def as_markdown(rows: list[Row], title: str) -> str:
    """The same as a Markdown table."""
    titles, cells = as_cells(chosen(rows))
    lines = [titles, ["---"] * len(titles), *cells]
    notes = [f"\n{note}" for note in footnotes(chosen(rows))]
    return "\n".join([f"{title}\n", *(f"| {' | '.join(line)} |" for line in lines), *notes]) + "\n"


def as_values(rows: list[Row]) -> tuple[list[str], list[list[Any]]]:
    """Names of columns, and rows with full precision and what the means leave out.

    An undefined score is ``None``.
    """
    names = [*columns(rows), *dict.fromkeys(n for row in rows for n in row.scores if counted(n))]
    cells = []
    for row in rows:
        values = [row.scores.get(name, math.nan) for name in names]
        cells.append([row.method, row.group, *(None if math.isnan(v) else v for v in values)])
    return ["method", "group", *names], cells


def as_csv(rows: list[Row]) -> str:
    """The same as a file; undefined scores are empty."""
    names, cells = as_values(rows)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *cells])
    return text.getvalue()


def as_json(rows: list[Row], own: str) -> dict[str, dict]:
    """Scores as JSON can hold them.

    Returns:
        ``scores`` of the tested network by group, ``others`` by method and group, and what is
        ``better`` by score. A score is null where it is undefined and ``"inf"`` where all images
        match exactly; ``<score>_exact`` and ``<score>_undefined`` count the images that a mean
        leaves out.
    """
    result: dict[str, dict] = {"scores": {}, "others": {}}
    for row in rows:
        place = result["scores"] if row.method == own else result["others"]
        target = place if row.method == own else place.setdefault(row.method, {})
        target[row.group] = json_values(row.scores)
    result["better"] = {n: METRICS[n].better for n in columns(by_region(rows)) if n in METRICS}
    return result


def json_values(scores: Mapping[str, float]) -> dict[str, float | str | None]:
    """Scores of a row by name: null, ``"inf"`` or a number, see :func:`as_json`."""
    return {name: _json_value(name, value) for name, value in scores.items()}


def _json_value(name: str, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return str(value)
    return round(value) if counted(name) else value
