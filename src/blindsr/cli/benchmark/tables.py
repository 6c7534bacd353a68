"""The table of a benchmark: for the terminal, as Markdown, and as one picture."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from blindsr.drawing.intervals import Dot, Panel, draw_intervals
from blindsr.errors import printable
from blindsr.metrics.score_rows import MEAN, title_of
from blindsr.metrics.table import METRICS, show, split_region

from .by_group import caption_of, lines_by_group
from .comparison import Cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .report import Report, RowReport

FEW = 10
"""Pictures below which percentiles of the bootstrap are rough."""
DASH = "–"
COSTS = ("parameters", "ms / picture", "memory [MiB]")


def title(name: str) -> str:
    """Of a score's column, with its region."""
    region, rest = split_region(name)
    return f"{title_of(rest)}, {region}" if name.startswith(f"{region}_") else title_of(name)


def lines_of(name: str, cell: Cell | None) -> list[str]:
    """A cell: mean and spread, difference with its interval, and what that says."""
    if cell is None:
        return [DASH]
    short = split_region(name)[1]
    text = show(short, cell.mean)
    lines = [text if cell.spread is None else f"{text} ± {show(short, cell.spread)}"]
    if cell.difference is not None:
        mean, low, high = (_signed(short, value) for value in cell.difference)
        interval = f" ({low} to {high})" if low != DASH else ""
        lines += [f"{mean}{interval}", cell.verdict]
    return lines


def _signed(name: str, value: float) -> str:
    text = show(name, value)
    return f"+{text}" if value >= 0 else text


def name_of(one: RowReport) -> str:
    """A row's name, and what it is compared with where it is not the table's reference."""
    name, other = one.row.name, one.row.against
    return f"{name} (to {other!r})" if other not in ("", name) else name


def head_of(one: RowReport) -> list[str]:
    """Name (and what it is compared with, if that is its own choice), seeds and training."""
    name = name_of(one)
    count = len(one.seeds)
    seeds = f"{count} of {len(one.row.seeds)}" if one.failed or one.missing else str(count)
    if "steps" not in one.costs:
        return [name, seeds, one.row.budget or DASH]
    time = datetime.timedelta(seconds=round(one.costs["training_seconds"]))
    limit = f", {one.row.max_time} given" if one.row.max_time else ""
    cpu = f", CPU {one.costs['cpu_seconds']:.0f} s" if "cpu_seconds" in one.costs else ""
    return [name, seeds, f"{one.costs['steps']:.0f} steps, {time}{limit}{cpu}"]


def costs_of(one: RowReport) -> list[str]:
    """Parameters, time and memory of one picture."""
    costs = one.costs
    if "parameters" not in costs:
        return [DASH] * len(COSTS)
    millions = f"{costs['parameters'] / 1e6:.3g} M"
    memory = f"{costs['memory'] / 2**20:.3g}" if "memory" in costs else DASH
    return [millions, f"{1e3 * costs['seconds']:.3g}", memory]


def notes_of(report: Report) -> list[str]:
    """What the numbers do not say; which choice was made on which split."""
    plan, names = report.plan, report.scores()
    lower = [
        title(n) for n in names if (m := METRICS.get(split_region(n)[1])) and m.better == "lower"
    ]
    own = " (or the row named in brackets)" if any(r.against for r in plan.rows) else ""
    counts = [c.pictures for row in report.rows for c in row.cells.get(MEAN, {}).values()]
    notes = [
        f"± is the standard deviation over seeds; second line: difference to {plan.reference!r}"
        f"{own} with its 95 % interval, a paired bootstrap over pictures and seeds. Better and "
        "worse are said where it excludes zero."
    ]
    if lower:
        notes.append(f"Lower is better: {', '.join(lower)}.")
    if counts:
        most = max(counts)
        rough = " (few: intervals are rough)" if most < FEW else ""
        notes.append(f"{most} test pictures{rough}; those without a score are in no mean.")
        for one in report.rows:
            scored = max((c.pictures for c in one.cells.get(MEAN, {}).values()), default=most)
            if scored < most:
                notes.append(
                    f"{one.row.name}: {scored} of the {most} test pictures; its difference is over "
                    "these, its mean does not compare with the others' means."
                )
    if any(one.row.starts_from for one in report.rows):
        notes.append("Steps and time of a training include rows that are not shown.")
    pixels = [row.costs["pixels"] for row in report.rows if "pixels" in row.costs]
    if pixels:
        notes.append(f"Time and memory: one LR picture of {max(pixels):.0f} pixels, tensors alone.")
    chosen = [f"{choice.choice} ({_split(choice.split)})" for choice in plan.choices]
    if any(name.startswith("best") for row in report.rows for name in row.weights):
        chosen.append(f"the best weights of a training ({_split('validation')})")
    notes.append(f"Chosen: {'; '.join(chosen)}." if chosen else "Nothing was chosen by a score.")
    rules = [f"{one.row.name}: {one.rule}" for one in report.rows if one.rule]
    if rules:
        notes.append(f"{'; '.join(rules)}.")
    for one in report.rows:
        if one.row.tested == "best" and any(n and not n.startswith("best") for n in one.weights):
            notes.append(f"{one.row.name}: no best checkpoint, the newest was tested.")
        notes += [f"{one.row.name}, seed {s} failed: {why}" for s, why in one.failed.items()]
        if one.missing:
            notes.append(f"{one.row.name}: not run yet: seed {', '.join(map(str, one.missing))}")
    return notes


