"""``blindsr benchmark FILE``: run what is missing, then write one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from .jobs import Job
    from .plan import Plan

EXAMPLES = """examples:
  blindsr benchmark tables/demo.yaml
  blindsr benchmark my_table.yaml --shard 2/8     # a job of a cluster; the folder is shared
  blindsr benchmark my_table.yaml --join          # the table of what is finished

The same line again goes on where it stopped. A row is run again where its configuration changed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("file", metavar="FILE", help="YAML of rows and seeds, see docs/guides/benchmark.md")
    add("-o", "--out", type=Path, help="folder of runs and table, in place of the file's")
    add("--shard", metavar="I/N", default="1/1", help="run every N-th chain of rows [1/1]")
    add("--join", action="store_true", help="run nothing: write the table of what is finished")


def run(arguments: argparse.Namespace) -> int:
    """Run, compare, write; status 1 if a run failed."""
    from .plan_file import read_plan  # light: no torch before the file is right

    plan = read_plan(arguments.file, arguments.out)

    from blindsr.data.prepare.shard import Shard

    shard = Shard.read(arguments.shard)

    import sys

    from rich.console import Console

    from blindsr.callbacks.score_table import WIDE

    from .jobs import chains, jobs_of

    # what runs print goes elsewhere, so the stream is named
    width = None if sys.stdout.isatty() else WIDE
    console = Console(file=sys.stdout, width=width, highlight=False, soft_wrap=True, markup=False)
    jobs = jobs_of(plan)
    mine = [job for chain in shard.of(chains(jobs)) for job in chain]
    failed = False
    if not arguments.join:
        status = _run(mine, console)
        if status > 1:
            return status
        failed = bool(status)
    if shard.whole or arguments.join:
        return int(_write(plan, jobs, console) or failed)
    console.print(
        f"shard {arguments.shard} is done; the same line without --shard writes the table"
    )
    return int(failed)


def _run(jobs: Sequence[Job], console: Console) -> int:
    """Run what is not finished; 0, 1 if one failed, or the status of a signal."""
    import signal
    import sys
    import time

    from blindsr.callbacks import TrainingStopped
    from blindsr.cli.terminal import track_parts
    from blindsr.cli.training.quiet import quiet

    from .runs import check_folder, finished, lightning_says_less, perform

    quiet()
    if "" not in sys.path:
        sys.path.append("")  # class_path may name a module of the current folder
    for job in jobs:
        check_folder(job)
    left = [job for job in jobs if finished(job) is None]
    if len(left) < len(jobs):
        console.print(f"{len(jobs) - len(left)} of {len(jobs)} runs are finished already")
    failed: list[Job] = []
    start = time.monotonic()
    try:
        with lightning_says_less():
            for index, tell in track_parts([job.title for job in left], console, "runs"):
                job = left[index]
                broken = next((one for one in job.needs.values() if one in failed), None)
                why = perform(job, tell, console.print, broken)
                if why:
                    failed.append(job)
                console.print(_told(job, why, time.monotonic() - start, index + 1, len(left)))
    except TrainingStopped as stop:
        name = signal.Signals(stop.number).name
        sys.stderr.write(f"blindsr: stopped by {name}; the same line goes on\n")
        return 128 + stop.number
    return int(bool(failed))


def _told(job: Job, why: str | None, seconds: float, done: int, total: int) -> str:
    """One line about a run that has ended, and when the others may have."""
    import datetime

    line = f"{job.title}: {f'failed: {why}' if why else 'done'}"
    if done == total:
        return line
    left = datetime.timedelta(seconds=round(seconds / done * (total - done)))
    return f"{line} ({total - done} left, about {left})"


def _write(plan: Plan, jobs: Sequence[Job], console: Console) -> bool:
    """Print the table and write its files; whether a run has failed."""
    import json

    from blindsr.errors import DataError, printable
    from blindsr.imaging.files import atomic_path

    from .by_group import as_group_table
    from .curves import curves_markdown, curves_picture, logged_by
    from .report import as_json, make_report
    from .tables import as_markdown, as_picture, as_tables, notes_of

    report = make_report(plan, jobs)
    if not any(row.seeds for row in report.rows):
        if report.failed:
            return True
        raise DataError(plan.out, found="no finished run", expected="some, for a table")
    by_group = as_group_table(report)
    for table in (*as_tables(report, console.width), *([by_group] if by_group else [])):
        console.print(table)
    for note in notes_of(report):
        console.print(printable(note))
    logged = logged_by(plan, jobs)
    files = {
        "table.md": as_markdown(report) + curves_markdown(logged),
        "table.json": json.dumps(as_json(report), indent=2) + "\n",
    }
    for name, text in files.items():
        with atomic_path(plan.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    figures = {"table.png": as_picture(report), "curves.png": curves_picture(plan.title, logged)}
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    for name, figure in drawn.items():
        with atomic_path(plan.out / name) as temporary:
            figure.savefig(temporary)
    also = ", ".join(["table.json", *drawn])
    console.print(f"written to {plan.out / 'table.md'} (also {also})")
    return report.failed
