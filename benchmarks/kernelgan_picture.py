"""KernelGAN and ZSSR in full on one picture, by the command that users type.

    python benchmarks/kernelgan_picture.py [--steps 3000] [-o benchmarks/results/kernelgan_picture]

LR is a part of scikit-image's `chelsea` (CC0) as the method assumes pictures to be: one oblique
Gaussian kernel everywhere, every fourth pixel, LR pixel 0 in the middle of its 4 x 4 HR pixels,
8 bit. Writes OUT.md and OUT.png. What the command has restored stays in --folder: it is made once.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from pathlib import Path

import numpy as np
import torch
from hardware import processor
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from blindsr.cli.app import main as blindsr
from blindsr.data.scenes.photographs import photograph
from blindsr.imaging.resize import upsample
from blindsr.inference.kernelgan.enlarger import EnlargementLearner, fit_enlargement
from blindsr.inference.kernelgan.fitting import Fitted
from blindsr.inference.kernelgan.resizing import reduced
from blindsr.metrics import gmsd, psnr_y, ssim_y
from blindsr.networks.kernelgan import ZSSRNet

SCALE, PHASE = 4, 1.5
ROWS, COLUMNS = slice(0, 300), slice(26, 426)
SIGMAS, ANGLE = (3.0, 1.5), 30  # HR pixels, degrees
SIDE, TOLD = 25, 300
SHOWN = (slice(100, 220), slice(60, 220))  # of HR
Array = NDArray[np.float32]


def kernel() -> torch.Tensor:
    """(25, 25), its middle 1.5 pixels behind tap 12."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE // 2 + PHASE)
    turn = np.deg2rad(ANGLE)
    along = np.cos(turn) * columns + np.sin(turn) * rows
    across = np.cos(turn) * rows - np.sin(turn) * columns
    taps = np.exp(-0.5 * ((along / SIGMAS[0]) ** 2 + (across / SIGMAS[1]) ** 2))
    return torch.from_numpy(taps / taps.sum())


def pictures() -> tuple[Array, Array]:
    """HR and LR, 8 bit as numbers from 0 to 1."""
    hr = photograph("chelsea")[ROWS, COLUMNS].astype(np.float32) / np.float32(255)
    image = torch.from_numpy(hr).permute(2, 0, 1)[None].double()
    lr = reduced(image, kernel(), SCALE)[0].permute(1, 2, 0).numpy()
    return hr, (lr * 255).round().astype(np.float32) / np.float32(255)


def run(lr: Array, steps: int, folder: Path) -> tuple[Array, float, dict[str, float]]:
    """SR, the sigma that was found, and seconds of processor time and by the clock."""
    source, out, spent = folder / "cat.png", folder / "sr.png", folder / f"seconds_{steps}.json"
    if not spent.exists():
        spent.write_text(json.dumps(restore(lr, steps, source, out)))
    sr = np.asarray(Image.open(out), np.float32) / np.float32(255)
    with Image.open(folder / "sr_sigma.png") as sigma:
        found = float(np.asarray(sigma).mean()) / float(sigma.info["steps_per_unit"])
    return sr, found, json.loads(spent.read_text())


def restore(lr: Array, steps: int, source: Path, out: Path) -> dict[str, float]:
    Image.fromarray((lr * 255).round().astype(np.uint8)).save(source)
    words = [str(source), "-o", str(out), "--model", "kernelgan", "--steps", str(steps)]
    begin, clock = time.process_time(), time.perf_counter()
    if blindsr(["upscale", *words, "--keep-blur", "0", "--save-maps", "--overwrite"]):
        raise SystemExit("blindsr upscale failed, see above")
    return {"processor": time.process_time() - begin, "clock": time.perf_counter() - clock}


def scores(sr: Array, hr: Array) -> dict[str, float]:
    """Of luma, without the 4 pixels at the border."""
    one, other = (
        torch.from_numpy(np.ascontiguousarray(x)).permute(2, 0, 1)[None] for x in (sr, hr)
    )
    metrics = {"psnr": psnr_y, "ssim": ssim_y, "gmsd": gmsd}
    return {name: float(metric(one, other, SCALE)) for name, metric in metrics.items()}


def told(lr: Array, steps: int) -> Array:
    """ZSSR told the true kernel."""
    image = torch.from_numpy(lr).permute(2, 0, 1)[None]
    torch.manual_seed(0)
    network = ZSSRNet()
    learner = EnlargementLearner(network, image, kernel().float(), SCALE, PHASE, seed=2)
    fit_enlargement(learner, steps)
    fitted = Fitted(kernel().float().numpy(), network.eval(), SCALE, PHASE)
    return fitted.upscale(image)[0].permute(1, 2, 0).numpy()


def draw(shown: dict[str, Array]) -> Figure:
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    for axes, (title, image) in zip(
        np.atleast_1d(figure.subplots(1, len(shown))), shown.items(), strict=True
    ):
        axes.imshow(np.clip(image[SHOWN], 0, 1), interpolation="nearest")
        axes.set(xticks=(), yticks=(), title=title)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--folder", type=Path, default=Path("logs/kernelgan_picture"))
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("benchmarks/results/kernelgan_picture")
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    hr, lr = pictures()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    sr, sigma, seconds = run(lr, arguments.steps, arguments.folder)
    bicubic = np.clip(upsample(lr, SCALE, phase=PHASE), 0, 1).astype(np.float32)
    nearest = lr.repeat(SCALE, 0).repeat(SCALE, 1)
    rows = {
        "bicubic": scores(bicubic, hr),
        f"ZSSR told the true kernel, {TOLD} steps": scores(told(lr, TOLD), hr),
        "KernelGAN + ZSSR": scores(sr, hr),
    }
    names = ("psnr", "ssim", "gmsd")
    lines = [
        "# KernelGAN and ZSSR in full on one picture",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, one thread, torch "
        f"{torch.__version__}, LR {lr.shape[0]} x {lr.shape[1]} of scikit-image's `chelsea` (CC0), "
        f"blurred by one Gaussian of {SIGMAS[0]} and {SIGMAS[1]} HR pixels turned by {ANGLE} "
        f"degrees, x{SCALE}: `python benchmarks/kernelgan_picture.py --steps {arguments.steps}`, "
        "which types `blindsr upscale --model kernelgan --keep-blur 0`. Luma without 4 pixels at "
        "the border.",
        "",
        f"It took {seconds['processor']:.0f} s of processor time, {seconds['clock']:.0f} s by the "
        f"clock. The kernel found is as wide as a Gaussian of {sigma:.2f} HR pixels, the true one "
        f"as one of {np.sqrt(np.mean(np.square(SIGMAS))):.2f}.",
        "",
        "| | PSNR [dB] | SSIM | GMSD |",
        "|---|---|---|---|",
    ]
    for title, row in rows.items():
        values = [f"{row[name]:.{2 if name == 'psnr' else 4}f}" for name in names]
        lines.append(f"| {title} | {' | '.join(values)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    arguments.out.with_suffix(".md").write_text(text, encoding="utf-8")
    draw({"LR": nearest, "bicubic": bicubic, "KernelGAN + ZSSR": sr, "HR": hr}).savefig(
        arguments.out.with_suffix(".png"), dpi=80
    )


if __name__ == "__main__":
    main()
