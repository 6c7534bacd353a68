"""Processor time and memory of `blindsr upscale`, the whole command, beside an earlier checkout.

    git worktree add ../before COMMIT
    python benchmarks/upscale_time.py ../before PHOTO.jpg ... -o benchmarks/results/upscale_time.md

Both take turns on an idle machine, each in a process of its own that starts, reads, computes and
writes; the fastest of some turns counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from hardware import idle_machine, require_idle, write_report
from PIL import Image

HERE = Path(__file__).resolve().parent.parent


class Use(NamedTuple):
    """Of one run."""

    processor: float
    """Seconds, user and system."""
    wall: float
    """Seconds."""
    memory: int
    """Bytes at the peak."""


def run(source: Path, photo: Path, threads: int) -> Use:
    """`blindsr upscale` of a checkout, as a user starts it."""
    code = "import sys; from blindsr.cli.app import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        words = ["upscale", str(photo), "-o", f"{folder}/out.png", "--device", "cpu"]
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words], env=environment, stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{source}: blindsr upscale {photo} ended with {process.returncode}")
    return Use(used.ru_utime + used.ru_stime, wall, 1024 * used.ru_maxrss)


def best(turns: list[Use]) -> Use:
    """Each of its fastest, or smallest, turn."""
    return Use(*(min(values) for values in zip(*turns, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="another checkout of this repository")
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument("-o", "--output", type=Path, help="write the table to this Markdown file")
    arguments = parser.parse_args()
    loads = [require_idle()]
    lines = []
    for threads in arguments.threads:
        lines += [
            f"### {threads} thread{'s' if threads > 1 else ''}",
            "",
            "| photograph | MP | processor s: before | now | ratio | s per MP now | wall s: before "
            "| now | GB: before | now |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for photo in arguments.photos:
            with Image.open(photo) as image:
                million = image.width * image.height / 1e6
            turns: dict[Path, list[Use]] = {arguments.before: [], HERE: []}
            for _ in range(arguments.turns):
                for source, found in turns.items():
                    found.append(run(source, photo, threads))
            old, new = (best(found) for found in turns.values())
            cells = [f"{million:.2f}", f"{old.processor:.1f}", f"{new.processor:.1f}"]
            cells += [f"{old.processor / new.processor:.2f}", f"{new.processor / million:.1f}"]
            cells += [f"{one:.1f}" for one in (old.wall, new.wall)]
            cells += [f"{one / 1e9:.2f}" for one in (old.memory, new.memory)]
            lines.append(f"| {photo.stem} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
            loads.append(require_idle())
        lines.append("")
    commit = subprocess.run(
        ["git", "-C", str(arguments.before), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    head = [
        "# Time of `blindsr upscale`",
        "",
        f"{idle_machine(loads)}. Before: commit {commit or 'unknown'}. "
        "The whole command with the model in the box and its defaults, start, PNG of 16 times the "
        f"size; best of {arguments.turns} turns; `python benchmarks/upscale_time.py BEFORE PHOTO "
        f"... --turns {arguments.turns}`",
        "",
    ]
    write_report(arguments.output, [*head, *lines])


if __name__ == "__main__":
    main()
