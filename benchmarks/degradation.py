"""Time of the random degradations per 256-pixel patch, one core.

    python benchmarks/degradation.py [--released BSRGAN] [-o benchmarks/results/degradation.md]

The patches are drawn here and the recipes from fixed seeds, so that anyone can repeat the run.
Ratios compare the same recipes with the blurs done the straightforward way (the density of scipy
tap by tap, ``scipy.ndimage.convolve``) in one process and carry over to other machines;
milliseconds do not. With a clone of github.com/cszn/BSRGAN the authors' code takes turns with ours
on the same patches; it draws its own recipes from the same distributions, and it, too, runs on one
thread. An idle machine is required.
"""

from __future__ import annotations

import argparse
import datetime
import random
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import scipy
import torch
from hardware import processor, require_idle
from scipy import interpolate, ndimage
from scipy.stats import multivariate_normal

from blindsr.degradation import (
    apply_recipe,
    degrade_bsrgan,
    degrade_bsrgan_plus,
    degrade_realesrgan,
)
from blindsr.degradation.random.kernel_shapes import gaussian_kernel, gaussian_taps, shifted_window
from blindsr.degradation.random.operators import convolve, convolve_separable
from blindsr.degradation.random.recipe import Recipe
from blindsr.degradation.random.steps import Blur, BlurAndStride
from blindsr.imaging import downsample

SIDE = 256
MODELS = {
    "BSRGAN": degrade_bsrgan,
    "BSRGAN-plus": degrade_bsrgan_plus,
    "Real-ESRGAN": degrade_realesrgan,
}


