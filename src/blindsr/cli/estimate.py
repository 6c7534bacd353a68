"""``blindsr estimate``: sigma map and class map of pictures."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.errors import BlindSRError, ConfigError, WeightsError

from .device import add_device, pick_device
from .progress import track_parts
from .report import print_error

if TYPE_CHECKING:
    from blindsr.restore import Restorer

AUTO = 0
"""Value of ``--pyramid`` without a number."""
EXAMPLES = """examples:
  blindsr estimate best.ckpt photo.jpg -o maps
  blindsr estimate best.ckpt photo.jpg -o maps --pyramid --mask 1.5

Without --pyramid sigma is in HR pixels, at HR size; with it in pixels of the input, at its size."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add(
        "checkpoint",
        metavar="CKPT",
        type=Path,
        help="checkpoint of `lightning fit`, or official CMOS weights (.pth)",
    )
    add("images", metavar="IMAGE", type=Path, nargs="+", help="pictures to look at")
    add("-o", "--out", metavar="DIR", type=Path, required=True, help="folder to write into")
    add("--npy", action="store_true", help="also write the sigma map as float32 .npy")
    add(
        "--pyramid",
        metavar="LEVELS",
        type=_levels,
        nargs="?",
        const=AUTO,
        help="also look at copies reduced 2, 4, ... times and merge: tells blur beyond that of the "
        "training, in pixels of the input; LEVELS limits how many [while the short side has 64 px]",
    )
    add(
        "--mask",
        metavar="THRESHOLD",
        type=_threshold,
        help="also write a mask at the size of the input, 255 where sigma is below THRESHOLD "
        "pixels of the input (sharp), else 0",
    )
    add(
        "--layout",
        choices=("fixed", "legacy"),
        help="window layout of official weights: the six released files need 'legacy'",
    )
    add(
        "--reduce",
        metavar="N",
        type=int,
        default=1,
        help="estimate on a copy reduced N times; sigma is then in pixels of scale/N of the input; "
        "with --pyramid, begin at that copy",
    )
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Estimate every picture; bad pictures are reported at the end (status 1), the rest is done."""
    from rich.console import Console

    from .estimate_picture import Options, check_reach, estimate_picture

    console = Console(highlight=False, soft_wrap=True, markup=False)
    refuse_equal_stems(arguments.images)
    if arguments.reduce < 1:
        raise ConfigError("--reduce", found=str(arguments.reduce), expected="a whole number >= 1")
    model = open_estimator(arguments.checkpoint, arguments.device, arguments.layout)
    pyramid = arguments.pyramid is not None
    options = Options(
        arguments.out,
        reduce=arguments.reduce,
        pyramid=pyramid,
        levels=arguments.pyramid or None,
        mask=arguments.mask,
        npy=arguments.npy,
    )
    if not pyramid:
        check_reach(model, options.mask, (options.reduce,), "--pyramid reaches further.")
    failures: list[BlindSRError] = []
    for index, tell in track_parts(arguments.images, console, "pictures"):
        path = arguments.images[index]
        try:
            written = estimate_picture(model, path, options, tell)
        except BlindSRError as error:
            failures.append(error)
            continue
        console.print(f"{path} -> {', '.join(name.name for name in written)}")
    for failure in failures:
        print_error(failure)
    console.print(f"{len(arguments.images) - len(failures)} of {len(arguments.images)} done")
    return 1 if failures else 0


def open_estimator(path: Path, device: str, layout: str | None) -> Restorer:
    """Load the estimator of a file; a restorer that it may also hold is left out.

    Raises:
        FileError, WeightsError: it cannot be read, or estimates nothing.
    """
    from dataclasses import replace

    import torch

    from blindsr.engine.open import open_model
    from blindsr.restore import Restorer

    model = open_model(path, torch.device(pick_device(device)), "float32", layout)  # type: ignore[arg-type]
    if model.estimator is None:
        raise WeightsError(
            path,
            found=f"{model.title}, which estimates no maps",
            expected="a checkpoint of CMOSTask or BlindSRTask",
        )
    return Restorer(replace(model, upscaler=None))


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


def _levels(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a number of levels; write a bare --pyramid after the pictures"
        )
    return int(text)


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a sigma above 0, in input pixels")
    return value
