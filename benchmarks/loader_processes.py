"""Samples per second of a loader by its workers, and frames per second of a preparation by its.

    python benchmarks/loader_processes.py [-o benchmarks/results/loader_processes.md]

Rows of one table take turns and the fastest turn counts, so that a busy machine slows all of them.
Frames include the start of the processes, which a whole data set does not feel.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import io
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from hardware import processor
from loader import SIZE, write_folder

from blindsr.cli.app import main as blindsr
from blindsr.data import NYUv2BSR, render_scene
from blindsr.data.files.depth_maps import encode_depth
from blindsr.imaging import write_png

PARTS = {"HR": "GT", "LR": "LRx4", "classes": "semseg", "depth": "depth"}


def rate(work: Callable[[], int]) -> float:
    """Items per second of wall time."""
    began = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - began)


def epoch(root: Path, workers: int, epochs: int, **options: object) -> int:
    data = NYUv2BSR(root=str(root), num_workers=workers, batch_size=5, holdout=0.01, **options)
    data.setup("fit")
    loader = data.train_dataloader()
    count = sum(len(batch["lr"]) for _ in range(epochs) for batch in loader)
    del loader
    gc.collect()  # its workers end now, not within those of a preparation
    return count


def prepare(folder: Path, workers: int, operator: str) -> int:
    out = folder / f"{operator}_{workers}_{time.monotonic_ns()}"
    words = ["prepare", "folder", "--images", folder / "rgb", "--depth", folder / "depth"]
    words += ["--out", out, "--operator", operator, "--workers", workers, "--sigma-max", 5]
    with contextlib.redirect_stdout(io.StringIO()):
        assert blindsr([str(word) for word in words]) == 0
    return len(list((folder / "rgb").iterdir()))


def write_rgbd(folder: Path, count: int) -> None:
    for number in range(count):
        frame = render_scene(0, number, SIZE)
        write_png(folder / "rgb" / f"{number:03d}.png", frame.rgb)
        write_png(folder / "depth" / f"{number:03d}.png", encode_depth(frame.depth))


def rows(title: str, item: str, runs: dict[str, Callable[[], int]], repeats: int) -> list[str]:
    best = dict.fromkeys(runs, 0.0)
    for _ in range(repeats):
        for name, run in runs.items():
            best[name] = max(best[name], rate(run))
    first = next(iter(best.values()))
    lines = [f"| {title} | {item}s / s | ratio |", "|---|---:|---:|"]
    return [*lines, *(f"| {name} | {one:.2f} | {one / first:.2f} |" for name, one in best.items())]


def sizes(root: Path) -> list[str]:
    """Bytes of one training sample on disk, by part."""
    found = {
        name: np.mean([path.stat().st_size for path in (root / "train" / part).iterdir()])
        for name, part in PARTS.items()
    }
    shown = ", ".join(f"{name} {size / 1e3:.0f} kB" for name, size in found.items())
    return [f"One training sample on disk ({SIZE[1]} x {SIZE[0]}, rendered): {shown}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=11, help="one of them is held out")
    parser.add_argument("--frames", type=int, default=6, help="that are prepared")
    parser.add_argument("--epochs", type=int, default=3, help="read at a time")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("-o", "--out", type=Path, help="Markdown file")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder / "bsr", arguments.pictures)
        write_rgbd(folder, arguments.frames)
        reading = {
            f"on_the_fly, {count} workers": lambda count=count: epoch(
                folder / "bsr", count, arguments.epochs, on_the_fly=True
            )
            for count in arguments.workers
        }
        preparing = {
            kind: {
                f"prepare folder, {count} workers": lambda count=count, kind=kind: prepare(
                    folder, count, kind
                )
                for count in arguments.workers
                if count
            }
            for kind in ("layered", "gather")
        }
        lines = [
            "# Loaders and preparations by workers",
            "",
            f"{datetime.date.today()}, {processor()}, {os.cpu_count()} processors, load of the "
            f"machine {load:.1f} before and {os.getloadavg()[0]:.1f} while it ran; torch "
            f"{torch.__version__}. Best of {arguments.repeats} turns.",
            *sizes(folder / "bsr"),
            "",
            *rows("loader", "sample", reading, arguments.repeats),
            "",
            *rows("layered", "frame", preparing["layered"], arguments.repeats),
            "",
            *rows("gather", "frame", preparing["gather"], arguments.repeats),
            "",
            f"`python {shlex.join(sys.argv)}`",
        ]
    text = "\n".join(lines)
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
