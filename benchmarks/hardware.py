"""What a benchmark says of the machine it ran on."""

import contextlib
import datetime
import os
import platform
import sys
from pathlib import Path

import psutil
import torch

from blindsr.imaging.files import atomic_path


def processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


MOST_LOAD = 0.1
"""Share of all cores that others may use while something is timed."""


def load_of_others(seconds=2.0):
    """Share of all cores in use now, while this process sleeps."""
    return psutil.cpu_percent(interval=seconds) / 100


def require_idle(most=MOST_LOAD):
    """Load of the machine.

    Raises:
        SystemExit: with one line, if others use more than ``most`` of the cores: what is measured
            beside them is not the speed of anything.
    """
    load = load_of_others()
    if load > most:
        sys.exit(
            f"other processes use {load:.0%} of this machine, at most {most:.0%} is allowed: "
            "nothing is measured. Wait until it is idle."
        )
    return load


def idle_machine(loads):
    """Date, processor, and how much others used of it at most; what was measured beside that."""
    return (
        f"{datetime.datetime.now(datetime.UTC).date().isoformat()}, {processor()}, "
        f"{os.cpu_count()} cores; others used at most {max(loads):.0%} between the runs (refused "
        f"above {MOST_LOAD:.0%}); torch {torch.__version__}"
    )


def write_report(path, lines):
    """Write a Markdown file whole, or not at all; ``None`` writes none."""
    if path:
        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(lines), encoding="utf-8")
