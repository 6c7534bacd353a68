"""PBaSR's premise with released weights, and whether a training from them beats ``--keep-blur``.

    python benchmarks/pbasr_anchor.py FOLDER --work WORK --model NAME=FILE ... [-o REPORT.md]

Twelve RGB-D pictures (FOLDER holds ``rgbd/`` and ``nyuv2/``) of which one half is blurred by sigma
4 or 8 are made 4 times smaller by bicubic and enlarged again. Texture is the energy of the
Laplacian over that of HR, as log2: 0 keeps it, in the blurred half and in the sharp one. A model
counts as it is (``--keep-blur 0``) and with the library's default of ``--keep-blur``; several files
``NAME:0=...``, ``NAME:1=...`` are seeds of one row. WORK keeps scores, so that the command goes on
where it stopped. Intervals are bootstraps over pictures (and seeds).
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np
import torch
from blur_maps_pictures import even, rounded, sharp_pictures
from hardware import processor
from torch import Tensor

import blindsr
from blindsr.imaging.files import atomic_path
from blindsr.imaging.resize import downsample, phase, upsample
from blindsr.metrics import texture_log2
from blindsr.metrics.bootstrap import Floats, Interval, mean_interval
from blindsr.metrics.table import METRICS

SCALE, SIDE, SIGMAS = 4, 256, (4.0, 8.0)
KEPT = ", --keep-blur"
BICUBIC = "bicubic"
PERCEPTUAL = ("gmsd_full", "vsi", "vif_wavelet")
COLUMNS = {"blurred": "blurred half", "sharp": "sharp half", "psnr": "PSNR [dB]"} | {
    name: METRICS[name].title for name in PERCEPTUAL
}


class Case(NamedTuple):
    """One picture with one sigma; HR (1, 3, H, W), LR of it, and the blurred half (1, 1, H, W)."""

    picture: str
    sigma: float
    hr: Tensor
    lr: Tensor
    blurred: Tensor


def cases(folder: Path) -> Iterator[Case]:
    """Every picture with every sigma, the left and the right half blurred in turn."""
    for number, (name, sharp) in enumerate(pictures(folder)):
        half = np.zeros((SIDE, SIDE), bool)
        half[:, : SIDE // 2] = True
        half = half if number % 2 else ~half
        for sigma in SIGMAS:
            hr = torch.from_numpy(np.where(half[..., None], even(sharp, sigma), sharp))
            hr = hr.permute(2, 0, 1)[None].contiguous()
            lr = downsample(hr, SCALE, method="bicubic").clamp(0, 1)
            lr = (lr * 255).round() / 255
            yield Case(name, sigma, hr, lr, torch.from_numpy(half)[None, None])


def pictures(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Squares from the middle of the RGB-D pictures, reduced so that they are sharp."""
    for name, picture, _ in sharp_pictures(folder / "rgbd"):
        yield name, square(picture)
    with h5py.File(folder / "nyuv2" / "nyu_depth_v2_labeled.mat") as file:
        for number, frame in enumerate(file["images"]):  # (3, W, H)
            picture = np.asarray(frame).transpose(2, 1, 0).astype(np.float32) / 255
            yield f"nyu_{number}", square(picture)


