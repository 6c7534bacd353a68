"""What a blur map is worth to a restorer: the same small network with four kinds of map.

    python benchmarks/map_gain.py FOLDER --runs RUNS [--seeds 5] [--steps 1000] [-o REPORT.md]

Arms: the true map, the map of the estimator with its uncertainty, one true number per picture (its
median), and one number for all. Each is trained from scratch with every seed, for as many steps, on
the same pictures in the same order, and scored by PSNR on held-out scenes and on sharp originals
that are blurred here. FOLDER holds ``rgbd/`` and ``sr/set5`` (left out where missing). RUNS keeps
finished runs, so that the command goes on where it stopped. Differences are paired per picture,
means over seeds; intervals are bootstraps over pictures (and seeds).
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from blur_maps_pictures import rounded
from hardware import processor
from originals import originals
from torch import Tensor
from torch.nn.functional import avg_pool2d

from blindsr.data.scenes.leaves.restoration import RestorationPictures
from blindsr.imaging.files import atomic_path
from blindsr.imaging.resize import downsample, upsample
from blindsr.inference.open_model import open_model
from blindsr.losses import picture_rmse
from blindsr.metrics.bootstrap import mean_interval
from blindsr.networks.blur_sr import BlurSR

SCALE, PHASE, BORDER = 4, 1.5, 8
ARMS = ("true", "estimated", "constant", "none")
RANGES = (8.0, 5.0)  # largest sigma of the test pictures, HR pixels
NOBODY_KNOWS = 1.5  # the number of the arm that is told nothing; any would do
CROP, BATCH, RATE = 40, 6, 2e-3


class Picture(NamedTuple):
    """Tensors without a batch axis; maps at HR size, HR pixels."""

    name: str
    hr: Tensor
    lr: Tensor
    blur: Tensor
    estimate: Tensor
    scale: Tensor


def told(arm: str, picture: Picture) -> tuple[Tensor, Tensor]:
    """Sigma and its scale for an arm, both (1, H, W)."""
    if arm == "estimated":
        return picture.estimate, picture.scale
    value = {"true": picture.blur, "constant": picture.blur.median(), "none": NOBODY_KNOWS}[arm]
    return torch.zeros_like(picture.blur) + value, torch.zeros_like(picture.blur)


def estimated(items: Iterator[tuple[str, Tensor, Tensor, Tensor]], model: object) -> list[Picture]:
    found = []
    for name, hr, lr, blur in items:
        with torch.inference_mode():
            said = model.run(lr[None])  # type: ignore[attr-defined]
        unsure = torch.zeros_like(said.blur) if said.blur_scale is None else said.blur_scale
        maps = (said.blur, unsure)
        if said.blur.shape[-1] == lr.shape[-1]:  # an estimator of scale 1
            maps = tuple(SCALE * upsample(m, SCALE, phase=PHASE, method="bilinear") for m in maps)
        found.append(Picture(name, hr, lr, blur, maps[0][0], maps[1][0]))
    return found


def scenes(count: int, *, held_out: bool) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    data = RestorationPictures(
        seed=5, count=count, pictures=count, crop=None, clean=True, held_out=held_out
    )
    for i in range(count):
        sample = data[i]
        yield f"scene {i}", sample["hr"], sample["lr"], sample["blur"]


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))


def blurred(folder: Path, sigma_max: float) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    for one in originals(folder, sigma_max, scale=SCALE):
        lr = rounded(downsample(one.seen, SCALE, "area"))
        blur = torch.from_numpy(one.blur[None].astype(np.float32))
        yield one.name, tensor(one.sharp), tensor(lr), blur


def trained(arm: str, seed: int, steps: int, data: list[Picture]) -> BlurSR:
    """Train from scratch; the average of the last weights is returned."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = BlurSR(scale=SCALE, phase=PHASE)
    average = copy.deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    maps = [[avg_pool2d(m, SCALE) for m in told(arm, picture)] for picture in data]
    for step in range(steps):
        rise, fall = min(1, (step + 1) / 50), 0.5 + 0.5 * np.cos(np.pi * step / steps)
        optimiser.param_groups[0]["lr"] = RATE * rise * (0.02 + 0.98 * fall)
        parts = list(zip(*(crop(rng, data, maps) for _ in range(BATCH)), strict=True))
        lr, hr, blur, scale = (torch.stack(part) for part in parts)
        blur, scale = (
            m.repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3) for m in (blur, scale)
        )
        with torch.autocast("cpu", torch.bfloat16):
            sr = network(lr, blur, None, scale)
        loss = picture_rmse(sr.float(), hr)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimiser.step()
        with torch.no_grad():
            decay = min(0.995, step / (step + 20))
            for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
    return average.eval()


