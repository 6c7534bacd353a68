"""What the model in the box gains over bicubic on real photographs with known blur.

    python benchmarks/upscale.py --photos FOLDER [--rgbd FOLDER] [--set5 FOLDER] [--ncnn FOLDER]

Every picture is cropped, blurred by a known map, made small by 4 with the antialiased bicubic
filter, rounded to 8 bit, and enlarged by the model and by bicubic in the right phase. The map is
that of a defocus with seeded focus: from the picture's own depth (``--rgbd``: Middlebury and
others), else from a smooth made-up one. Each picture is also scored sharp (no blur at all).
Photographs that the model was trained on are left out. PSNR of 8-bit luma, 4 pixels cropped.
The RGB-D pictures and Set5 are sharp originals; on them interpolation, sharpening and the models a
user would pick are scored as well, also with JPEG and noise.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from blur_maps_pictures import rounded
from hardware import processor
from small_model_cases import Case
from upscale_rivals import compared, quality

import blindsr
from blindsr.data.scenes.photographs import HELD_OUT, TRAIN, made_up_depth
from blindsr.degradation.defocus import sample_focus_rank, sigma_from_depth
from blindsr.degradation.paired import degrade
from blindsr.imaging.files import atomic_path, read_array, read_rgb
from blindsr.imaging.resize import phase, upsample

SCALE, SIGMA_MAX = 4, 5.0
LARGEST = 768
"""Longer side in pixels; larger photographs are reduced, which also makes them sharp."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def pictures(folder: Path) -> list[Path]:
    seen = [f"skimage_{name}" for name in (*TRAIN, *HELD_OUT)]
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    return [path for path in paths if path.stem not in seen]


def prepared(path: Path) -> np.ndarray:
    """(H, W, 3) float32 with sides that 4 divides, at most LARGEST."""
    image = read_rgb(path)
    factor = LARGEST / max(image.shape[:2])
    if factor < 1:
        size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
        image = np.clip(cv2.resize(image, size, interpolation=cv2.INTER_AREA), 0, 1)
    height, width = (side // SCALE * SCALE for side in image.shape[:2])
    return np.ascontiguousarray(image[:height, :width])


def depth_of(path: Path, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Depth beside the picture (``disp/`` for ``rgb/``), or a made-up one."""
    if path.parent.name == "rgb":
        for file in sorted((path.parent.parent / "disp").glob(f"{path.stem}.*")):
            if file.suffix == ".npz":
                with np.load(file) as content:
                    disparity = content[content.files[0]]
            else:
                disparity = read_array(file)
            disparity = np.nan_to_num(np.asarray(disparity, np.float32), posinf=0, neginf=0)
            disparity = disparity if disparity.ndim == 2 else disparity[..., 0]
            nearest = cv2.resize(disparity, size[::-1], interpolation=cv2.INTER_NEAREST)
            return 1 / np.maximum(nearest, max(float(nearest.max()) * 0.02, 1e-3))
    return made_up_depth(size, rng)


def cases(path: Path, number: int) -> dict[str, Case]:
    """A picture blurred and sharp, and what is seen of it."""
    hr = prepared(path)
    rng = np.random.default_rng([2026, number])
    depth = depth_of(path, hr.shape[:2], rng)
    sigma = sigma_from_depth(depth, sigma_max=SIGMA_MAX, focus_rank=sample_focus_rank(rng))
    found = {}
    for kind, sigma_map in (("blurred", sigma), ("sharp", np.zeros_like(sigma))):
        lr = degrade(hr, sigma_map, scale=SCALE, sigma_max=SIGMA_MAX, downsampler="bicubic")
        found[kind] = Case(path.stem, path.stem, hr, rounded(lr))
    return found


def score(model, seen: dict[str, Case]) -> dict[str, float]:
    """PSNR and SSIM of model and bicubic, blurred and sharp."""
    found = {}
    for kind, case in seen.items():
        cubic = upsample(case.lr, SCALE, phase=phase("bicubic", SCALE), method="bicubic")
        sr = model.upscale(case.lr, keep_blur=0)
        for name, result in (("bicubic", cubic), ("model", sr)):
            for metric in ("psnr", "ssim"):
                found[f"{kind}/{name}/{metric}"] = quality(metric, result, case.hr)
    return found


def rows(title: str, results: dict[str, dict[str, float]]) -> list[str]:
    lines = []
    for name, scores in [*results.items(), ("mean", None)]:
        values = scores or {
            key: statistics.fmean(one[key] for one in results.values())
            for key in next(iter(results.values()))
        }
        cells = []
        for kind in ("blurred", "sharp"):
            cubic, model = (values[f"{kind}/{who}/psnr"] for who in ("bicubic", "model"))
            ssim = [values[f"{kind}/{who}/ssim"] for who in ("bicubic", "model")]
            cells += [f"{cubic:.2f}", f"{model:.2f}", f"{model - cubic:+.2f}"]
            cells += [f"{ssim[1] - ssim[0]:+.4f}"]
        label = f"**{title}, mean**" if scores is None else name
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def summary(gains: list[float]) -> str:
    return f"mean {statistics.fmean(gains):+.2f} dB, least {min(gains):+.2f} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--rgbd", type=Path)
    parser.add_argument("--set5", type=Path)
    parser.add_argument("--model", help="default: the model in the box")
    parser.add_argument("--ncnn", type=Path, help="folder of .param and .bin files of Real-ESRGAN")
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = blindsr.load(arguments.model)
    started, number, everything, lines = time.time(), 0, {}, []
    originals: dict[str, list[Case]] = {}
    for title in ("photos", "rgbd", "set5"):
        folder = getattr(arguments, title)
        if folder is None:
            continue
        results = {}
        for path in pictures(folder):
            if title == "rgbd" and path.parent.name != "rgb":
                continue
            seen = cases(path, number)
            results[path.stem] = score(model, seen)
            for kind, case in seen.items() if title != "photos" else ():
                originals.setdefault(kind, []).append(case)
            number += 1
        lines += rows(title, results)
        everything |= {f"{title}/{name}": scores for name, scores in results.items()}
    if not everything:
        parser.error("name at least one folder of pictures")
    lines += [rows("all", everything)[-1]]
    gains = {
        kind: [
            one[f"{kind}/model/psnr"] - one[f"{kind}/bicubic/psnr"] for one in everything.values()
        ]
        for kind in ("blurred", "sharp")
    }
    report = [
        "# The model in the box on real photographs",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, torch {torch.__version__}, "
        f"{time.time() - started:.0f} s; `python benchmarks/upscale.py --photos … --rgbd … "
        f"--set5 …`; {model.describe()}",
        "",
        f"{len(everything)} pictures, none of them used in training. Gain over bicubic with blur: "
        f"{summary(gains['blurred'])}; on sharp pictures: {summary(gains['sharp'])}.",
        "",
        "| picture | blurred: bicubic | model | gain [dB] | SSIM gain | sharp: bicubic | model | "
        "gain [dB] | SSIM gain |",
        f"|{'---|' * 9}",
        *lines,
        *(compared(originals, model, arguments.ncnn) if originals else ()),
    ]
    text = "\n".join(report) + "\n"
    if arguments.out:
        with atomic_path(arguments.out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