def square(picture: np.ndarray) -> np.ndarray:
    factor = 1.1 * SIDE / min(picture.shape[:2])
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    small = np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1)
    top, left = ((length - SIDE) // 2 for length in small.shape[:2])
    return rounded(np.ascontiguousarray(small[top : top + SIDE, left : left + SIDE]))


def scores(sr: Tensor, case: Case) -> dict[str, float]:
    """All columns of one picture."""
    sr = (sr.clamp(0, 1) * 255).round() / 255
    found = {
        "blurred": texture_log2(sr, case.hr, case.blurred),
        "sharp": texture_log2(sr, case.hr, ~case.blurred),
        "psnr": METRICS["psnr"].score(sr, case.hr, crop=SCALE),
    }
    found |= {name: METRICS[name].score(sr, case.hr, crop=SCALE) for name in PERCEPTUAL}
    return {name: float(value) for name, value in found.items()}


def scored(
    work: Path, name: str, path: str, every: list[Case], *, plain: bool
) -> dict[str, list[dict]]:
    """Scores of a model by row, from WORK where they are; ``plain`` without ``--keep-blur``."""
    file = work / f"{name.replace(':', '_').replace(' ', '_')}.json"
    rows: dict[str, list[dict]] = {name: []} if plain else {name: [], name + KEPT: []}
    if file.exists():
        rows = json.loads(file.read_text())
    model = blindsr.load(path) if len(rows[name]) < len(every) else None
    for case in every[len(rows[name]) :]:
        assert model is not None
        rows[name].append(scores(model.upscale(case.lr, keep_blur=0.0), case))
        if not plain:
            rows[name + KEPT].append(scores(model.upscale(case.lr), case))
        with atomic_path(file) as temporary:
            temporary.write_text(json.dumps(rows))
        print(f"{name}: {case.picture}, sigma {case.sigma:g}: {rows[name][-1]}", flush=True)
    return rows


def by_picture(rows: list[list[dict]], column: str) -> Floats:
    """(seeds, pictures) of a row: the mean over the sigmas of each picture."""
    values = np.array([[one[column] for one in row] for row in rows], np.float64)
    return values.reshape(len(rows), -1, len(SIGMAS)).mean(2)


def shown(found: Interval, digits: int, *, sign: bool = False) -> str:
    mean, low, high = (f"{value:{'+' if sign else ''}.{digits}f}" for value in found)
    return f"{mean} ({low} to {high})"


def table(rows: dict[str, list[list[dict]]], count: int) -> list[str]:
    """Means with their intervals."""
    lines = [f"| | seeds | {' | '.join(COLUMNS.values())} |", f"|---|---|{'---|' * len(COLUMNS)}"]
    for name, seeds in rows.items():
        cells = []
        for column in COLUMNS:
            values = by_picture(seeds, column)
            assert values.shape[1] == count
            digits = 1 if column in ("blurred", "sharp") else 2 if column == "psnr" else 3
            signed = column in ("blurred", "sharp")
            cells.append(shown(mean_interval(values), digits, sign=signed))
        lines.append(f"| {name} | {len(seeds)} | {' | '.join(cells)} |")
    return lines


def against(rows: dict[str, list[list[dict]]], rival: str, names: list[str]) -> list[str]:
    """Differences of rows to a rival: distance from 0 of both halves, and the other columns."""
    titles = {**COLUMNS, "blurred": "distance from 0, blurred half", "sharp": "…, sharp half"}
    lines = [f"Less those of *{rival}*, picture by picture:", ""]
    lines += [f"| | {' | '.join(titles.values())} |", f"|---|{'---|' * len(titles)}"]
    for name in names:
        cells = []
        for column in titles:
            values, others = (by_picture(rows[one], column) for one in (name, rival))
            if column in ("blurred", "sharp"):
                values, others = np.abs(values), np.abs(others)
            digits = 2 if column in ("blurred", "sharp", "psnr") else 4
            cells.append(shown(mean_interval(values - others.mean(0)), digits, sign=True))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument(
        "--plain",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="as it is alone: a large network takes minutes",
    )
    parser.add_argument("--rival", help="row with its default of --keep-blur to compare with")
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    every = list(cases(arguments.folder))
    place = phase(BICUBIC, SCALE)
    enlarged = [upsample(case.lr, SCALE, phase=place, method="bicubic") for case in every]
    rows = {BICUBIC: [[scores(sr, case) for sr, case in zip(enlarged, every, strict=True)]]}
    for word in (*arguments.plain, *arguments.model):
        name, _, path = word.partition("=")
        plain = word in arguments.plain
        for row, values in scored(arguments.work, name, path, every, plain=plain).items():
            rows.setdefault(row.replace(name, name.partition(":")[0]), []).append(values)
    count = len(every) // len(SIGMAS)
    report = [
        f"{datetime.date.today().isoformat()}, {processor()}, torch {torch.__version__}; {count} "
        f"pictures, {SIDE} x {SIDE} HR pixels, a half blurred by sigma "
        f"{' or '.join(f'{sigma:g}' for sigma in SIGMAS)} (a picture counts once, by their mean).",
        "",
        *table(rows, count),
    ]
    if arguments.rival:
        others = [name for name in rows if name not in (BICUBIC, arguments.rival)]
        report += ["", *against(rows, arguments.rival, others)]
    print("\n".join(report))
    if arguments.out:
        with atomic_path(arguments.out) as temporary:
            temporary.write_text("\n".join(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