def draw_patch(rng):
    """Return a textured patch (256, 256, 3) with edges, float32 in [0, 1]."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    fine = cv2.GaussianBlur(rng.random((SIDE, SIDE, 3)), (0, 0), 1.2) - 0.5
    step = rng.integers(9, 40)
    image = rng.random(3) + 1.2 * fine + 0.3 * ((rows // step + columns // step) % 2)[..., None]
    for _ in range(6):
        row, column = rng.integers(0, SIDE, 2)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < rng.integers(10, 60) ** 2
        image[disc] = rng.random(3) + 0.5 * fine[disc]
    return np.clip(image, 0, 1).astype(np.float32)


def density_kernel(size, sigma_x, sigma_y, theta):
    """The definition of an anisotropic kernel, one call of the density for each tap."""
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    covariance = turn @ np.diag([sigma_x**2 + 1e-9, sigma_y**2 + 1e-9]) @ turn.T
    kernel = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            offset = [column - size // 2, row - size // 2]
            kernel[row, column] = multivariate_normal.pdf(offset, [0, 0], covariance)
    return kernel / kernel.sum()


def scipy_convolve(image, kernel):
    return ndimage.convolve(image, kernel[..., None], mode="mirror")


class PlainBlur:
    """A blur step as one would write it down."""

    def __init__(self, step):
        self.step = step

    def __call__(self, image, _lr_size):
        """Return the blurred image."""
        step = self.step
        if isinstance(step, BlurAndStride):
            window = shifted_window(step.size, step.sigma, (step.stride - 1) / 2)
            blurred = scipy_convolve(image, np.outer(window, window))
            return np.clip(blurred[:: step.stride, :: step.stride], 0, 1)
        if step.shape == "gaussian" and step.sigma_x != step.sigma_y:
            kernel = density_kernel(step.size, step.sigma_x, step.sigma_y, step.theta)
        else:
            kernel = step.kernel()
        return scipy_convolve(image, kernel)


def plain(recipe):
    """The same recipe with every Gaussian blur done the plain way."""
    steps = tuple(
        PlainBlur(step) if isinstance(step, Blur | BlurAndStride) else step for step in recipe.steps
    )
    return Recipe(recipe.pipeline, recipe.scale, steps, recipe.sharpen)


def milliseconds(function):
    start = time.perf_counter()
    result = function()
    return (time.perf_counter() - start) * 1e3, result


def bilinear(x, y, z):
    spline = interpolate.RectBivariateSpline(x, y, z.T, kx=1, ky=1)
    return lambda columns, rows: spline(columns, rows).T


def released_models(folder):
    """Functions of the authors by the names of ours; none without a folder."""
    if folder is None:
        return {}
    # both are gone from scipy since it was written; the second as scipy says to replace it
    scipy.finfo = np.finfo
    interpolate.interp2d = bilinear
    sys.path.insert(0, str(folder))
    from utils import utils_blindsr

    def seeded(degrade):
        def run(patch, seed):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - what that code draws from
            return degrade(patch, sf=4, lq_patchsize=SIDE // 4)

        return run

    return {
        "BSRGAN": seeded(utils_blindsr.degradation_bsrgan),
        "BSRGAN-plus": seeded(utils_blindsr.degradation_bsrgan_plus),
    }


def model_rows(patches, plain_count, released):
    rows = []
    for name, degrade in MODELS.items():
        theirs = []
        degrade(patches[0], np.random.default_rng(12345))  # imports and first calls
        ours, recipes = [], []
        for seed, patch in enumerate(patches):
            taken, result = milliseconds(lambda: degrade(patch, np.random.default_rng(seed)))  # noqa: B023
            ours.append(taken)
            recipes.append(result.recipe)
            if name in released:
                theirs.append(milliseconds(lambda: released[name](patch, seed))[0])  # noqa: B023
        chosen = list(zip(patches, recipes, strict=True))[:plain_count]
        slow = [milliseconds(lambda: apply_recipe(p, plain(r)))[0] for p, r in chosen]  # noqa: B023
        ratio = sum(slow) / sum(ours[: len(slow)])
        before = np.mean(theirs) if theirs else None
        rows.append((name, np.mean(ours), np.percentile(ours, 95), np.mean(slow), ratio, before))
    return rows


def median_time(function, repeats):
    results = [milliseconds(function) for _ in range(repeats)]
    return float(np.median([taken for taken, _ in results])), results[0][1]


def part_rows(image):
    wide = (25, 2.6, 1.4, 0.7)
    kernel = gaussian_kernel(*wide)
    narrow, round_one = gaussian_kernel(25, 0.9, 0.6, 0.7), gaussian_kernel(25, 2.0, 2.0)
    parts = {
        "25 x 25 kernel": (lambda: density_kernel(*wide), lambda: gaussian_kernel(*wide)),
        "convolution, sigma 2.6 / 1.4": (
            lambda: scipy_convolve(image, kernel),
            lambda: convolve(image, kernel),
        ),
        "convolution, sigma 0.9 / 0.6": (
            lambda: scipy_convolve(image, narrow),
            lambda: convolve(image, narrow),
        ),
        "convolution, isotropic": (
            lambda: scipy_convolve(image, round_one),
            lambda: convolve_separable(image, gaussian_taps(25, 2.0)),
        ),
        "MATLAB bicubic, half size": (None, lambda: downsample(image, 2, "bicubic")),
    }
    rows = []
    for name, (slow, fast) in parts.items():
        taken, result = median_time(fast, 9)
        if slow is None:
            rows.append((name, None, taken, None, None))
            continue
        before, expected = median_time(slow, 3)
        rows.append((name, before, taken, before / taken, np.abs(result - expected).max()))
    return rows


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def number(value, style):
    return "" if value is None else format(value, style)


def model_table(rows):
    header = ("model", "mean ms", "p95 ms", "plain blurs, mean ms", "ratio", "released ms", "ratio")
    lines = []
    for name, mean, high, slow, ratio, released in rows:
        faster = f"{released / mean:.1f}x" if released else ""
        cells = (f"{mean:.1f}", f"{high:.1f}", f"{slow:.0f}", f"{ratio:.0f}x")
        lines.append((name, *cells, number(released, ".0f"), faster))
    return table(header, lines)


def part_table(rows):
    header = ("part", "plain ms", "ms", "ratio", "largest difference")
    return table(
        header,
        [
            (
                n,
                number(a, ".1f"),
                f"{b:.3f}",
                number(r, ".0f") + ("x" if r else ""),
                number(d, ".0e"),
            )
            for n, a, b, r, d in rows
        ],
    )


def report(count, plain_count, released, load):
    rng = np.random.default_rng(0)
    patches = [draw_patch(rng) for _ in range(count)]
    versions = f"numpy {np.__version__}, OpenCV {cv2.__version__}, scipy {scipy.__version__}"
    lines = [
        "# Random degradations",
        "",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {processor()}, one thread, {versions}, "
        f"torch {torch.__version__}; use of the machine by others at the start {load:.0%}.",
        f"{count} drawn patches of {SIDE} x {SIDE} x 3, scale 4, recipe n from seed n; drawing the "
        "recipe is included.",
        f"Command: `{' '.join(['python benchmarks/degradation.py', *sys.argv[1:]])}`",
        "",
        f"Plain blurs: the first {plain_count} recipes again, kernels from `scipy.stats` tap by "
        "tap and `scipy.ndimage.convolve`; the ratio is that of the same recipes in this run. "
        "Released: mean of the authors' code (github.com/cszn/BSRGAN), which takes turns with ours "
        "on all patches and draws its own recipes.",
        "",
        *model_table(model_rows(patches, plain_count, released)),
        "Parts on one patch, median; the difference is to the plain result.",
        "",
        *part_table(part_rows(patches[0])),
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the tables as Markdown")
    parser.add_argument("--released", type=Path, help="clone of github.com/cszn/BSRGAN")
    parser.add_argument("--patches", type=int, default=100)
    parser.add_argument("--plain-patches", type=int, default=40)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    released = released_models(arguments.released)
    plain_count = min(arguments.patches, arguments.plain_patches)
    text = report(arguments.patches, plain_count, released, require_idle())
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
