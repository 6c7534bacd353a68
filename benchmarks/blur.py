"""Time and accuracy of the blur operators on one 640 x 480 colour frame, one core.

    python benchmarks/blur.py [-o benchmarks/results/blur.md]

The frame is drawn here, so that anyone can repeat the run. Times are the best of a few calls in
one process; ratios compare rows of the same run and carry over to other machines, seconds do not.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from hardware import processor

from blindsr.degradation import (
    gather_blur,
    gaussian_window,
    layered_blur,
    sigma_from_depth,
    window_size,
)

HEIGHT, WIDTH = 480, 640
HEADER = ("operator", "levels", "seconds", "speed", "PSNR [dB]")


def draw_scene():
    """Return a textured room with objects in front: picture (H, W, 3) and depth (H, W)."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    depth = np.where(rows < 160, 6.0, 6.0 - 4.5 * (rows - 160) / 320) + 0.4 * columns / WIDTH
    fine = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3)), (0, 0), 1.2) - 0.5
    checks = ((rows // 24 + columns // 24) % 2)[..., None]
    image = 0.45 + 1.2 * fine + 0.15 * checks
    for _ in range(14):
        row, column = rng.integers(100, HEIGHT), rng.integers(0, WIDTH)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < rng.integers(20, 80) ** 2
        depth[disc] = rng.uniform(1.0, 4.0)
        image[disc] = rng.random(3) + 0.5 * fine[disc]
    return np.clip(image, 0, 1).astype(np.float32), depth


def brute_force(image, sigma, sigma_max):
    """The definition: each pixel sums its own truncated, renormalised window."""
    radius = window_size(sigma_max) // 2
    pad = ((radius, radius), (radius, radius), (0, 0))
    padded = np.pad(image, pad, mode="symmetric")
    scale = -0.5 / np.maximum(sigma, 1e-3) ** 2
    total, norm = np.zeros_like(image), np.zeros_like(sigma)
    for dy in range(2 * radius + 1):
        for dx in range(2 * radius + 1):
            weight = np.exp(scale * np.float32((dy - radius) ** 2 + (dx - radius) ** 2))
            total += weight[..., None] * padded[dy : dy + HEIGHT, dx : dx + WIDTH]
            norm += weight
    return total / norm[..., None]


def even_stack(image, sigma, sigma_max, levels):
    """The usual stack: equal steps of sigma, whole frames, two levels picked by index."""
    nodes = np.linspace(0, sigma_max, levels)
    windows = [gaussian_window(node, sigma_max) for node in nodes]
    stack = np.stack(
        [cv2.sepFilter2D(image, -1, w, w, borderType=cv2.BORDER_REFLECT) for w in windows]
    )
    position = np.minimum(sigma / nodes[1], levels - 1 - 1e-6)
    below = position.astype(np.int64)
    rows, columns = np.indices(sigma.shape)
    share = (position - below)[..., None].astype(np.float32)
    return (1 - share) * stack[below, rows, columns] + share * stack[below + 1, rows, columns]


def torch_blur(image, sigma, sigma_max, levels):
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    maps = torch.from_numpy(sigma)[None, None]
    blurred = gather_blur(planes, maps, sigma_max=sigma_max, levels=levels)
    return blurred[0].permute(1, 2, 0).numpy()


def best_time(function, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def psnr(result, reference):
    error = np.mean((result.astype(np.float64) - reference) ** 2)
    return -10 * np.log10(error + 1e-20)


def gather_rows(image, sigma, sigma_max, repeats):
    slow, reference = best_time(lambda: brute_force(image, sigma, sigma_max), 1)
    rows = [("brute force, numpy", "", slow, 1.0, None)]
    for name, operator in (("even OpenCV stack", even_stack), ("gather_blur, torch", torch_blur)):
        taken, result = best_time(lambda: operator(image, sigma, sigma_max, 16), repeats)  # noqa: B023
        rows.append((name, 16, taken, slow / taken, psnr(result, reference)))
    for levels in (4, 8, 16, 24, 32):
        taken, result = best_time(
            lambda: gather_blur(image, sigma, sigma_max=sigma_max, levels=levels),  # noqa: B023
            repeats,
        )
        rows.append(("gather_blur, numpy", levels, taken, slow / taken, psnr(result, reference)))
    return rows


def layered_rows(image, depth, sigma, sigma_max, repeats):
    def run(step, fill):
        return best_time(
            lambda: layered_blur(
                image, sigma, depth, sigma_max=sigma_max, merge_coc=step, fill=fill
            ),
            repeats,
        )

    slow, reference = run(0.1, True)
    rows = [("layered_blur", "0.1 px", slow, 1.0, None)]
    for step, fill in ((0.1, False), (0.5, True), (1.0, True)):
        taken, result = run(step, fill)
        name = "layered_blur" if fill else "layered_blur, no fill"
        rows.append((name, f"{step} px", taken, slow / taken, psnr(result, reference)))
    return rows


def to_markdown(title, rows):
    lines = [f"### {title}", "", "| " + " | ".join(HEADER) + " |", "|---|---|---:|---:|---:|"]
    for name, levels, seconds, ratio, score in rows:
        quality = "reference" if score is None else f"{score:.1f}"
        lines.append(f"| {name} | {levels} | {seconds:.3f} | {ratio:.1f}x | {quality} |")
    return "\n".join([*lines, ""])


def report(repeats, sigma_maxima):
    image, depth = draw_scene()
    versions = f"numpy {np.__version__}, OpenCV {cv2.__version__}, torch {torch.__version__}"
    parts = [
        "# Blur operators",
        "",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {processor()}, one thread, {versions}.",
        f"{WIDTH} x {HEIGHT} x 3 float32, drawn scene, best of {repeats} calls.",
        f"Command: `{' '.join(['python benchmarks/blur.py', *sys.argv[1:]])}`",
        "",
        "Speed is relative to the first row of each table, PSNR is against its result.",
        "",
    ]
    for sigma_max in sigma_maxima:
        for rank in (0.18, 0.6):
            sigma = sigma_from_depth(depth, sigma_max=sigma_max, focus_rank=rank)
            where = f"sigma_max {sigma_max:g}, focus rank {rank}"
            gather = gather_rows(image, sigma, sigma_max, repeats)
            parts.append(to_markdown(f"Gather, {where}", gather))
            layered = layered_rows(image, depth, sigma, sigma_max, max(1, repeats // 3))
            parts.append(to_markdown(f"Layered, {where}", layered))
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the tables as Markdown")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sigma-max", type=float, nargs="+", default=[5.0, 15.0])
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    text = report(arguments.repeats, arguments.sigma_max)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