def crop(rng: np.random.Generator, data: list[Picture], maps: list[list[Tensor]]) -> list[Tensor]:
    number = int(rng.integers(len(data)))
    picture = data[number]
    top, left = rng.integers(0, picture.lr.shape[1] - CROP + 1, 2)
    parts = []
    for part, factor in ((picture.lr, 1), (picture.hr, SCALE), *((m, 1) for m in maps[number])):
        rows, columns = (slice(factor * a, factor * (a + CROP)) for a in (top, left))
        parts.append(part[:, rows, columns].float())
    if rng.random() < 0.5:
        parts = [part.flip(-1) for part in parts]
    if rng.random() < 0.5:
        parts = [part.transpose(-1, -2) for part in parts]
    return parts


def psnr(sr: Tensor, hr: Tensor) -> float:
    off = (sr.clamp(0, 1) - hr)[..., BORDER:-BORDER, BORDER:-BORDER]
    return float(-10 * torch.log10(off.square().mean()))


@torch.inference_mode()
def scores(network: BlurSR, arm: str, pictures: list[Picture]) -> list[float]:
    found = []
    for picture in pictures:
        blur, scale = (m[None] for m in told(arm, picture))
        found.append(psnr(network(picture.lr[None], blur, None, scale), picture.hr[None]))
    return found


def report(results: dict[str, dict[str, np.ndarray]], bicubic: dict[str, np.ndarray]) -> list[str]:
    lines = ["| PSNR, dB | " + " | ".join(results) + " |", "|" + "---|" * (len(results) + 1)]
    cells = [f"{bicubic[test].mean():.2f}" for test in results]
    lines.append("| bicubic | " + " | ".join(cells) + " |")
    for arm in ARMS:
        cells = [
            f"{results[test][arm].mean():.2f} ± {results[test][arm].mean(1).std(ddof=1):.2f}"
            for test in results
        ]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    lines += ["", "| gain, dB, 95 % interval | " + " | ".join(results) + " |"]
    lines.append("|" + "---|" * (len(results) + 1))
    for one, other in (
        ("true", "none"),
        ("constant", "none"),
        ("estimated", "none"),
        ("estimated", "constant"),
    ):
        cells = []
        for test in results:
            gain, low, high = mean_interval(results[test][one] - results[test][other])
            worse = int(((results[test][one] - results[test][other]).mean(0) < 0).sum())
            cells.append(f"{gain:+.2f} ({low:+.2f} to {high:+.2f}), worse on {worse}")
        lines.append(f"| {one} over {other} | " + " | ".join(cells) + " |")
    shares = []
    for arms in results.values():
        none = arms["none"].mean()
        shares.append(f"{(arms['estimated'].mean() - none) / (arms['true'].mean() - none):.0%}")
    return [*lines, "| estimated: share of what true maps gain | " + " | ".join(shares) + " |"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--model", help="estimator; the model in the box if not given")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    arguments.runs.mkdir(parents=True, exist_ok=True)
    model = open_model(arguments.model, torch.device("cpu"), "float32", None).estimator
    tests = {"held-out scenes": estimated(scenes(40, held_out=True), model)}
    if (arguments.folder / "rgbd").is_dir():
        for largest in RANGES:
            items = estimated(blurred(arguments.folder, largest), model)
            tests[f"originals, sigma 0 to {largest:g}"] = items
    data: list[Picture] = []
    for seed in range(arguments.seeds):
        for arm in arguments.arms:
            path = arguments.runs / f"{arm}_{seed}.json"
            if path.exists():
                continue
            data = data or estimated(scenes(arguments.pictures, held_out=False), model)
            start = time.process_time()
            network = trained(arm, seed, arguments.steps, data)
            found = {test: scores(network, arm, pictures) for test, pictures in tests.items()}
            found["seconds"] = [time.process_time() - start]
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(found), encoding="utf-8")
            means = {test: round(float(np.mean(v)), 3) for test, v in found.items()}
            sys.stdout.write(f"{arm} {seed} {means}\n")
            sys.stdout.flush()
    if set(arguments.arms) != set(ARMS):
        return 0
    runs = {
        arm: [
            json.loads((arguments.runs / f"{arm}_{s}.json").read_text())
            for s in range(arguments.seeds)
        ]
        for arm in ARMS
    }
    results = {t: {arm: np.array([r[t] for r in runs[arm]]) for arm in ARMS} for t in tests}
    bicubic = {
        test: np.array(
            [
                psnr(upsample(p.lr[None], SCALE, phase=PHASE, method="bicubic"), p.hr[None])
                for p in pictures
            ]
        )
        for test, pictures in tests.items()
    }
    seconds = np.mean([r["seconds"][0] for arm in ARMS for r in runs[arm]])
    lines = [
        "# What a blur map is worth to a restorer",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, torch {torch.__version__}; "
        f"`python benchmarks/map_gain.py FOLDER --runs RUNS --steps {arguments.steps}`",
        "",
        f"x{SCALE}, `BlurSR` of 0.17 M parameters, {arguments.steps} steps of {BATCH} crops, "
        f"{seconds:.0f} s of one core per run, {arguments.seeds} seeds (± is their spread); "
        f"{', '.join(f'{len(p)} {t}' for t, p in tests.items())}. No test picture chose anything.",
        "",
        *report(results, bicubic),
    ]
    text = "\n".join(lines) + "\n"
    if arguments.out:
        with atomic_path(arguments.out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
