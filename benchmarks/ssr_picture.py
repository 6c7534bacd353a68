"""Draw docs/ssr_samples.png: what samples of SSR agree on, and what LR could not tell.

    lightning fit -c experiments/svkr_demo.yaml
    lightning fit -c experiments/ssr_demo.yaml
    python benchmarks/ssr_picture.py logs/ssr_demo/last.ckpt [-o docs/ssr_samples.png]

LR is scikit-image's `astronaut` (NASA, public domain), which those trainings do not see: sharp at
the face, blurred by up to 4 HR pixels around it, reduced by 4 with the antialiased bicubic filter,
with noise of 1/255 and rounded to 8 bit.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

import blindsr
from blindsr.data.scenes.photographs import photograph
from blindsr.degradation import BlurOperator
from blindsr.imaging.resize import upsample

ROWS, COLUMNS, FACE = slice(0, 256), slice(64, 384), (110, 160)
SEED, SAMPLES = 1, 4
SHOWN = 16 / 255  # end of the scales


def main() -> None:
    """Draw the picture, and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="checkpoint or export of SSR, scale 4, bicubic")
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/ssr_samples.png"))
    arguments = parser.parse_args()
    hr, operator, lr = _picture()
    model = blindsr.load(arguments.model, device="cpu")
    model.draw(SAMPLES, SEED)
    mean, measured = model.upscale(lr, keep_blur=0, consistency=True)
    spread = model.spread
    assert spread is not None
    model.draw(1, SEED + 1)
    one = model.upscale(lr, keep_blur=0)
    model.draw(1, SEED + 2)
    apart = one - model.upscale(lr, keep_blur=0)
    seen = _array(operator(_tensor(apart)))
    start = upsample(lr, 4, phase=1.5)
    figures = {
        "bicubic, PSNR [dB]": _psnr(start, hr),
        "mean of 4 samples, PSNR [dB]": _psnr(mean, hr),
        "one sample, PSNR [dB]": _psnr(one, hr),
        "consistency of the mean [dB]": measured.decibels,
        "spread [1/255]": 255 * float(spread.mean()),
        "two samples apart [1/255]": 255 * float(np.sqrt(np.square(apart).mean())),
        "the same seen through blur and reduction [1/255]": 255
        * float(np.sqrt(np.square(seen).mean())),
    }
    for name, value in figures.items():
        print(f"{name}: {value:.2f}")
    _draw(lr, mean, spread, measured.error, apart, seen).savefig(arguments.out, dpi=110)


def _picture() -> tuple[NDArray[np.float32], BlurOperator, NDArray[np.float32]]:
    hr = photograph("astronaut")[ROWS, COLUMNS].astype(np.float32) / np.float32(255)
    rows, columns = np.mgrid[: hr.shape[0], : hr.shape[1]]
    away = np.hypot(rows - FACE[0], columns - FACE[1])
    blur = torch.from_numpy(np.clip(away / 40 - 1, 0, 4).astype(np.float32))
    operator = BlurOperator(blur[None, None], scale=4, sigma_max=5.0, downsampler="bicubic")
    clean = operator(_tensor(hr))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) / 255
    return hr, operator, _array(((clean + noise).clamp(0, 1) * 255).round() / 255)


def _draw(*parts: NDArray[np.float32]) -> Figure:
    lr, mean, spread, error, apart, seen = parts
    grey: dict[str, Any] = {"cmap": "inferno", "vmin": 0, "vmax": SHOWN}
    pictures: dict[str, tuple[NDArray[np.float32], dict[str, Any]]] = {
        "LR": (lr, {}),
        "mean of 4 samples": (mean, {}),
        "spread: what was invented": (spread, grey),
        "consistency: where LR is contradicted": (error, grey),
        "two samples apart": (np.abs(apart).mean(axis=2), grey),
        "the same, as LR sees it": (np.abs(seen).mean(axis=2), grey),
    }
    figure = Figure(figsize=(10.5, 6), layout="constrained")
    for axes, (title, (image, options)) in zip(
        figure.subplots(2, 3).flat, pictures.items(), strict=True
    ):
        drawn = axes.imshow(np.clip(image, 0, 1), interpolation="nearest", **options)
        axes.set(xticks=(), yticks=(), title=title)
    bar = figure.colorbar(drawn, ax=figure.axes, shrink=0.4, anchor=(0, 0.1))
    bar.set_label("of 1 from black to white")
    return figure


def _tensor(image: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]


def _array(image: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())


def _psnr(image: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(np.square(image - other).mean()))


if __name__ == "__main__":
    main()
