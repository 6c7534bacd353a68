"""The demonstration over several seeds: mean and spread of its tables.

    python benchmarks/demo.py [--seeds 0 1 2] [--work FOLDER] [-o benchmarks/results/demo.md]

Runs ``blindsr demo --full --seed S -o FOLDER/seedS`` for every seed that is not there yet, and
writes the report. A seed decides weights, order, blur and the scenes themselves.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
from pathlib import Path

import torch
from hardware import processor

from blindsr.cli.app import main as blindsr
from blindsr.imaging.files import atomic_path
from blindsr.metrics.table import METRICS, metrics_of

ROWS = ("bicubic", "constant sigma", "no maps", "true maps", "CMOS + RRDB-SFT")


def scores_of(folder: Path) -> dict:
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def spread(values: list[float], decimals: int) -> str:
    mean = f"{statistics.fmean(values):.{decimals}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}"


def row_scores(content: dict, row: str) -> dict:
    restoration = content["restoration"]
    return (restoration["others"].get(row) or restoration["scores"])["mean"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, default=Path("demo_seeds"))
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmarks/results/demo.md"))
    arguments = parser.parse_args()
    contents = []
    for seed in arguments.seeds:
        folder = arguments.work / f"seed{seed}"
        if not (folder / "restoration.png").exists():
            status = blindsr(["demo", "--full", "--seed", str(seed), "-o", str(folder)])
            if status:
                sys.exit(status)
        contents.append(scores_of(folder))
    names = [n for n in metrics_of("image") if n in row_scores(contents[0], ROWS[0])]
    lines = [
        f"# The demonstration, seeds {', '.join(map(str, arguments.seeds))}",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, one thread a stage, torch "
        f"{torch.__version__}; `python benchmarks/demo.py --seeds "
        f"{' '.join(map(str, arguments.seeds))}`",
        "",
        "Held-out embedded scenes (40 for each seed, others for another seed), mean ± standard "
        "deviation over the seeds. The validation scenes of each seed chose its checkpoints. The "
        "restorer of the blind pipeline was trained for 24 epochs (20 on true maps, 4 on estimated "
        "ones), the one without maps for 20.",
        "",
        f"| | {' | '.join(METRICS[n].column for n in names)} | over bicubic [dB] |",
        f"|---|{'---|' * (len(names) + 1)}",
    ]
    for row in ROWS:
        scores = [row_scores(content, row) for content in contents]
        cells = [spread([float(s[n]) for s in scores], METRICS[n].decimals) for n in names]
        gains = [
            s["psnr"] - row_scores(c, "bicubic")["psnr"]
            for s, c in zip(scores, contents, strict=True)
        ]
        lines.append(f"| {row} | {' | '.join(cells)} | {spread(gains, 2)} |")
    blind = [
        row_scores(c, "CMOS + RRDB-SFT")["psnr"] - row_scores(c, "no maps")["psnr"]
        for c in contents
    ]
    lines += [
        "",
        f"Blind pipeline against the restorer of the same size without maps: {spread(blind, 2)} dB "
        f"({', '.join(f'{value:+.2f}' for value in blind)}).",
        "",
        "| the estimate | " + " | ".join(f"seed {seed}" for seed in arguments.seeds) + " |",
        f"|---|{'---|' * len(contents)}",
    ]
    for key, value in contents[0]["estimate"].items():
        if isinstance(value, (int, float)):
            cells = [f"{content['estimate'][key]:.3g}" for content in contents]
            lines.append(f"| {key} | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    with atomic_path(arguments.out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