def _split(split: str) -> str:
    return "beforehand" if split == "none" else f"on the {split} split"


def as_tables(report: Report, width: int) -> list[Table]:
    """Tables side by side in columns that fit the terminal, below each other where they do not."""
    names = report.scores()
    blocks = [
        (title(name), [lines_of(name, _mean(row, name)) for row in report.rows]) for name in names
    ]
    for position, name in enumerate(COSTS):
        blocks.append((name, [[costs_of(row)[position]] for row in report.rows]))
    heads = [[printable(cell) for cell in head_of(row)] for row in report.rows]
    labels = list(zip(("row", "seeds", "training"), zip(*heads, strict=True), strict=True))
    left = sum(max(map(len, (name, *cells))) + 3 for name, cells in labels) + 1
    tables: list[list[int]] = [[]]
    room = width - left
    for index, (name, cells) in enumerate(blocks):
        needed = max(len(line) for line in (name, *(line for cell in cells for line in cell))) + 3
        if tables[-1] and needed > room:
            tables.append([])
            room = width - left
        tables[-1].append(index)
        room -= needed
    return [
        _table(report.plan.title if not n else "", heads, [blocks[i] for i in chosen])
        for n, chosen in enumerate(tables)
    ]


def _mean(row: RowReport, name: str) -> Cell | None:
    return row.cells.get(MEAN, {}).get(name)


def _table(
    above: str, heads: Sequence[Sequence[str]], blocks: Sequence[tuple[str, list[list[str]]]]
) -> Table:
    table = Table(title=Text(above) if above else None, title_justify="left", show_lines=True)
    for name in ("row", "seeds", "training"):
        table.add_column(name, no_wrap=True)
    for name, _ in blocks:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for number, head in enumerate(heads):
        cells = ["\n".join(block[number]) for _, block in blocks]
        table.add_row(*map(Text, head), *map(Text, cells))
    return table


def as_markdown(report: Report) -> str:
    """The table, notes, and the same by test group."""
    plan = report.plan
    parts = [f"# {plan.title}", "", *_markdown(report, MEAN, costs=True), ""]
    parts += [f"- {note}" for note in notes_of(report)]
    by_group = lines_by_group(report)
    if by_group:
        parts += ["", f"{caption_of(report)}.", "", *_piped(by_group)]
    for group in report.groups():
        parts += ["", f"## {group}", "", *_markdown(report, group, costs=False)]
    return "\n".join(parts) + "\n"


def _markdown(report: Report, group: str, *, costs: bool) -> list[str]:
    names = report.scores(group)
    first = ["row", "seeds", "training"] if costs else ["row"]
    titles = [*first, *map(title, names), *(COSTS if costs else ())]
    lines = [titles]
    for paper in report.paper if group == MEAN else ():
        scores = [show(name, paper.scores.get(name)) for name in names]
        lines.append([paper.method, *([""] * (len(first) - 1)), *scores])
        lines[-1] += [""] * (len(titles) - len(lines[-1]))
    for one in report.rows:
        scores = ["<br>".join(lines_of(n, one.cells.get(group, {}).get(n))) for n in names]
        lines.append([*head_of(one)[: len(first)], *scores, *(costs_of(one) if costs else ())])
    return _piped(lines)


def _piped(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, the first of which are its titles."""
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
        for line in (lines[0], ["---"] * len(lines[0]), *lines[1:])
    ]


def as_picture(report: Report) -> Figure | None:
    """Differences to the reference with their intervals; ``None`` where there is none."""
    rows = [
        row for row in report.rows if any(c.difference for c in row.cells.get(MEAN, {}).values())
    ]
    panels = []
    for name in report.scores():
        dots: list[Dot | None] = []
        for row in rows:
            cell = _mean(row, name)
            found = cell.difference if cell else None
            dots.append(Dot(*found, sure=found.sure) if found else None)
        if any(dots):
            metric = METRICS.get(split_region(name)[1])
            lower = ", lower is better" if metric and metric.better == "lower" else ""
            panels.append(Panel(f"{title(name)}{lower}", dots))
    if not panels:
        return None
    above = (
        f"{report.plan.title}: difference to {report.plan.reference}, 95 %; filled: excludes zero"
    )
    return draw_intervals(above, [name_of(row) for row in rows], panels)
