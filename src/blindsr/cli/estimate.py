"""``blindsr estimate``: sigma map and class map of pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.errors import BlindSRError, ConfigError, DataError

from .report import print_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from blindsr.weights import LoadedEstimator

SIGMA_STEPS = 1000
"""16-bit files hold sigma times this number."""
MAX_PIXELS = 1_500_000
"""Largest picture: the maps of a larger one need more memory than most machines have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "checkpoint",
        metavar="CKPT",
        type=Path,
        help="checkpoint of `lightning fit`, or official CMOS weights (.pth)",
    )
    parser.add_argument("images", metavar="IMAGE", type=Path, nargs="+", help="pictures to look at")
    parser.add_argument(
        "-o", "--out", metavar="DIR", type=Path, required=True, help="folder to write into"
    )
    parser.add_argument(
        "--npy", action="store_true", help="also write the sigma map as float32 .npy"
    )
    parser.add_argument(
        "--layout",
        choices=("fixed", "legacy"),
        help="window layout of official weights: the six released files need 'legacy'",
    )
    parser.add_argument(
        "--reduce",
        metavar="N",
        type=int,
        default=1,
        help="estimate on a copy reduced N times; sigma is then in pixels of scale/N of the input",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")


def run(arguments: argparse.Namespace) -> int:
    """Estimate every picture; bad pictures are reported at the end (status 1), the rest is done."""
    from rich.console import Console

    from blindsr.weights import load_estimator

    console = Console(highlight=False, soft_wrap=True)
    refuse_equal_stems(arguments.images)
    if arguments.reduce < 1:
        raise ConfigError("--reduce", found=str(arguments.reduce), expected="a whole number >= 1")
    estimator = load_estimator(
        arguments.checkpoint, window_layout=arguments.layout, device=pick_device(arguments.device)
    )
    failures: list[BlindSRError] = []
    for path in progress(arguments.images, console):
        try:
            written = estimate_file(estimator, path, arguments)
        except BlindSRError as error:
            failures.append(error)
            continue
        console.print(f"{path} -> {', '.join(name.name for name in written)}")
    for failure in failures:
        print_error(failure)
    console.print(f"{len(arguments.images) - len(failures)} of {len(arguments.images)} done")
    return 1 if failures else 0


def progress(paths: list[Path], console: Console) -> Iterator[Path]:
    """Iterate with a rich bar that shows rate and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("estimating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield from bar.track(paths)


def pick_device(name: str) -> str:
    """``auto`` -> the first accelerator there is, else the CPU; other names are checked."""
    import torch

    if name == "auto":
        return str(torch.accelerator.current_accelerator(check_available=True) or "cpu")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            "--device",
            found=f"{name} ({str(error).splitlines()[0]})",
            expected="auto, cpu, or an accelerator of this machine",
        ) from error
    return name


def refuse_equal_stems(paths: list[Path]) -> None:
    """Outputs are named after the stems, so two equal ones would overwrite each other."""
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise ConfigError(
                path,
                found=f"the same name as {seen[path.stem]}",
                expected="different file names",
                fix="Run them into different folders.",
            )
        seen[path.stem] = path


def estimate_file(
    estimator: LoadedEstimator, path: Path, arguments: argparse.Namespace
) -> list[Path]:
    """Write the maps of one picture and return their paths."""
    import numpy as np

    from blindsr.imaging.io import read_rgb, write_png
    from blindsr.imaging.resize import downsample

    image = read_rgb(path)
    if arguments.reduce > 1:
        factor = arguments.reduce
        height, width = (size // factor * factor for size in image.shape[:2])
        image = np.asarray(downsample(image[:height, :width], factor, "area"), dtype=np.float32)
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise DataError(
            path,
            found=f"{image.shape[1]}x{image.shape[0]} pixels",
            expected=f"at most {MAX_PIXELS / 1e6:g} megapixels",
            fix="Estimate on a reduced copy with --reduce 2 (or more).",
        )
    sigma, classes = infer(estimator, image)
    folder, stem = arguments.out, path.stem
    written = []
    if sigma is not None:
        written += write_sigma(folder / f"{stem}_sigma", sigma, estimator, arguments)
    if classes is not None:
        write_png(folder / f"{stem}_classes.png", classes)
        written.append(folder / f"{stem}_classes.png")
    preview = write_preview(folder / f"{stem}_preview.png", image, sigma, classes, estimator)
    return [*written, preview]


def infer(
    estimator: LoadedEstimator, image: NDArray[np.float32]
) -> tuple[NDArray[np.float32] | None, NDArray[np.uint8] | None]:
    """Sigma map (s*h, s*w) and class map (s*h, s*w) of an LR image (h, w, 3) in [0, 1]."""
    import torch

    lr = torch.from_numpy(image).permute(2, 0, 1)[None].to(estimator.device)  # (1, 3, h, w)
    with torch.inference_mode():
        estimate = estimator.network(lr)
    sigma = None if estimate.blur is None else estimate.blur[0, 0].float().cpu().numpy()
    if estimate.seg_logits is None:
        return sigma, None
    return sigma, estimate.seg_logits[0].argmax(0).to(torch.uint8).cpu().numpy()


def write_sigma(
    base: Path,
    sigma: NDArray[np.float32],
    estimator: LoadedEstimator,
    arguments: argparse.Namespace,
) -> list[Path]:
    """Write ``base.png`` (16 bit) and on request ``base.npy``; return the paths."""
    import numpy as np

    from blindsr.imaging.io import atomic_path, write_png

    picture = base.with_name(f"{base.name}.png")
    steps = np.clip(np.round(sigma * SIGMA_STEPS), 0, 65535).astype(np.uint16)
    write_png(picture, steps, text=sigma_metadata(estimator, arguments.reduce))
    if not arguments.npy:
        return [picture]
    raw = base.with_name(f"{base.name}.npy")
    with atomic_path(raw) as temporary, temporary.open("wb") as file:
        np.save(file, sigma.astype(np.float32))
    return [picture, raw]


def sigma_metadata(estimator: LoadedEstimator, reduce: int) -> dict[str, str]:
    """What a reader of the 16-bit file must know."""
    return {
        "quantity": "sigma of an isotropic Gaussian, nominal",
        "unit": "HR pixels",
        "steps_per_unit": str(SIGMA_STEPS),
        "sigma_max": f"{estimator.sigma_max:g}",
        "scale": str(estimator.scale),
        "input_reduced": str(reduce),
    }


def write_preview(
    path: Path,
    image: NDArray[np.float32],
    sigma: NDArray[np.float32] | None,
    classes: NDArray[np.uint8] | None,
    estimator: LoadedEstimator,
) -> Path:
    """Picture with the coloured sigma map, its scale, and the classes with their legend."""
    from blindsr.imaging.plot import save_blur_strips

    strip: dict[str, object] = {"lr": image, "name": path.stem.removesuffix("_preview")}
    if sigma is not None:
        strip["blur_estimate"] = sigma
    if classes is not None:
        strip["seg_estimate"] = classes
    save_blur_strips(
        path, [strip], sigma_max=estimator.sigma_max, class_names=estimator.class_names
    )
    return path
