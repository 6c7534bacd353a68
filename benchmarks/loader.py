"""Training samples per second and core, and how many cores keep one GPU busy.

    python benchmarks/loader.py [-o benchmarks/results/loader.md]

A temporary BSR folder of rendered 640 x 480 rooms is read by one process with one thread, as each
loader process does. The variants take turns within each repeat, so that a busy machine slows all of
them; the table shows the fastest repeat of each. Ratios compare rows of one run and carry over to
other machines, samples per second do not.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from hardware import processor

from blindsr.data import NYUv2BSR, render_scene
from blindsr.data.augment.blur_draw import plan_blur
from blindsr.data.files.depth_maps import encode_depth
from blindsr.data.files.sigma_maps import write_blur
from blindsr.degradation import degrade
from blindsr.imaging import to_uint8, write_png

SIZE = (480, 640)
SIGMA_MAX = 5.0
WHOLE = {
    "frozen": {},
    "zoom: paper": {"zoom": "paper"},
    "zoom: physical": {"zoom": "physical"},
    "on_the_fly": {"on_the_fly": True},
    "on_the_fly, zoom, photometric": {"on_the_fly": True, "zoom": "physical", "photometric": 0.5},
    "on_the_fly, layered": {"on_the_fly": True, "operator": "layered"},
}
CROP = [48, 48]
CROPPED = {
    "frozen, crop 48": {"crop": CROP},
    "on_the_fly, crop 48": {"on_the_fly": True, "crop": CROP},
    "on_the_fly, zoom, crop 48": {"on_the_fly": True, "zoom": "physical", "crop": CROP},
}


def write_folder(root, count):
    """Write ``count`` training pictures, a fifth of them blurred invariantly."""
    plan = plan_blur(range(count), seed=0, split="train", sigma_max=SIGMA_MAX)
    for number, draw in plan.items():
        frame = render_scene(0, number, SIZE)
        sigma = draw.blur_map(frame.depth, sigma_max=SIGMA_MAX)
        hr = frame.rgb.astype(np.float32) / np.float32(255)
        lr = degrade(hr, sigma, scale=4, sigma_max=SIGMA_MAX)
        name, base = f"{number:04d}", root / "train"
        write_png(base / "GT" / f"{name}.png", frame.rgb)
        write_png(base / "LRx4" / f"{name}.png", to_uint8(lr))
        write_png(base / "semseg" / f"{name}.png", frame.seg + np.uint8(1))
        write_png(base / "depth" / f"{name}.png", encode_depth(frame.depth))
        write_blur(base, name, sigma)


def loaders(root, variants, batch_size):
    result = {}
    for name, options in variants.items():
        data = NYUv2BSR(
            root=str(root), num_workers=0, batch_size=batch_size, holdout=0.01, **options
        )
        data.setup("fit")
        result[name] = data.train_dataloader()
    return result


def measure(chosen, repeats):
    """Return samples per second of the fastest epoch of each loader."""
    best = dict.fromkeys(chosen, 0.0)
    for _ in range(repeats):
        for name, loader in chosen.items():
            started = time.perf_counter()
            count = sum(len(batch["lr"]) for batch in loader)
            best[name] = max(best[name], count / (time.perf_counter() - started))
    return best


def table(rates, wanted):
    first = next(iter(rates.values()))
    lines = [
        f"| variant | samples / s and core | ms | share of {next(iter(rates))} | cores per GPU |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, rate in rates.items():
        cells = f"{rate:.1f} | {1000 / rate:.0f} | {rate / first:.2f} | {wanted / rate:.1f}"
        lines.append(f"| {name} | {cells} |")
    return lines


def report(rates, arguments, load):
    wanted = arguments.gpu_images_per_second
    slowest = max(rates["on_the_fly"], 1e-9)
    return [
        "# Training samples per second and core",
        "",
        f"{datetime.date.today()}, {processor()}, one process with one thread, "
        f"load of the machine at the start {load:.1f}; numpy {np.__version__}, "
        f"OpenCV {cv2.__version__}, torch {torch.__version__}.",
        f"{arguments.pictures} rendered pictures, HR 640 x 480, LR 160 x 120, PNG from the page "
        f"cache, batches of {arguments.batch_size}; best of {arguments.repeats} interleaved "
        "epochs. "
        "zoom: physical seldom zooms whole pictures, most of which reach sigma_max already.",
        f"Command: `python {' '.join(map(shlex.quote, sys.argv))}`",
        "",
        f"Cores per GPU = images that the GPU takes per second ({wanted:g}) / samples per second "
        f"and core: on_the_fly needs {wanted:g} / {slowest:.1f} = {wanted / slowest:.1f}, so "
        f"`num_workers: {int(np.ceil(wanted / slowest))}`. The main process has a core of its own.",
        "",
        *table({name: rates[name] for name in WHOLE}, wanted),
        "",
        *table({name: rates[name] for name in CROPPED}, wanted),
        "",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=11, help="one of them is held out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=5)
    # stage 1 on an H100 in bfloat16 with CUDA graphs, results/against_released_gpu.md
    parser.add_argument("--gpu-images-per-second", type=float, default=65.0)
    parser.add_argument("-o", "--out", type=Path, help="Markdown file")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), arguments.pictures)
        rates = measure(
            loaders(Path(folder), WHOLE | CROPPED, arguments.batch_size), arguments.repeats
        )
    text = "\n".join(report(rates, arguments, load))
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
